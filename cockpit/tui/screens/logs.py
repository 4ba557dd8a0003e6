"""Logs of pods over the whole screen: followed, kept on disk, searched, filtered, saved. Closing it ends them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from cockpit.model import errors
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_bytes
from cockpit.pods.api.connection import Cluster
from cockpit.pods.logs import stamp
from cockpit.pods.logs.follow import Follower
from cockpit.pods.logs.kept import Kept
from cockpit.pods.logs.lines import Shown
from cockpit.pods.logs.save import save
from cockpit.pods.logs.source import Everything, LogQuery, Past, Since, Tail
from cockpit.pods.logs.stream import EVERY, NOTICE, State
from cockpit.tui.lines import Piece, ToneLine, key_hints
from cockpit.tui.log_pages import LogPages
from cockpit.tui.prompt import Prompt
from cockpit.tui.terminal.bindings import bind_to
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.log_view import LogView
from cockpit.tui.widgets.span_lines import SpanLines
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.tui.app import Cockpit

TICK_SECONDS = 1.0
MOST_AROUND = 20
"""Lines that a filter shows around each that it finds."""
PASTS: tuple[Past, ...] = (
    Tail(1000), Everything(), Since(60), Since(300), Since(900), Since(1800), Since(3600), Since(21600), Since(86400),
)  # fmt: skip
"""By the key that chooses them, as k9s has them."""


class LogsScreen(CellScreen[None]):
    """One query at a time; another one begins anew."""

    CSS_PATH = "screens.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", id="lines.close"),
        Binding("slash", "search", "Search", id="lines.search"),
        Binding("c", "copy", "Copy", id="lines.copy"),
    ]

    def __init__(self, clusters: Mapping[str, Cluster], query: LogQuery, title: str) -> None:
        super().__init__()
        self._clusters, self._query, self._title = clusters, query, title
        self._kept = Kept()
        self._shown = Shown()
        self._prefixed: bool | None = None
        """The prefix as it was asked for; None: where there are several streams."""
        self.follower = Follower(clusters, query, self._take)
        self.pages = LogPages(self._kept, self.follower.streams, self._shown)
        self.view = LogView(self.pages)
        self._received = self._before = 0
        self._rate = 0.0
        self._ticked = time.monotonic()
        self._fault = ""
        self._all: tuple[str, ...] = ()
        """Containers that were seen, to choose one of."""
        self._head = ToneLine(classes="screen-head")
        self._state = ToneLine(classes="screen-head")
        self._hints = ToneLine(classes="screen-hints")

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._state
        yield self.view
        yield self._hints
        yield Prompt()

    async def on_mount(self) -> None:
        bind_to(self, self.cockpit.keymap.bindings(("logs",)))
        self.view.focus()
        self._tell_hints()
        self.set_interval(TICK_SECONDS, self._tick)
        self.tell()
        await self._kept.open()
        self._begin()

    def on_unmount(self) -> None:
        self.pages.close()

    # -- following ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        begin(self, self._run, group="follow", exclusive=True)

    async def _run(self) -> None:
        self.view.ended = False
        try:
            await self.follower.run()
        except errors.SourceError as error:
            self._fault = str(error)
        self.view.ended = True
        self.view.look()
        self.tell()

    async def _take(self, lines: list[bytes], tags: list[int]) -> None:
        await self._kept.take(lines, tags)
        self._received += len(lines)
        self.view.look()
        if self._prefixed is None and not self._shown.prefix and len(self.follower.streams) > 1:
            self._show(replace(self._shown, prefix=True))

    def _again(self, query: LogQuery) -> None:
        """Follow something else of the same: what was kept makes room for it."""
        self._query = query
        self.follower = Follower(self._clusters, query, self._take)
        self.pages.streams = self.follower.streams
        self._fault = ""
        begin(self, self._anew, group="follow", exclusive=True)

    async def _anew(self) -> None:
        await self._kept.do(lambda ring: ring.clear(ring.end))
        self._received = self._before = 0
        self.view.action_end()
        await self._run()

    # -- what is said ------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.monotonic()
        self._rate = (self._received - self._before) / max(0.1, now - self._ticked)
        self._before, self._ticked = self._received, now
        self.tell()

    def tell(self) -> None:
        """What is followed, how it stands, and where the view is."""
        past = {Tail: "tail", Everything: "from the start"}.get(type(self._query.past), "")
        if isinstance(self._query.past, Since):
            past = f"since {_ago(self._query.past.seconds)}"
        words = [past, *self._query.containers, *(["before the last restart"] if self._query.previous else [])]
        self._head.say(
            [Piece(f" {self._title} ", "bold"), Piece(" · ".join(words), "muted")],
            [Piece(f"{self.view.status} ", "muted")],
        )
        self._state.say(self._streams(), self._amounts())

    def _streams(self) -> list[Piece]:
        counts = self.follower.counts
        said = [Piece(" ")]
        if counts[State.OPEN]:
            said.append(Piece(f"{GLYPHS[Tone.GOOD]} {counts[State.OPEN]} open  ", "good"))
        if counts[State.WAITING]:
            said.append(Piece(f"{GLYPHS[Tone.BUSY]} {counts[State.WAITING]} waiting  ", "busy"))
        if counts[State.ENDED]:
            said.append(Piece(f"{counts[State.ENDED]} ended  ", "muted"))
        if not self.follower.streams and not self.follower.failures:
            said.append(Piece("opening ...", "busy"))
        failed = [stream.failure for stream in self.follower.streams if stream.failure]
        if trouble := self._fault or next(iter([*self.follower.failures, *failed]), ""):
            said.append(Piece(f"{GLYPHS[Tone.BAD]} {trouble}", "bad"))
        return said

    def _amounts(self) -> list[Piece]:
        said = [Piece(f"{self._received:,} lines · {self._rate:,.0f}/s ", "muted")]
        if self.pages.dropped:
            said.append(Piece(f"{GLYPHS[Tone.WARN]} {self.pages.dropped:,} oldest dropped ", "warn"))
        if fault := self.pages.fault:
            said.append(Piece(f"{GLYPHS[Tone.WARN]} {fault} ", "warn"))
        return said

    def _tell_hints(self) -> None:
        shown = self.cockpit.keymap.shown
        words = [("esc", "back"), ("/", "search"), ("n N", "next, previous")]
        words += [(shown(f"logs.{name}"), word) for name, word in (("filter", "filter"), ("stamps", "times"))]
        words += [("w", "wrap"), (f"{shown('logs.since_0')}-{shown('logs.since_8')}", "since"), ("G", "follow")]
        words += [(shown(f"logs.{name}"), name) for name in ("help", "previous", "mark", "clear", "save")]
        self._hints.say(key_hints(words))

    @on(SpanLines.StatusChanged)
    def _status_changed(self) -> None:
        self.tell()

    # -- keys --------------------------------------------------------------------------------------

    def action_close(self) -> None:
        """One thing at a time: the search first."""
        if self.view.searching:
            self.view.search("")
        else:
            self.dismiss(None)

    def action_since(self, number: int) -> None:
        self._again(replace(self._query, past=PASTS[number], previous=False))

    def action_previous(self) -> None:
        """Before the last restart, or now again."""
        self._again(replace(self._query, previous=not self._query.previous))

    def action_all(self) -> None:
        self._again(replace(self._query, containers=()))

    def action_container(self, by: int = 1) -> None:
        """Only the next container of those there are."""
        if not self._query.containers:
            self._all = tuple(dict.fromkeys(stream.container for stream in self.follower.streams))
        if len(self._all) < 2:
            self.app.notify("there is one container only")
            return
        at = self._all.index(self._query.containers[0]) + by if self._query.containers else 0 if by > 0 else -1
        self._again(replace(self._query, containers=(self._all[at % len(self._all)],)))

    def action_container_before(self) -> None:
        self.action_container(-1)

    def action_stamps(self) -> None:
        self._show(replace(self._shown, stamps=not self._shown.stamps))

    def action_prefix(self) -> None:
        self._prefixed = not self._shown.prefix
        self._show(replace(self._shown, prefix=self._prefixed))

    def _show(self, shown: Shown) -> None:
        self._shown = shown
        self.view.show_as(shown)

    def action_follow(self) -> None:
        """Stay at the end, or here."""
        if self.view.following:
            self.view.following = False
            self.view.look()
        else:
            self.view.action_end()

    def action_mark(self) -> None:
        begin(self, self._mark, group="mark")

    async def _mark(self) -> None:
        now = time.time_ns()
        text = f"──── {time.strftime('%H:%M:%S')} ────"
        await self._kept.take([b"%b %b" % (stamp.write(now), text.encode())], [EVERY | NOTICE])
        self.view.look()

    def action_clear(self) -> None:
        """Of all that is above."""
        below = self.view.top_line
        begin(self, partial(self._clear, below), group="clear")

    async def _clear(self, below: int) -> None:
        await self._kept.do(lambda ring: ring.clear(below))
        self.view.look()

    def action_filter(self) -> None:
        """Highlight first, filter second."""
        if not self.view.searching:
            self.action_search()
            return
        self.view.filter(not self.pages.filtered, self.pages.around)
        self.tell()

    def action_around(self, by: int = 1) -> None:
        self.view.filter(self.pages.filtered, max(0, min(MOST_AROUND, self.pages.around + by)))
        self.tell()

    def action_less_around(self) -> None:
        self.action_around(-1)

    def action_copy(self) -> None:
        self.cockpit.copy(self.view.text())
        self.app.notify("copied what is seen", timeout=3)

    def action_save(self) -> None:
        begin(self, self._save, group="dialog")

    async def _save(self) -> None:
        from cockpit.tui.screens.save import SaveScreen

        name = "".join(c if c.isalnum() or c in "-." else "-" for c in self._query.title)
        kept = await self._kept.do(lambda ring: (len(ring), ring.bytes))
        about = f"{kept[0]:,} lines, {human_bytes(kept[1])}, with {'' if self._shown.prefix else 'no '}prefix and "
        about += f"{'' if self._shown.stamps else 'no '}timestamps, as shown"
        written = 0

        async def write(path: Path) -> None:
            nonlocal written
            streams, shown = self.follower.streams, self._shown
            written = await self._kept.steps(lambda ring: save(ring, path, streams, shown)) or 0

        place = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.log"
        path = await self.app.push_screen_wait(SaveScreen("Save the log", about, place, write))
        if path is not None:
            self.app.notify(f"{written:,} lines written to {path}")

    def action_help(self) -> None:
        from cockpit.tui.keymap import shown
        from cockpit.tui.screens.help import HelpLine, HelpScreen

        keymap = self.cockpit.keymap

        def lines(place: str) -> list[HelpLine]:
            every = [command for command in keymap.commands() if command.place == place and keymap.keys(command.id)]
            return [HelpLine(" ".join(map(shown, keymap.keys(c.id))), c.title, c.tooltip) for c in every]

        groups = [("Logs", lines("logs")), ("Lines", lines("lines"))]
        self.app.push_screen(HelpScreen("Keys of logs", groups, "[keys] in the configuration changes them"))

    # -- the search --------------------------------------------------------------------------------

    def action_search(self) -> None:
        self.query_one(Prompt).open("search", "/", self.view.searching)

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        self.view.search(event.text)

    @on(Prompt.Entered)
    def _entered(self, event: Prompt.Entered) -> None:
        self._leave_prompt()

    @on(Prompt.Closed)
    def _prompt_closed(self, event: Prompt.Closed) -> None:
        self.view.search("")
        self._leave_prompt()

    def _leave_prompt(self) -> None:
        self.query_one(Prompt).close()
        self.view.focus()


def _ago(seconds: int) -> str:
    return f"{seconds // 3600}h" if seconds >= 3600 else f"{seconds // 60}m"
