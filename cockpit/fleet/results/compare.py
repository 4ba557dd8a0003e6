"""What one output has that another has not. All of it reads files and computes: call it in a thread."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from msgspec import Struct

from cockpit.fleet.results.groups import Group
from cockpit.fleet.results.record import HostLine
from cockpit.model.units import human_bytes

MOST_BYTES = 256 * 1024
MOST_LINES = 2000
"""Of each stream: what comes after is not compared, and that is said."""
CONTEXT_LINES = 3


class Head(Struct, frozen=True):
    """The beginning of a stream."""

    lines: tuple[str, ...]
    """As UTF-8 as far as it is; not made printable."""
    cut: bool = False
    """There is more."""


class Difference(Struct, frozen=True):
    """What a group's output has that the majority's has not, and the other way round."""

    lines: tuple[str, ...]
    """A unified diff; empty when there is none."""
    cut: bool
    """Only the beginnings were compared."""


def head(path: str | None, *, most_bytes: int = MOST_BYTES, most_lines: int = MOST_LINES) -> Head:
    """A file that is not there says nothing."""
    if not path:
        return Head(())
    try:
        with Path(path).open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError:
        return Head((f"({path} is no longer kept)",))
    cut = len(data) > most_bytes
    lines = data[:most_bytes].decode("utf-8", "replace").split("\n")
    if lines[-1] == "":
        del lines[-1]
    return Head(tuple(lines[:most_lines]), cut or len(lines) > most_lines)


def difference(odd: Group, majority: Group) -> Difference:
    """Both streams, one after the other."""
    found: list[str] = []
    cut = False
    streams = (
        ("stdout", odd.first.spill, majority.first.spill, odd.first.stdout_digest, majority.first.stdout_digest),
        (
            "stderr", odd.first.stderr_spill, majority.first.stderr_spill, odd.first.stderr_digest,
            majority.first.stderr_digest,
        ),
    )  # fmt: skip
    for name, ours, theirs, our_digest, their_digest in streams:
        if our_digest == their_digest:
            continue
        mine, usual = head(ours), head(theirs)
        found += difflib.unified_diff(
            usual.lines,
            mine.lines,
            f"{name} of {majority.first.host}",
            f"{name} of {odd.first.host}",
            n=CONTEXT_LINES,
            lineterm="",
        )
        if mine.cut or usual.cut:
            cut = True
            found.append(f"only the first {human_bytes(MOST_BYTES)} or {MOST_LINES} lines of {name} were compared")
    return Difference(tuple(found), cut)


def side_by_side(columns: Sequence[Sequence[str]]) -> Iterator[tuple[str | None, ...]]:
    """Rows in which lines that are the same as in the first column stand beside it; None: nothing stands there."""
    if not columns:
        return
    base, *others = columns
    beside = [_beside(base, other) for other in others]
    for place in range(len(base) + 1):
        extra = [inserted.get(place, ()) for inserted, _ in beside]
        for row in zip_longest(*extra):
            yield (None, *row)
        if place < len(base):
            yield (base[place], *[same.get(place) for _, same in beside])


def _beside(base: Sequence[str], other: Sequence[str]) -> tuple[dict[int, Sequence[str]], dict[int, str]]:
    """What stands before a line of the base, and what stands beside it."""
    inserted: dict[int, Sequence[str]] = {}
    same: dict[int, str] = {}
    for _, start, end, low, high in difflib.SequenceMatcher(None, base, other).get_opcodes():
        paired = min(end - start, high - low)
        same.update({start + step: other[low + step] for step in range(paired)})
        if high - low > paired:
            inserted[end] = other[low + paired : high]
    return inserted, same


def spills(lines: Iterable[HostLine]) -> Iterator[tuple[str, bool, Path]]:
    """(host, is it stderr, file) of all that was said."""
    for line in lines:
        for stderr, path in ((False, line.spill), (True, line.stderr_spill)):
            if path:
                yield line.host, stderr, Path(path)
