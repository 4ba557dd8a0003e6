"""Tables of kinds over the screen, contexts and namespaces, and every form of filter."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec import Struct

from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.listing.cells import Cell, Column
from cockpit.listing.views import View
from cockpit.model import clock, errors, health
from cockpit.model.changes import Reset
from cockpit.model.tone import GLYPHS, Tone
from cockpit.session import catalogue
from cockpit.session.pane import Drill, Facet, Login, Opening, Pane
from cockpit.tasks.action import Target
from cockpit.tasks.terminal import Lend
from cockpit.tui.opening import DEEPEST
from cockpit.tui.screens.pane import PaneScreen


class Row(Struct, frozen=True):
    key: str
    source: str
    namespace: str
    name: str
    fault: bool = False


def rows(source: str, kind: str, namespaces: Iterable[str] = ("shop", "web")) -> list[Row]:
    return [
        Row(f"{source}/{kind}/{space}/{n}", source, space, f"{kind}-server-{n}", fault=n == 2)
        for space in namespaces
        for n in (1, 2)
    ]


def _tone(row: Row) -> Tone:
    return Tone.BAD if row.fault else Tone.GOOD


COLUMNS: tuple[Column[Row], ...] = (
    Column("source", "SOURCE", 8, lambda r, _: Cell(r.source), lambda r: (r.source, r.namespace, r.name)),
    Column("namespace", "NAMESPACE", 10, lambda r, _: Cell(r.namespace), lambda r: (r.namespace, r.name)),
    Column("name", "NAME", 22, lambda r, _: Cell(r.name), lambda r: (r.name, r.namespace)),
    Column(
        "state", "STATE", 8, lambda r, _: Cell("bad" if r.fault else "up", _tone(r), GLYPHS[_tone(r)]),
        lambda r: (not r.fault, r.name),
    ),
)  # fmt: skip


class Clusters:
    """Three contexts, one of them dead, and what was asked of them."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory
        self.selected: list[str] = []
        self.steady = clock.steady
        self.refused = ""
        self.death: errors.SourceError = errors.Unreachable("dead: no answer")
        self.asked: list[str] = []
        self.waiting: list[str] = []
        self.answer = asyncio.Event()
        self.answer.set()
        self.made: list[Any] = []

    def pane(self, kind: str, *, only: str = "", title: str = "") -> Pane[Row]:
        names = (only,) if only else ("prod", "edge", "dead")
        adapters = [self.memory(name, rows(name, kind)) for name in names]
        for adapter in adapters:
            if adapter.name == "dead":
                adapter.broken = self.death
        self.made += adapters
        feed: Feed[Row] = Feed(adapters, hint="no contexts", backoff_seconds=(30.0, 60.0), steady=self.steady)

        def select(labels: str) -> None:
            self.selected.append(labels)
            for adapter in adapters:
                if labels == self.refused:
                    adapter.fail(errors.Refused(f"{adapter.name}: unable to parse requirement: {labels}"))
                elif adapter.name != "dead":
                    adapter.mend()
                    kept = [row for row in rows(adapter.name, kind) if not labels or labels == f"n={row.name[-1]}"]
                    adapter.items = {row.key: row for row in kept}
                    adapter._says.put_nowait(Reset(tuple(kept)))

        return Pane(
            name=kind,
            title=title or kind.title(),
            feed=feed,
            columns=COLUMNS,
            sort="source",
            report=lambda row, _: row,
            target=lambda row: Target(row.key, row.name),
            search=lambda row: f"{row.source} {row.namespace}/{row.name}",
            subject=lambda row: row.name,
            views=(View(f"{kind}.yaml", "YAML", "y", self._yaml),),
            drills=(Drill(f"{kind}.inside", "Inside", ">", lambda row: self.pane("pods", title="Pods")),),
            enter=f"{kind}.inside",
            openings=tuple(
                Opening(f"open.{name}", name.title(), (name, short), lambda name=name: self.pane(name),
                        ((f"{name}.yaml", "y", "YAML"),) if kind == "pods" else ())
                for name, short in (("deployments", "deploy"), ("namespaces", "ns"), ("pods", "po"))
            ),
            find=self.find,
            facets=(
                Facet(
                    "context", "ctx", lambda row: row.source,
                    lambda: [(name, health.state(state)) for name, state in feed.health.items()],
                    "@", True, self.elsewhere,
                ),
                Facet(
                    "namespace", "ns", lambda row: row.namespace,
                    lambda: [(n, str(c)) for n, c in Counter(row.namespace for row in feed.items.values()).items()],
                ),
            ),
            select=select,
            logins=lambda: [Login(name, self._log_in) for name in self.waiting],
            tone=_tone,
        )  # fmt: skip

    async def _yaml(self, row: Row) -> Any:
        yield f"kind: {row.name}"

    async def _log_in(self, _: Lend) -> None:
        self.waiting.clear()
        for adapter in self.made:
            adapter.mend()

    async def find(self, word: str) -> Pane[Row]:
        self.asked.append(word)
        await self.answer.wait()
        if word != "certificates":
            raise errors.NotFound(f"prod: the server has no resource {word!r}; there is certificates")
        return self.pane(word)

    async def elsewhere(self, context: str) -> Pane[Row]:
        if context != "kind-laptop":
            raise errors.NotFound(f"no context {context!r}; there are prod, kind-laptop")
        return self.pane("pods", only=context, title=f"Pods · {context}")


