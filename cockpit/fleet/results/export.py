"""A whole run as a document: text, JSON or Markdown, of one that is past or still on its way.

All of it reads files: call it in a thread. It comes in pieces, for the output of many hosts may be long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from cockpit.fleet.results.compare import difference, head
from cockpit.fleet.results.groups import Group, group
from cockpit.fleet.results.outcome import Outcome
from cockpit.fleet.results.record import HostLine, RunRecord, RunSummary
from cockpit.fleet.results.spool import read_end
from cockpit.fleet.results.words import facts
from cockpit.model.printable import escaped, printable

JSON_BYTES = 64 * 1024
"""Of each stream of a host, its end."""
SHOWN_BYTES, SHOWN_LINES = 64 * 1024, 1000
"""Of each stream of a group, its beginning."""


class _Document(Struct, frozen=True):
    """The JSON form."""

    run: RunSummary
    plan: Mapping[str, str | int]
    timeout_seconds: float
    connect_seconds: float | None
    sudo: str
    idempotent: bool
    hosts: tuple[HostLine, ...] = ()


def folded(groups: tuple[Group, ...]) -> Iterator[str]:
    """Identical outputs once, the odd ones first and as what they differ in from the majority's. Safe to draw."""
    majority = groups[-1] if groups else None
    for one in groups:
        yield printable(one.title)
        if majority is not None and one is not majority and _has_output(majority) and _ran(one):
            found = difference(one, majority).lines
            yield from map(_drawn, found or ["the same output"])
        else:
            yield from _output(one)
        if one is not majority:
            yield ""


def text(kept: RunRecord) -> Iterator[str]:
    """Lines. Safe to draw."""
    for word, value in facts(kept):
        yield printable(f"{word + ':':<11}{value}")
    yield ""
    yield from folded(group(kept.hosts))


def markdown(kept: RunRecord) -> Iterator[str]:
    """Lines. Safe to draw."""
    yield f"# Run {kept.summary.key}"
    yield ""
    for word, value in facts(kept):
        yield f"- {word}: {_code(value) if word == 'command' else _escaped(value)}"
    groups = group(kept.hosts)
    majority = groups[-1] if groups else None
    for one in groups:
        yield ""
        yield f"## {_escaped(one.title)}"
        yield ""
        if majority is not None and one is not majority and _has_output(majority) and _ran(one):
            yield from _fenced([_drawn(line) for line in difference(one, majority).lines], "diff")
        else:
            yield from _fenced(list(_output(one)), "")
    if kept.hosts:
        yield ""
        yield "| host | outcome | exit | seconds | why |"
        yield "| --- | --- | --- | --- | --- |"
    for line in kept.hosts:
        code = "" if line.exit_code is None else str(line.exit_code)
        cells = (line.host, line.outcome.words, code, f"{line.duration_seconds:.1f}", line.why)
        yield f"| {' | '.join(map(_escaped, cells))} |"


def json(kept: RunRecord) -> Iterator[str]:
    """Pieces of one document; the text of each stream is its last JSON_BYTES."""
    document = _Document(
        kept.summary, kept.plan, kept.timeout_seconds, kept.connect_seconds, kept.sudo, kept.idempotent
    )
    opening = escaped(msgspec.json.encode(document).decode()).removesuffix("]}")
    yield opening
    for place, line in enumerate(kept.hosts):
        yield f"{',' if place else ''}\n{escaped(msgspec.json.encode(with_text(line)).decode())}"
    yield "\n]}\n"


def with_text(line: HostLine) -> HostLine:
    """With the last JSON_BYTES of each stream."""
    out, err = [read_end(Path(path), JSON_BYTES) if path else b"" for path in (line.spill, line.stderr_spill)]
    cut = len(out) < line.stdout_bytes or len(err) < line.stderr_bytes
    return replace(
        line,
        stdout=out.decode("utf-8", "replace"),
        stderr=err.decode("utf-8", "replace"),
        truncated=line.truncated or cut,
    )


FORMATS: Mapping[str, Callable[[RunRecord], Iterator[str]]] = {
    "text": lambda kept: (f"{line}\n" for line in text(kept)),
    "json": json,
    "markdown": lambda kept: (f"{line}\n" for line in markdown(kept)),
}
"""Pieces of the document, by the name of the format."""
_SUFFIXES = {".json": "json", ".md": "markdown", ".markdown": "markdown"}


def save(kept: RunRecord, path: Path) -> None:
    """As a whole or not at all, in the format that the name's end says, else text. Raises OSError."""
    pieces = FORMATS[_SUFFIXES.get(path.suffix.lower(), "text")](kept)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("w", encoding="utf-8", errors="replace") as file:
            file.writelines(pieces)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _has_output(one: Group) -> bool:
    return bool(one.digest)


def _ran(one: Group) -> bool:
    """It said something, or was silent though it ended by itself: either is a difference."""
    return _has_output(one) or one.outcome in (Outcome.OK, Outcome.NONZERO, Outcome.SIGNAL)


def _output(one: Group) -> Iterator[str]:
    for name, path in (("stdout", one.first.spill), ("stderr", one.first.stderr_spill)):
        if not path:
            continue
        if name == "stderr":
            yield "[stderr]"
        beginning = head(path, most_bytes=SHOWN_BYTES, most_lines=SHOWN_LINES)
        yield from map(_drawn, beginning.lines)
        if beginning.cut:
            yield f"... more in {path}"


def _drawn(line: str) -> str:
    return printable(line.removesuffix("\r").expandtabs())


def _fenced(lines: list[str], kind: str) -> Iterator[str]:
    """A fence longer than any in the text."""
    if not lines:
        yield "no output" if not kind else "the same output"
        return
    fence = "`" * max(3, 1 + max(map(_longest_ticks, lines)))
    yield f"{fence}{kind}"
    yield from lines
    yield fence


def _code(value: str) -> str:
    shown = printable(value)
    ticks = "`" * (_longest_ticks(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def _longest_ticks(value: str) -> int:
    longest = here = 0
    for char in value:
        here = here + 1 if char == "`" else 0
        longest = max(longest, here)
    return longest


def _escaped(value: str) -> str:
    """Outside code: what Markdown or HTML would read as markup stands for itself."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]<>|#" else char for char in printable(value))
