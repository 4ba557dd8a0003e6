"""The pipelines pane, wired."""

from __future__ import annotations

from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.pipelines.actions import pipelines_actions, target_of
from cockpit.pipelines.adapter import CockpitAdapter
from cockpit.pipelines.columns import PIPELINES_COLUMNS, state
from cockpit.pipelines.discover import remote
from cockpit.pipelines.moments import moments
from cockpit.pipelines.report import report
from cockpit.pipelines.run import Run
from cockpit.pipelines.views import pipelines_views
from cockpit.session.pane import Pane

HINT = 'nothing to read{of}; start "cockpit serve"{on} and write [[pipelines]] with name, url and token_env'


def build(settings: Settings) -> Pane[Run]:
    """No I/O but, where no source is configured, a look at the git remote of the working directory, for the hint."""
    sources = {source.name: source for source in settings.pipelines}
    return Pane(
        name="pipelines",
        title="Pipelines",
        feed=Feed(tuple(CockpitAdapter(source) for source in sources.values()), hint="" if sources else hint()),
        columns=PIPELINES_COLUMNS,
        sort="age",
        descending=True,
        report=report,
        target=target_of,
        search=_search,
        subject=lambda run: run.repository.rpartition("/")[2],
        actions=pipelines_actions(sources),
        views=pipelines_views(sources),
        moments=moments,
        notes=lambda: [source.note for source in settings.pipelines if source.note],
        production=frozenset(name for name, source in sources.items() if source.production),
        read_only=bool(sources) and all(source.read_only for source in settings.pipelines),
    )


def hint() -> str:
    """What to write where; names the repository that one stands in."""
    repository = remote().partition("/")[2]
    if not repository:
        return HINT.format(of="", on="")
    return HINT.format(of=f" of {repository}", on=f' with [[server.repositories]] name = "{repository}"')


def _search(run: Run) -> str:
    parts = (run.repository, f"#{run.number}", run.name, run.ref, run.sha, state(run), run.event, run.actor, run.source)
    return " ".join(parts).lower()