@pytest.fixture
def clusters(world: Any, memory: Any) -> Clusters:
    made, plain = Clusters(memory), world.pane
    world.pane = lambda name: made.pane("pods") if name == "pods" else plain(name)
    return made


@pytest.fixture
def pods(drive: Any, clusters: Clusters) -> Callable[..., Any]:
    """The app with the pods pane over the whole screen."""

    class Opened:
        def __init__(self, **options: Any) -> None:
            self._running = drive(**{"size": (100, 24), **options})

        async def __aenter__(self) -> Any:
            self.app = await self._running.__aenter__()
            await self.app.press("2")
            await self.app.shows("pods-server-1")
            return self.app

        async def __aexit__(self, *error: Any) -> None:
            await self._running.__aexit__(*error)

    return Opened


async def say(app: Any, text: str, sign: str = "colon") -> None:
    await app.press(sign, "ctrl+u")
    await app.type(text)
    await app.press("enter")


# -- kinds ---------------------------------------------------------------------------------------------


async def test_a_kind_opens_by_any_of_its_names_and_escape_goes_back(pods: Any, clusters: Clusters) -> None:
    async with pods() as app:
        await say(app, "deploy")
        await app.shows("Deployments  8", "deployments-server-1")
        await app.press("enter")
        await app.shows("Inside · deployments-server-1")
        await say(app, "deployments")
        await app.shows("deployments-server-2")
        await app.press("escape")
        await app.shows("Inside · deployments-server-1")
        await app.press("escape")
        await app.shows("Deployments  8")
        await app.press("escape")
        await app.shows("2 Pods")
        await app.until(lambda: all(made.watching == made.left for made in clusters.made[3:]), "the feeds ended")
        assert app.app.keymap._panes["pods"] is app.frame("pods").pane


async def test_opening_and_closing_leaves_nothing_behind(pods: Any, clusters: Clusters) -> None:
    async with pods() as app:
        for _ in range(8):
            await say(app, "deploy")
            await app.shows("Deployments  8")
            await app.press("escape")
            await app.shows("2 Pods")
        await app.until(lambda: all(made.watching == made.left for made in clusters.made[3:]), "the feeds ended")
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert sum(name.startswith("pane:deployments") for name in names) == 0
        assert len(app.app.screen_stack) == 1
        assert app.app.keymap._opened == []


async def test_the_same_table_is_not_stacked_twice_and_the_stack_is_bounded(pods: Any) -> None:
    async with pods() as app:
        await say(app, "deploy")
        await app.shows("Deployments  8")
        await say(app, "deploy shop")
        await app.shows("Deployments  4/8", "ns shop")
        assert len(app.app.screen_stack) == 2
        for n in range(DEEPEST + 3):
            await say(app, "po" if n % 2 else "deploy")
            await app.until(lambda: app.app.focused is not None)
        await say(app, "po")
        await say(app, "deploy")
        await app.shows("Deployments")
        assert sum(isinstance(screen, PaneScreen) for screen in app.app.screen_stack) == DEEPEST


