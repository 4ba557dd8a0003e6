"""A run by identical output: the odd ones out first, and what they differ in from the majority."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from cockpit.fleet.fold import fold
from cockpit.fleet.results.columns import GROUP_COLUMNS, GroupRow
from cockpit.fleet.results.compare import difference, head
from cockpit.fleet.results.groups import Group, group
from cockpit.fleet.run.rows import HostRow
from cockpit.listing.filter import BadFilter
from cockpit.model.changes import Delta
from cockpit.tui.lines import Piece, ToneLine
from cockpit.tui.widgets.line_view import LineView
from cockpit.tui.widgets.live_table import LiveTable
from cockpit.tui.widgets.table_box import TableBox
from cockpit.tui.work import begin

GATHER_SECONDS = 0.5
"""Between two groupings of a run on its way."""
WIDE_COLUMNS = 120
"""From here on the diff stands beside the groups."""


class GroupsView(Container):
    """Of the hosts that have ended."""

    TITLE = "Groups"
    DEFAULT_CSS = """
    GroupsView { height: 1fr; layout: vertical; }
    GroupsView > TableBox { height: 2fr; min-height: 4; }
    GroupsView > #difference { height: 3fr; }
    GroupsView.-wide { layout: horizontal; }
    GroupsView.-wide > TableBox { width: 1fr; height: 1fr; }
    GroupsView.-wide > #difference { width: 1fr; height: 1fr; border-left: tall $panel; }
    GroupsView .difference-head { background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__(id="groups")
        self.box: TableBox[GroupRow] = TableBox(
            GROUP_COLUMNS, sort="count", empty="no host has ended yet", search=_search, id="group-rows"
        )
        self._head = ToneLine(classes="difference-head")
        self._lines = LineView(syntax="diff")
        self._rows: Mapping[str, HostRow] = {}
        self._groups: tuple[Group, ...] = ()
        self._gathering: asyncio.Task[None] | None = None
        self._again = False
        self._shown: tuple[str, str] = ("", "")
        """The keys of the two groups that are compared."""

    def compose(self) -> ComposeResult:
        yield self.box
        with Vertical(id="difference"):
            yield self._head
            yield self._lines

    async def changed(self, rows: Mapping[str, HostRow], dirty: Mapping[str, HostRow] | None) -> None:
        self._rows = rows
        if dirty is None:
            await self._gather()
        elif any(row.result is not None for row in dirty.values()):
            self._again = True
            if self._gathering is None or self._gathering.done():
                self._gathering = asyncio.create_task(self._gather_soon(), name="groups")

    async def _gather_soon(self) -> None:
        while self._again and self.is_mounted:
            await asyncio.sleep(GATHER_SECONDS)
            await self._gather()

    async def _gather(self) -> None:
        self._again = False
        lines = [row.result for row in self._rows.values() if row.result is not None]
        self._groups = await asyncio.to_thread(group, lines)
        rows = {row.key: row for row in (GroupRow(n, one) for n, one in enumerate(self._groups))}
        await self.box.apply(Delta(reset=True, upserts=rows))
        self._compare()

    def on_unmount(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE_COLUMNS, "-wide")

    # -- the difference ----------------------------------------------------------------------------

    @on(LiveTable.CursorMoved)
    def _moved(self) -> None:
        self._compare()

    def _compare(self) -> None:
        row = self.box.table.current()
        if row is None or not self._groups:
            self._shown = ("", "")
            self._head.say([])
            self._lines.clear()
            return
        usual = GroupRow(len(self._groups) - 1, self._groups[-1])
        if (row.key, usual.key) != self._shown:
            self._shown = (row.key, usual.key)
            begin(self, partial(self._difference, row.group, usual.group), group="difference", exclusive=True)
        self._say(row.group, usual.group)

    def _say(self, one: Group, usual: Group) -> None:
        if one.majority:
            said = f" what {fold(one.hosts)} said"
        else:
            said = f" {fold(one.hosts)} against the majority: {len(usual.lines)} like {usual.first.host}"
        self._head.say([Piece(said, "bold")])

    async def _difference(self, one: Group, usual: Group) -> None:
        lines = await asyncio.to_thread(_usual if one.majority else partial(_odd, usual), one)
        self._lines.clear()
        self._lines.append(lines)

    # -- what the screen asks ----------------------------------------------------------------------

    def focus_body(self) -> None:
        self.box.table.focus(scroll_visible=False)

    def focus_next(self) -> None:
        (self._lines if self.box.table.has_focus else self.box.table).focus(scroll_visible=False)

    def chosen(self) -> Sequence[str]:
        if not self.box.table.marks:
            return ()
        return [host for row in self.box.table.targets() for host in row.group.hosts]

    def current(self) -> str | None:
        row = self.box.table.current()
        return None if row is None else row.group.first.host

    def representatives(self) -> Sequence[str]:
        """A host of the majority, then one of each odd group."""
        return [one.first.host for one in (*self._groups[-1:], *self._groups[:-1])]

    def find(self, text: str) -> str | None:
        try:
            self.box.filter_by(text)
        except BadFilter as error:
            return str(error)
        return None

    def filter_text(self) -> str:
        return self.box.filter

    def back(self) -> bool:
        if self.box.clear_marks():
            return True
        if self.box.filter:
            self.box.filter_by("")
            return True
        return False

    def toggle_wide(self) -> None:
        self.box.table.wide = not self.box.table.wide

    def copied(self) -> str:
        return self._lines.text() if self._lines.has_focus else self.box.copied()

    def details(self) -> list[Piece]:
        waiting = sum(row.result is None for row in self._rows.values())
        pieces = [Piece(f"{self.box.counts} ", "muted")]
        if waiting:
            pieces.append(Piece(f"{waiting} not ended yet ", "busy"))
        if self.box.filter:
            pieces.append(Piece(f"/{self.box.filter} ", "accent"))
        if self.box.table.marks:
            pieces.append(Piece(f"* {len(self.box.table.marks)} marked, {len(self.chosen())} hosts ", "accent"))
        return pieces


def _search(row: GroupRow) -> str:
    one = row.group
    return " ".join([*one.hosts, one.outcome.words, one.first.why, f"exit {one.exit_code}"]).lower()


def _odd(usual: Group, one: Group) -> list[str]:
    """What it has that the majority has not. Reads files."""
    lines = list(difference(one, usual).lines)
    if lines:
        return lines
    how = f"it ended otherwise: {one.outcome.words}{f' ({one.first.why})' if one.first.why else ''}"
    return ["the output is that of the majority" if one.digest else "neither said anything", how]


def _usual(one: Group) -> list[str]:
    """What it said. Reads files."""
    lines: list[str] = []
    for name, path in (("stdout", one.first.spill), ("stderr", one.first.stderr_spill)):
        beginning = head(path)
        if name == "stderr" and beginning.lines:
            lines.append("@ stderr")
        lines += [f" {line}" for line in beginning.lines]
        if beginning.cut:
            lines.append("@ only the beginning is shown; the output of a host has all of it")
    return lines or [one.first.why or "it said nothing"]
