"""The output of one host of a run, from its files: it opens at once whatever its size, and follows while it grows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from cockpit.fleet.results.columns import outcome_tone
from cockpit.fleet.results.search import Match
from cockpit.fleet.run.rows import HostRow
from cockpit.fleet.run.watched import Files, Watched
from cockpit.model import clock
from cockpit.model.changes import Delta
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_bytes, human_duration
from cockpit.tui.lines import Piece, ToneLine, key_hints
from cockpit.tui.paged import PagedFile
from cockpit.tui.prompt import Prompt
from cockpit.tui.terminal.bindings import bind_to
from cockpit.tui.terminal.clipboard import MOST_BYTES
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.file_view import FileView
from cockpit.tui.widgets.span_lines import SpanLines
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.tui.app import Cockpit

TICK_SECONDS = 1.0


class HostOutputScreen(CellScreen[None]):
    """Stdout, and stderr below it where there is any: in which order they came is not kept."""

    CSS_PATH = "screens.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", id="lines.close"),
        Binding("slash", "search", "Search", id="lines.search"),
        Binding("c", "copy", "Copy", id="lines.copy"),
    ]

    def __init__(
        self, watched: Watched, name: str, names: Sequence[str], *, found: Match | None = None, text: str = ""
    ) -> None:
        """`names` are the hosts that one can go on to. `found` is the place to open at, `text` what was searched."""
        super().__init__()
        self.watched = watched
        self.name_of_host = name
        self._names = names
        self._found, self._text = found, text
        self._files = Files()
        self._views: dict[bool, FileView[PagedFile]] = {}
        """By whether it is of stderr."""
        self._head = ToneLine(classes="screen-head")
        self._state = ToneLine(classes="screen-head")
        self._middle = ToneLine(classes="screen-tabs")
        self._silent = ToneLine(classes="screen-silent")
        self._hints = ToneLine(classes="screen-hints")
        self._body = Vertical(id="streams")

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._state
        yield self._silent
        yield self._body
        yield self._hints
        yield Prompt()

    def on_mount(self) -> None:
        bind_to(self, self.cockpit.keymap.bindings(("output",)))
        words = [("esc", "back"), ("/", "search"), ("n N", "next, previous"), ("w", "wrap"), ("G", "follow")]
        shown = self.cockpit.keymap.shown
        if len(self._names) > 1:
            around = f"{shown('output.previous_host')} {shown('output.next_host')}"
            words.append((around, "host before, after"))
        words.append((shown("output.other"), "other stream"))
        self._hints.say(key_hints(words))
        self._ticking = self.set_interval(TICK_SECONDS, self.tell)
        begin(self, self._follow, group="follow", exclusive=True)

    def on_unmount(self) -> None:
        for view in self._views.values():
            view.file.close()

    # -- following ---------------------------------------------------------------------------------

    async def _follow(self) -> None:
        changes = cast("AsyncGenerator[Delta[HostRow], None]", self.watched.follow())
        async with aclosing(changes):
            async for delta in changes:
                row = delta.upserts.get(self.name_of_host)
                if row is not None:
                    await self._take(row)
        self._ticking.stop()

    async def _take(self, row: HostRow) -> None:
        files = self.watched.files(row.name)
        if files != self._files:
            await self._open(files, grows=row.result is None)
        for view in self._views.values():
            view.ended = row.result is not None
            view.look()
        if row.result is not None:
            self._ticking.stop()
        self.tell()

    async def _open(self, files: Files, *, grows: bool) -> None:
        """Show these files; what is shown already stays as it is."""
        before, self._files = self._files, files
        for stderr, path, old in ((False, files.stdout, before.stdout), (True, files.stderr, before.stderr)):
            if path == old:
                continue
            if (gone := self._views.pop(stderr, None)) is not None:
                gone.file.close()
                await gone.remove()
            if path is None:
                continue
            view = FileView(PagedFile(path), follow=grows and self._found is None, tone="stderr" if stderr else "")
            view.highlight(self._text)
            self._views[stderr] = view
            if stderr:
                await self._body.mount(view)
            else:
                await self._body.mount(view, before=0)
        self._middle_line()
        if self._views and self.focused not in self._views.values():
            (self._views.get(False) or self._views[True]).focus(scroll_visible=False)
        if self._found is not None:
            begin(self, partial(self._show_found, self._found), group="found")

    def _middle_line(self) -> None:
        both = len(self._views) == 2
        if both and not self._middle.is_attached:
            self._body.mount(self._middle, before=self._views[True])
        if both:
            self._views[True].add_class("-below")
        self._middle.display = both

    async def _show_found(self, found: Match) -> None:
        view = self._views.get(found.stderr)
        if view is not None:
            self._found = None
            view.show(await view.file.line_at(found.number - 1))
            view.focus(scroll_visible=False)

    # -- what is said ------------------------------------------------------------------------------

    @property
    def _focused(self) -> FileView[PagedFile] | None:
        """The view that the keys go to."""
        return next((view for view in self._views.values() if view.has_focus), None) or self._views.get(
            False, self._views.get(True)
        )

    def tell(self) -> None:
        """Say how the host stands, and where the view is."""
        row = self.watched.rows.get(self.name_of_host)
        if row is None:
            return
        view = self._focused
        where = f"{self._names.index(row.name) + 1}/{len(self._names)} " if row.name in self._names else ""
        self._head.say(
            [
                Piece(f" {row.name} ", "bold"),
                Piece(f"{where}{row.address} · {self.watched.order.command}", "muted"),
            ],
            [Piece(f"{view.status} " if view is not None else "", "muted")],
        )
        self._state.say(*_state(row))
        err = self._views.get(True)
        self._middle.say([Piece(" stderr ", "warn"), Piece(err.status if err is not None else "", "muted")])
        self._silent.display = not self._views
        self._silent.say([Piece(" it said nothing" if row.result is not None else " it has said nothing yet", "muted")])

    @on(SpanLines.StatusChanged)
    def _status_changed(self) -> None:
        self.tell()

    # -- keys --------------------------------------------------------------------------------------

    def action_close(self) -> None:
        self.dismiss(None)

    def action_other(self) -> None:
        """Between stdout and stderr."""
        current = self._focused
        other = next((view for view in self._views.values() if view is not current), None)
        if other is not None:
            other.focus(scroll_visible=False)
            self.tell()

    def action_next_host(self, by: int = 1) -> None:
        if len(self._names) > 1:
            at = self._names.index(self.name_of_host)
            name = self._names[(at + by) % len(self._names)]
            self.app.switch_screen(HostOutputScreen(self.watched, name, self._names, text=self._text))

    def action_previous_host(self) -> None:
        self.action_next_host(-1)

    def action_copy(self) -> None:
        begin(self, self._copy, group="copy")

    async def _copy(self) -> None:
        view = self._focused
        if view is None:
            self.app.notify("nothing to copy")
            return
        whole = await view.file.head(MOST_BYTES)
        self.cockpit.copy(view.text() if whole is None else whole.decode("utf-8", "replace"))
        if whole is None:
            self.app.notify("the output is long: copied what is seen", timeout=3)

    def action_search(self) -> None:
        self.query_one(Prompt).open("search", "/", self._text)

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        self._search(event.text)

    @on(Prompt.Entered)
    def _entered(self, event: Prompt.Entered) -> None:
        self._leave_prompt()

    @on(Prompt.Closed)
    def _prompt_closed(self, event: Prompt.Closed) -> None:
        self._search("")
        self._leave_prompt()

    def _search(self, text: str) -> None:
        """In both streams; the one with the keys goes to the first place."""
        self._text, current = text, self._focused
        for view in self._views.values():
            if view is current:
                view.search(text)
            else:
                view.highlight(text)

    def _leave_prompt(self) -> None:
        current = self._focused
        self.query_one(Prompt).close()
        if current is not None:
            current.focus(scroll_visible=False)


def _state(row: HostRow) -> tuple[list[Piece], list[Piece]]:
    """How it ended or what it is at, and how much it said."""
    right = [Piece(f"{row.lines:,} lines · {human_bytes(row.out_bytes)} ", "muted")]
    result = row.result
    if result is None:
        seconds = row.seconds(clock.steady())
        took = "" if seconds is None else f" for {human_duration(seconds)}"
        return [Piece(f" {GLYPHS[Tone.BUSY]} {row.phase.value}{took}", "busy")], right
    tone = outcome_tone(result.outcome)
    left = [Piece(f" {GLYPHS.get(tone, '')} {result.outcome.words}", tone.value)]
    if result.why:
        left.append(Piece(f": {result.why}", tone.value))
    left.append(Piece(f" after {result.duration_seconds:.1f} s", "muted"))
    if result.truncated:
        left.append(Piece(f"  {GLYPHS[Tone.WARN]} not all was kept: the head and the tail", "warn"))
    return left, right