async def test_a_word_that_nothing_answers_to_is_asked_of_the_servers(pods: Any, clusters: Clusters) -> None:
    clusters.answer.clear()
    async with pods() as app:
        await say(app, "certificates")
        await app.shows("looking it up ...")
        clusters.answer.set()
        await app.shows("Certificates  8", "certificates-server-1")
        assert clusters.asked == ["certificates"]
        await say(app, "certs")
        await app.shows("the server has no resource 'certs'", "there is")
        await app.press("backspace", "escape")
        await app.gone("has no resource")


async def test_leaving_the_prompt_ends_the_search(pods: Any, clusters: Clusters) -> None:
    clusters.answer.clear()
    async with pods() as app:
        await say(app, "certificates")
        await app.shows("looking it up ...")
        await app.press("escape")
        await app.gone("looking it up")
        clusters.answer.set()
        await app.press("F")
        await app.shows("faults only")
        assert len(app.app.screen_stack) == 1


async def test_a_silent_server_is_given_up(pods: Any, clusters: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.tui.screens.pane_keys.LOOK_UP_SECONDS", 0.2)
    clusters.answer.clear()
    async with pods() as app:
        await say(app, "certificates")
        await app.shows("no answer within 0 s")


async def test_keys_of_an_opening_and_of_what_it_opens(pods: Any, clusters: Clusters) -> None:
    panes = {"pods": clusters.pane("pods")}
    assert catalogue.problems(panes, {"open.deployments": "f5", "deployments.yaml": "f6"}) == []
    async with pods(settings=Settings(keys={"open.deployments": "f5", "deployments.yaml": "f6"})) as app:
        await app.press("f5")
        await app.shows("Deployments  8")
        await app.press("question_mark")
        await app.shows("Keys of the deployments pane", "f6", "YAML", "Faults only")
        await app.press("escape", "f6")
        await app.shows("kind: deployments-server-1")


async def test_letters_that_come_in_one_piece_with_the_colon_go_into_the_field(pods: Any) -> None:
    from textual import events

    async with pods() as app:
        for key in ("colon", "y", "y", "F"):
            app.app.post_message(events.Key(key, ":" if key == "colon" else key))
        await app.until(lambda: getattr(app.app.focused, "value", "") == "yyF", "all letters in the field")
        assert len(app.app.screen_stack) == 1


# -- contexts and namespaces -------------------------------------------------------------------------------


async def test_contexts_and_namespaces_narrow_and_are_said(pods: Any) -> None:
    async with pods() as app:
        await app.shows("▲ stale", "dead: no answer")
        await app.press("colon")
        await app.type("ctx ")
        await app.shows("prod", "live", "stale")
        await app.type("prod")
        await app.press("enter")
        await app.shows("ctx prod", "4/8", "● live")
        await app.gone("dead: no answer")
        await say(app, "ns shop")
        await app.shows("ctx prod ns shop", "2/8")
        await say(app, "deploy")
        await app.shows("Deployments", "ctx prod ns shop")
        await app.press("escape")
        await say(app, "ctx dead")
        await app.shows("ctx dead", "▲ stale", "dead: no answer")
        await say(app, "context all")
        await app.shows("ns shop", "4/8")
        await app.press("0")
        await app.gone("ns shop")
        await say(app, "pods web @edge")
        await app.shows("ctx edge ns web", "2/8")
        await say(app, "ns")
        await app.shows("Namespaces", "namespaces-server-1")


async def test_a_context_of_the_kubeconfig_opens_as_a_table_of_its_own(pods: Any) -> None:
    async with pods() as app:
        await say(app, "ctx prod")
        await say(app, "ns shop")
        await say(app, "ctx kind-laptop")
        await app.shows("Pods · kind-laptop  2/4 kind-laptop ns shop", "● live")
        await app.press("escape")
        await say(app, "ctx nowhere")
        await app.shows("no context 'nowhere'", "kind-laptop")


async def test_a_login_that_a_source_waits_for_is_a_key_away(pods: Any, clusters: Clusters) -> None:
    clusters.death, clusters.waiting = errors.Denied("dead: login needed; run: tsh kube login dead"), ["dead"]
    async with pods() as app:
        await app.shows("login needed; run: tsh kube login dead", "ctrl+l log in")
        await app.press("ctrl+l")
        await app.shows("logged in", "Pods  12", "● live")
        await app.press("ctrl+l")
        await app.shows("no source waits for a login")


# -- filters -----------------------------------------------------------------------------------------------


async def test_labels_are_selected_when_the_line_is_entered_and_a_refusal_keeps_the_rows(
    pods: Any, clusters: Clusters
) -> None:
    clusters.refused = "n=bad"
    async with pods() as app:
        await say(app, "ctx prod")
        await app.shows("4/8")
        await app.press("slash")
        await app.type("-l n=1 web")
        await app.shows("1 Fleet" if app.app.size.width >= 120 else "2/8")
        assert clusters.selected == []
        await app.press("enter")
        await app.shows("1/4", "/-l n=1 web")
        await say(app, "-l n=bad", "slash")
        await app.shows("▲ stale", "unable to parse requirement", "2/4")
        await app.press("escape")
        await app.shows("● live", "4/8")
        assert clusters.selected == ["n=1", "n=bad", ""]
        await say(app, "-l n=(", "slash")
        await app.shows("label selector:")


async def test_faults_only_fuzzy_and_the_order_by_key(pods: Any) -> None:
    async with pods() as app:
        await app.press("F")
        await app.shows("▲ faults only", "4/8")
        await say(app, "~srv2 edge", "slash")
        await app.shows("2/8", "/~srv2 edge")
        await app.press("escape")
        await app.shows("4/8")
        await app.press("escape")
        await app.gone("faults only")
        await app.press("shift+right")
        await app.shows("NAMESPACE↑")
        await app.press("shift+left", "shift+left")
        await app.shows("STATE↑")


async def test_rows_without_labels_say_so(drive: Any) -> None:
    async with drive() as app:
        await say(app, "-l app=web", "slash")
        await app.shows("these rows have no labels")
        await app.press("escape")
        await app.press("F")
        await app.shows("nothing is known here of what is a fault")


async def test_marks_and_the_cursor_survive_narrowing_and_a_resize(pods: Any) -> None:
    async with pods() as app:
        await app.press("j", "space", "j", "space")
        await app.shows("2 marked")
        await say(app, "ns web")
        await app.shows("4/8", "2 marked")
        await app.pilot.resize_terminal(60, 12)
        await app.shows("2 marked")
        await app.pilot.resize_terminal(150, 40)
        await app.press("0")
        await app.shows("Pods  8", "2 marked")


# -- pictures ----------------------------------------------------------------------------------------------


@pytest.fixture
def picture(snap_compare: Any, world: Any, make_app: Any, clusters: Clusters, monkeypatch: Any) -> Callable[..., bool]:
    clusters.steady = lambda: 1000.0
    monkeypatch.setattr(clock, "steady", clusters.steady)
    clusters.death = errors.Denied("dead: login needed; run: tsh kube login dead")

    def compare(*lines: tuple[str, str, str], size: tuple[int, int] = (120, 26), leave: str = "") -> bool:
        app = make_app()

        async def ready(pilot: Any) -> None:
            driver = world.driver(app, pilot)
            await driver.until(lambda: app.focused is not None, "the session taken")
            await driver.press("2", "plus")
            await driver.shows("pods-server-1", "denied")
            for sign, text, shown in lines:
                await say(driver, text, sign)
                await driver.shows(shown)
            if leave:
                await driver.press("colon")
                await driver.type(leave)

        return bool(snap_compare(app, terminal_size=size, run_before=ready))

    return compare


def test_the_deployments(picture: Any) -> None:
    assert picture(("colon", "deploy", "Deployments  8"))


def test_the_deployments_of_one_namespace_on_a_small_screen(picture: Any) -> None:
    assert picture(("colon", "deploy shop @prod", "2/8"), size=(80, 24))


def test_faults_of_a_selection(picture: Any) -> None:
    assert picture(
        ("slash", "-l n=2 ~srv", "Pods  4 "), ("colon", "faults", "faults only"), ("colon", "ns web", "ns web")
    )


def test_the_contexts_with_their_health(picture: Any) -> None:
    assert picture(leave="context ")
