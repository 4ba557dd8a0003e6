"""The metrics pane, wired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cockpit.config.settings import MetricsSource, Settings
from cockpit.feeds.feed import Feed
from cockpit.metrics import timing
from cockpit.metrics.catalogue import Catalogue, DirectCatalogue, PrometheusCatalogue
from cockpit.metrics.columns import METRICS_COLUMNS
from cockpit.metrics.completion import Completion, complete
from cockpit.metrics.direct import DirectAdapter
from cockpit.metrics.panel import Panel
from cockpit.metrics.prometheus import Explorer, PrometheusAdapter
from cockpit.metrics.report import report
from cockpit.metrics.views import METRICS_VIEWS
from cockpit.model import errors
from cockpit.session.pane import Pane
from cockpit.tasks.action import Target

HINT = 'nothing to read; write [[metrics]] with name = "prod" and url = "http://localhost:9090" into the configuration'


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsPane(Pane[Panel]):
    """The pane, and what a typed query needs: its sources by name, in the order of the configuration."""

    explorers: Mapping[str, Explorer] = field(default_factory=dict)
    catalogues: Mapping[str, Catalogue] = field(default_factory=dict)

    async def explore(self, source: str, query: str, range_: str = "1h") -> Panel:
        """The panel of a query typed now; `range_` is a Prometheus duration. Raises `model.errors`.

        What is wrong with the query itself is the panel's `error`, with its `position`.
        """
        explorer = self.explorers.get(source)
        if explorer is None:
            raise errors.NotFound(f"no source {source!r}; configured: {', '.join(self.explorers) or 'none'}")
        return await explorer.explore(query, timing.duration(range_))

    async def complete(self, source: str, text: str, cursor: int) -> Sequence[Completion]:
        """What may stand at the cursor. Raises `model.errors`."""
        catalogue = self.catalogues.get(source)
        return () if catalogue is None else await complete(text, cursor, catalogue)


def build(settings: Settings) -> MetricsPane:
    """No I/O: the feed starts when it is run."""
    adapters = tuple(_adapter(source) for source in settings.metrics)
    return MetricsPane(
        name="metrics",
        title="Metrics",
        feed=Feed(adapters, hint=HINT),
        columns=METRICS_COLUMNS,
        sort="title",
        report=report,
        target=_target,
        search=_search,
        subject=lambda panel: panel.title,
        views=METRICS_VIEWS,
        notes=lambda: [source.note for source in settings.metrics if source.note],
        production=frozenset(source.name for source in settings.metrics if source.production),
        explorers={adapter.name: adapter for adapter in adapters},
        catalogues={adapter.name: _catalogue(adapter) for adapter in adapters},
    )


def _adapter(source: MetricsSource) -> PrometheusAdapter | DirectAdapter:
    return DirectAdapter(source) if source.direct else PrometheusAdapter(source)


def _catalogue(adapter: PrometheusAdapter | DirectAdapter) -> Catalogue:
    return DirectCatalogue(adapter) if isinstance(adapter, DirectAdapter) else PrometheusCatalogue(adapter.source)


def _target(panel: Panel) -> Target:
    return Target(f"metrics/{panel.key}", panel.title, panel.production, panel.read_only)


def _search(panel: Panel) -> str:
    """Of the labels, the values: a scope names a host, a pod or a job."""
    values = {value for series in panel.series for _, value in series.labels}
    return " ".join((panel.source, panel.title, panel.query, *sorted(values))).lower()
