"""The snapshot for people: text, markdown, and html or svg drawn by rich."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cockpit.listing.cells import Cell, row, telling
from cockpit.model import clock
from cockpit.model.printable import printable
from cockpit.model.tone import Tone
from cockpit.model.units import human_duration
from cockpit.snapshot.take import Taken, source_report

if TYPE_CHECKING:
    from rich.console import Console

STYLES: dict[Tone, str] = {
    Tone.NORMAL: "",
    Tone.MUTED: "bright_black",
    Tone.GOOD: "green",
    Tone.BUSY: "cyan",
    Tone.WARN: "yellow",
    Tone.BAD: "bold red",
    Tone.ACCENT: "magenta",
}
STATE_TONES = {"live": Tone.GOOD, "stale": Tone.WARN, "denied": Tone.BAD, "unconfigured": Tone.MUTED}
MIN_WIDTH = 100


def text(taken: Sequence[Taken], *, width: int | None = None, colour: bool = False) -> str:
    """Tables as wide as their content needs, at least `width` columns; colours only for a terminal."""
    drawn = _drawn(taken, width=width, colour=colour).export_text(styles=colour)
    return "".join(line.rstrip() + "\n" for line in drawn.splitlines())


def html(taken: Sequence[Taken]) -> str:
    """One page of its own."""
    return _drawn(taken, width=None, colour=True).export_html(inline_styles=True)


def svg(taken: Sequence[Taken]) -> str:
    """One picture."""
    return _drawn(taken, width=None, colour=True).export_svg(title="cockpit --snapshot")


def markdown(taken: Sequence[Taken]) -> str:
    """GitHub-flavoured tables, to be pasted into an incident."""
    return "\n".join(_markdown_lines(taken)) + "\n"


def _markdown_lines(taken: Sequence[Taken]) -> Iterator[str]:
    yield f"# cockpit, {_stamp(taken)}"
    for pane in taken:
        yield ""
        yield f"## {pane.pane.title}: {pane.state}"
        for line in _source_lines(pane):
            yield f"- {_escaped(line)}"
        if pane.items:
            yield ""
            columns = telling(pane.pane.columns, pane.items, pane.now)
            yield "| " + " | ".join(column.title or " " for column in columns) + " |"
            yield "|" + "|".join(" ---: " if c.align == "right" else " --- " for c in columns) + "|"
        for item in pane.items:
            yield "| " + " | ".join(_escaped(_text(c)) for c in row(columns, item, pane.now)) + " |"


def _escaped(said: str) -> str:
    for sign in "\\|<>*_`[]":
        said = said.replace(sign, "\\" + sign)
    return said


def _text(cell: Cell) -> str:
    return f"{cell.glyph} {cell.text}" if cell.glyph else cell.text


def _stamp(taken: Sequence[Taken]) -> str:
    from datetime import UTC, datetime

    at = max((pane.now for pane in taken), default=clock.wall())
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _source_lines(taken: Taken) -> Iterator[str]:
    """What a reader must know of each source: how old, and why."""
    for note in taken.pane.notes():
        yield printable(note)
    for name, source in taken.sources.items():
        report = source_report(name, source, taken.taken)
        if report.error is None and report.age_seconds is not None and report.age_seconds < 60:
            yield printable(f"{name}: {report.state}")
            continue
        age = "never read" if report.age_seconds is None else f"{human_duration(report.age_seconds)} old"
        yield printable(f"{name}: {report.state}, {age}" + (f"; {report.error}" if report.error else ""))
    if not taken.sources:
        yield printable(taken.pane.feed.hint)


def _drawn(taken: Sequence[Taken], *, width: int | None, colour: bool) -> Console:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    tables: list[Table | Text] = []
    for pane in taken:
        title = Text.assemble(
            ("\n" + pane.pane.title, "bold"),
            "  ",
            (pane.state, STYLES[STATE_TONES[pane.state]]),
            f"  {len(pane.items)}",
        )
        tables.append(title)
        tables.extend(Text("  " + line, style=STYLES[Tone.MUTED]) for line in _source_lines(pane))
        if not pane.items:
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        columns = telling(pane.pane.columns, pane.items, pane.now)
        for column in columns:
            table.add_column(Text(column.title), justify=column.align, no_wrap=True, overflow="ignore")
        for item in pane.items:
            cells = row(columns, item, pane.now)
            table.add_row(*[Text(_text(cell), style=STYLES[cell.tone]) for cell in cells])
        tables.append(table)
    wanted = max([width or 0, MIN_WIDTH, *(_width(table) for table in tables)])
    console = Console(
        file=io.StringIO(),
        record=True,
        width=wanted,
        color_system="truecolor" if colour else None,
        force_terminal=False,
    )
    console.print(Text(f"cockpit  {_stamp(taken)}", style="bold"))
    for part in tables:
        console.print(part, soft_wrap=isinstance(part, Text))
    return console


def _width(table: object) -> int:
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(file=io.StringIO(), width=10_000)
    return Measurement.get(console, console.options, table).maximum  # type: ignore[arg-type]
