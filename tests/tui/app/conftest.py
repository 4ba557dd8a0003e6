"""The terminal app over sources in memory: real feeds, listings and task manager around them."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from textual.pilot import Pilot
from textual.widgets import Input as TextField

from cockpit.alerts.alert import Alert
from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.listing.cells import Cell, Column
from cockpit.listing.views import View
from cockpit.metrics.panel import Panel, Position, Series
from cockpit.model import clock, errors
from cockpit.model.changes import Change, Remove, Reset, Upsert
from cockpit.model.moment import Moment
from cockpit.model.tone import GLYPHS, Tone
from cockpit.session.metrics import MetricsPane
from cockpit.session.pane import Drill, Pane
from cockpit.session.session import Session
from cockpit.tasks.action import Action, Input, Job, Progress, Risk, Target
from cockpit.tasks.manager import TaskManager
from cockpit.tui import themes
from cockpit.tui.app import Cockpit
from cockpit.tui.state import Layout

NOW = 1_800_000_000.0
PATIENCE_SECONDS = 20.0


class Thing(Struct, frozen=True):
    key: str
    name: str
    state: str = "up"
    size: int = 0
    production: bool = False
    read_only: bool = False


class Memory:
    """An adapter that says what the test tells it."""

    silence = None

    def __init__(self, name: str, items: Sequence[Any] = ()) -> None:
        self.name = name
        self.items = {item.key: item for item in items}
        self.watching = self.left = 0
        """How often it was watched, and how often a watch was left."""
        self._says: asyncio.Queue[Change[Any] | Exception] = asyncio.Queue()
        self.broken: Exception | None = None

    def put(self, *items: Any) -> None:
        self.items.update({item.key: item for item in items})
        self._says.put_nowait(Upsert(tuple(items)))

    def drop(self, *keys: str) -> None:
        for key in keys:
            del self.items[key]
        self._says.put_nowait(Remove(keys))

    def fail(self, error: Exception) -> None:
        self.broken = error
        self._says.put_nowait(error)

    def mend(self) -> None:
        self.broken = None

    async def watch(self) -> AsyncIterator[Change[Any]]:
        if self.broken is not None:
            raise self.broken
        self.watching += 1
        try:
            yield Reset(tuple(self.items.values()))
            while True:
                said = await self._says.get()
                if isinstance(said, Exception):
                    raise said
                yield said
        finally:
            self.left += 1


COLUMNS: tuple[Column[Thing], ...] = (
    Column("name", "NAME", 12, lambda t, _: Cell(t.name), lambda t: t.name),
    Column(
        "state",
        "STATE",
        10,
        lambda t, _: Cell(t.state, Tone.GOOD if t.state == "up" else Tone.BAD, GLYPHS[Tone.GOOD]),
        lambda t: t.state,
    ),
    Column("size", "SIZE", 6, lambda t, _: Cell(str(t.size)), lambda t: t.size, align="right"),
    Column("key", "KEY", 10, lambda t, _: Cell(t.key, Tone.MUTED), lambda t: t.key, wide=True),
)


@dataclass
class World:
    """The sources, and what was done to them."""

    sources: dict[str, Memory] = field(default_factory=dict)
    alerts: Memory = field(default_factory=lambda: Memory("prom"))
    done: list[tuple[str, tuple[str, ...], Mapping[str, str]]] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: long jobs end."""
    logs: dict[str, list[str]] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    """Views whose stream was closed."""
    explored: list[str] = field(default_factory=list)
    configured: bool = True
    parts: dict[str, Memory] = field(default_factory=dict)
    """What the drill of a thing finds in it; only things named here have one."""

    def __post_init__(self) -> None:
        self.hold.set()
        for name in ("fleet", "pods", "pipelines"):
            self.sources[name] = Memory("demo", [Thing(f"demo/{name}{n}", f"{name}-{n}", size=n) for n in range(1, 6)])
        self.sources["metrics"] = Memory("demo", [panel("load"), panel("requests")])

    # -- a pane ------------------------------------------------------------------------------

    def _job(self, action: str, risk: Risk, sleeps: bool) -> Callable[[Sequence[Thing], Mapping[str, str]], Job]:
        def bind(things: Sequence[Thing], inputs: Mapping[str, str]) -> Job:
            if inputs.get("count") == "many":
                raise errors.Refused("count: 'many' is not a number")
            names = tuple(thing.name for thing in things)

            async def run(progress: Progress) -> None:
                progress.say(f"{action} says {inputs.get('count', 'hello')}")
                if sleeps:
                    await self.hold.wait()
                self.done.append((action, names, dict(inputs)))

            return Job(
                action=action,
                sentence=f"{action} of {', '.join(names) or 'nothing'}",
                targets=tuple(_target(thing) for thing in things),
                run=run,
                risk=risk,
                stop_seconds=1.0,
            )

        return bind

    async def _log(self, thing: Thing) -> AsyncIterator[str]:
        try:
            for line in self.logs.get(thing.name, ["first line", "\x1b]52;c;aGFja2Vk\x07 hostile", "[red]third[/red]"]):
                yield line
            if thing.name.endswith("5"):
                raise errors.Denied("no permission; ask your admin")
            await asyncio.Event().wait()
        finally:
            self.closed.append(thing.name)

    def pane(self, name: str) -> Pane[Any]:
        sources = [self.sources[name]] if self.configured else []
        actions: tuple[Action[Thing], ...] = (
            Action(f"{name}.poke", "Poke", "p", Risk.SAFE, self._job(f"{name}.poke", Risk.SAFE, False)),
            Action(
                f"{name}.restart", "Restart", "R", Risk.DISRUPTIVE,
                self._job(f"{name}.restart", Risk.DISRUPTIVE, False),
            ),
            Action(
                f"{name}.drop", "Drop", "D", Risk.DESTRUCTIVE, self._job(f"{name}.drop", Risk.DESTRUCTIVE, False),
                disabled=lambda things: "it is down" if any(t.state == "down" for t in things) else None,
            ),
            Action(f"{name}.long", "Long", "L", Risk.SAFE, self._job(f"{name}.long", Risk.SAFE, True)),
            Action(
                f"{name}.scale", "Scale", "S", Risk.DISRUPTIVE, self._job(f"{name}.scale", Risk.DISRUPTIVE, False),
                inputs=(Input("count", "Replicas"), Input("why", "Reason", required=False)), many=False,
            ),
        )  # fmt: skip
        return Pane(
            name=name,
            title=name.title(),
            feed=Feed(sources, hint=f"write [[{name}]] into the configuration", backoff_seconds=(30.0, 60.0)),
            columns=COLUMNS,
            sort="name",
            report=lambda thing, _: thing,
            target=_target,
            search=lambda thing: f"{thing.name} {thing.state}".lower(),
            subject=lambda thing: thing.name,
            actions=actions,
            views=(
                View(f"{name}.logs", "Logs", "l", self._log, follow=True),
                View(
                    f"{name}.yaml",
                    "YAML",
                    "y",
                    self._log,
                    disabled=lambda t: "it is down" if t.state == "down" else None,
                ),
            ),
            drills=(
                Drill(
                    f"{name}.parts",
                    "Parts",
                    "P",
                    self.inside,
                    disabled=lambda thing: None if thing.name in self.parts else "it has no parts",
                    commands=(("parts.logs", "l", "Logs"), ("parts.poke", "p", "Poke")),
                ),
            )
            if self.parts and name == "fleet"
            else (),
            moments=lambda things, since: [
                Moment(NOW - 60, name, t.name, "restarted", Tone.WARN) for t in things if t.size == 1
            ],
            production=frozenset({"demo"})
            if any(getattr(t, "production", False) for t in self.sources[name].items.values())
            else frozenset(),
        )

    def inside(self, thing: Thing) -> Pane[Any]:
        """The pane of a drill."""
        return Pane(
            name="parts",
            title="Parts",
            feed=Feed([self.parts[thing.name]], hint="no parts", backoff_seconds=(30.0, 60.0)),
            columns=COLUMNS,
            sort="name",
            report=lambda part, _: part,
            target=_target,
            search=lambda part: part.name,
            subject=lambda part: part.name,
            views=(View("parts.logs", "Logs", "l", self._log, follow=True),),
            actions=(Action("parts.poke", "Poke", "p", Risk.SAFE, self._job("parts.poke", Risk.SAFE, False)),),
        )

    async def explore(self, text: str, range_seconds: float) -> Panel:
        self.explored.append(text)
        if text.count("(") != text.count(")"):
            bad = panel("explore")
            return Panel(
                "demo",
                "explore",
                text,
                "",
                3600,
                60,
                NOW,
                error="unclosed left parenthesis",
                position=Position(1, bad.query.find("(") + 1 or 4),
            )
        return panel("explore")

    def metrics(self) -> Pane[Any]:
        sources = [self.sources["metrics"]] if self.configured else []
        return MetricsPane(
            name="metrics",
            title="Metrics",
            feed=Feed(sources, hint="write [[metrics]]", backoff_seconds=(30.0, 60.0)),
            columns=(Column("title", "TITLE", 12, lambda p, _: Cell(p.title), lambda p: p.title),),
            sort="title",
            report=lambda p, _: p,
            target=lambda p: Target(f"metrics/{p.key}", p.title),
            search=lambda p: p.title,
            subject=lambda p: p.title,
            explorers={"demo": self} if self.configured else {},  # type: ignore[dict-item]
        )

    # -- the app -----------------------------------------------------------------------------

    def driver(self, app: Cockpit, pilot: Pilot[Any]) -> Driver:
        return Driver(app, pilot, self)

    @asynccontextmanager
    async def session(self, settings: Settings, folder: Path) -> AsyncIterator[Session]:
        async with TaskManager.open(folder) as tasks:
            panes = {
                "fleet": self.pane("fleet"), "pods": self.pane("pods"), "metrics": self.metrics(),
                "pipelines": self.pane("pipelines"),
            }  # fmt: skip
            alerts: Feed[Alert] = Feed([self.alerts] if self.configured else [], hint="no alerts")
            yield Session(settings, panes, alerts, tasks, settings.ui.read_only)


