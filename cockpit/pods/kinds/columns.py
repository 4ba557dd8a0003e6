"""What the columns of all kinds share: kubectl's NAMESPACE, NAME and AGE, states with a glyph, numbers, lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.pods.kinds.kind import R
from cockpit.pods.kinds.object import Object

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
RANKS: Mapping[Tone, int] = {Tone.BAD: 0, Tone.WARN: 1, Tone.BUSY: 2, Tone.GOOD: 3, Tone.MUTED: 4, Tone.NORMAL: 5}
"""The order of a state column: worst first."""


def since_text(moment: float | None, now: float, otherwise: str = UNKNOWN) -> str:
    """ "4d2h"; both in Unix seconds."""
    return otherwise if moment is None else human_duration(now - moment)


def age_text(row: Object, now: float) -> str:
    """ "4d2h" or "<unknown>"."""
    return since_text(row.created, now)


SOURCE: Column[Any] = Column(
    "source", "SOURCE", 8, lambda r, _: Cell(r.source, Tone.MUTED), lambda r: (r.source, r.namespace, r.name), least=5
)
NAMESPACE: Column[Any] = Column(
    "namespace", "NAMESPACE", 12, lambda r, _: Cell(r.namespace), lambda r: (r.namespace, r.name), least=8
)
NAME: Column[Any] = Column(
    "name",
    "NAME",
    32,
    lambda r, _: Cell(r.name),
    lambda r: (r.name, r.namespace),
    least=16,
    elide="middle",
    frozen=True,
)
# By age, youngest first, as the text grows; unknown ages come last.
AGE: Column[Any] = Column(
    "age",
    "AGE",
    5,
    lambda r, now: Cell(age_text(r, now)),
    lambda r: -r.created if r.created is not None else float("inf"),
    clock=True,
)


def identity(title: str) -> str:
    """ "UP-TO-DATE" -> "up-to-date", "PORT(S)" -> "ports"."""
    return "-".join(title.lower().replace("(", "").replace(")", "").split())


def words(title: str, width: int, text: Callable[[R], str], *, wide: bool = False, least: int = 0) -> Column[R]:
    """A text as it is."""
    return Column(
        identity(title),
        title,
        width,
        lambda r, _: Cell(text(r)),
        lambda r: (text(r), r.namespace, r.name),
        wide=wide,
        least=least,
    )


def number(title: str, value: Callable[[R], int], *, wide: bool = False) -> Column[R]:
    """An integer."""
    return Column(
        identity(title),
        title,
        len(title),
        lambda r, _: Cell(str(value(r))),
        lambda r: (value(r), r.namespace, r.name),
        wide=wide,
    )


def share(title: str, have: Callable[[R], int], want: Callable[[R], int], tone: Callable[[R], Tone]) -> Column[R]:
    """ "2/3"; sorts by what is missing."""

    def cell(row: R, _: float) -> Cell:
        mood = tone(row)
        return Cell(f"{have(row)}/{want(row)}", mood, GLYPHS.get(mood, ""))

    return Column(identity(title), title, 7, cell, lambda r: (have(r) - want(r), want(r), r.namespace, r.name))


def state(title: str, width: int, text: Callable[[R], str], tone: Callable[[R], Tone]) -> Column[R]:
    """A state with its glyph; sorts worst first."""

    def cell(row: R, _: float) -> Cell:
        mood = tone(row)
        return Cell(text(row), mood, GLYPHS.get(mood, ""))

    return Column(identity(title), title, width, cell, lambda r: (RANKS[tone(r)], text(r), r.namespace, r.name))


def since(
    title: str, moment: Callable[[R], float | None], *, otherwise: str = UNKNOWN, wide: bool = False
) -> Column[R]:
    """Time since a moment in Unix seconds; sorts the latest first."""

    def order(row: R) -> float:
        at = moment(row)
        return float("inf") if at is None else -at

    return Column(
        identity(title),
        title,
        len(title),
        lambda r, now: Cell(since_text(moment(r), now, otherwise)),
        order,
        clock=True,
        wide=wide,
    )


def listed(parts: Iterable[str], otherwise: str = NONE) -> str:
    """ "a,b"."""
    return ",".join(parts) or otherwise