def _target(thing: Thing) -> Target:
    return Target(f"t/{thing.key}", thing.name, thing.production, thing.read_only)


def panel(title: str, *values: float) -> Panel:
    numbers = values or tuple(float(n % 7) for n in range(61))
    times = array("d", [NOW - 3600 + 60 * n for n in range(len(numbers))])
    series = Series((("job", "api"),), numbers[-1], times, array("d", numbers))
    return Panel("demo", title, "sum(rate(x[5m]))", "req/s", 3600, 60, NOW, (series,))


class Driver:
    """A running app, and waiting for what it shows."""

    def __init__(self, app: Cockpit, pilot: Pilot[Any], world: World) -> None:
        self.app = app
        self.pilot = pilot
        self.world = world

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in lines)

    async def until(self, holds: Callable[[], Any], what: str = "") -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"never came: {what or holds}\n{self.text}")
            await asyncio.sleep(0.02)

    async def shows(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text for text in texts), f"shown {texts}")

    async def gone(self, *texts: str) -> None:
        await self.until(lambda: not any(text in self.text for text in texts), f"gone {texts}")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Into the field that has the focus, at once."""
        field = self.app.focused
        assert isinstance(field, TextField), f"no field has the focus\n{self.text}"
        field.insert_text_at_cursor(text)

    @property
    def main(self) -> Any:
        return self.app.main

    def frame(self, name: str) -> Any:
        return next(frame for frame in self.main.frames if name == frame.NAME)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def thing() -> type[Thing]:
    return Thing


@pytest.fixture
def memory() -> type[Memory]:
    return Memory


@pytest.fixture
def make_panel() -> Callable[..., Panel]:
    return panel


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(clock, "wall", lambda: NOW)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def make_app(world: World, tmp_path: Path, still_clock: None) -> Callable[..., Cockpit]:
    def make(settings: Settings | None = None, *, read_only: bool = False, layout: Layout | None = None) -> Cockpit:
        chosen = settings or Settings()
        return Cockpit(
            chosen,
            read_only=read_only,
            session_factory=lambda: world.session(chosen, tmp_path),
            layout=layout,
            found_themes=list(themes.find(tmp_path / "themes")),
        )

    return make


@pytest.fixture
def drive(world: World, make_app: Callable[..., Cockpit]) -> Callable[..., Any]:
    """`async with drive(size=(160, 45)) as app` runs the app until its panes are live."""

    @asynccontextmanager
    async def run(
        size: tuple[int, int] = (130, 32), *, ready: str = "fleet-1", adopted: bool = True, **options: Any
    ) -> AsyncIterator[Driver]:
        app = make_app(**options)
        async with app.run_test(size=size, notifications=True) as pilot:
            driver = Driver(app, pilot, world)
            await driver.shows(ready)
            if adopted:
                await driver.until(lambda: app.focused is not None, "the session taken")
            yield driver
            app.leave(0)
            await driver.until(lambda: app._leaving is not None and app._leaving.done(), "left")

    return run
