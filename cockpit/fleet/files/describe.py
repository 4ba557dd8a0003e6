"""What would be done to a host, as a dry run says it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from cockpit.fleet.files.place import Place
from cockpit.fleet.files.tree import Entry, total_bytes
from cockpit.model.units import human_bytes

_WORDS = {"d": "folder", "l": "link", "?": "device"}


class Change(Struct, frozen=True):
    """One entry, as JSON has it."""

    path: str
    kind: str
    """"file", "folder" or "link"."""
    size: int
    """Bytes of a file."""
    mode: str
    """Octal, as it will be; empty for what is deleted."""
    old_mode: str = ""
    """As it is there."""


class Changes(Struct, frozen=True):
    new: tuple[Change, ...]
    changed: tuple[Change, ...]
    modes: tuple[Change, ...]
    deleted: tuple[Change, ...]
    bytes: int
    """Of the files that would be sent."""


def changes(place: Place) -> Changes:
    """For JSON."""
    found, here, there = place.found, place.tree.entries, place.there
    return Changes(
        tuple(_change(path, here[path], None) for path in found.new),
        tuple(_change(path, here[path], there[path]) for path in found.changed),
        tuple(_change(path, here[path], there[path]) for path in found.modes),
        tuple(Change(text(path), _word(there[path]), there[path].size, "") for path in found.deleted),
        total_bytes(here[path] for path in found.sent),
    )


def lines(place: Place) -> Iterator[str]:
    """For people: what is deleted stands last, right above the sum."""
    found, here, there = place.found, place.tree.entries, place.there
    for word, paths, entries in (("new", found.new, here), ("changed", found.changed, here)):
        for path in paths:
            yield f"{word:8} {_size(entries[path]):>6}  {text(path)}"
    for path in found.modes:
        yield f"{'mode':8} {here[path].mode:>6o}  {text(path)} (is {there[path].mode:o})"
    for path in found.deleted:
        yield f"{'deleted':8} {_size(there[path]):>6}  {text(path)}"
    if not found:
        yield "nothing to do"
        return
    counts = ((found.new, "new"), (found.changed, "changed"), (found.modes, "with other permissions"))
    said = [f"{len(paths)} {word}" for paths, word in (*counts, (found.deleted, "deleted")) if paths]
    yield f"{', '.join(said)}; {human_bytes(total_bytes(here[path] for path in found.sent))} to send"


def text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def _change(path: bytes, here: Entry, there: Entry | None) -> Change:
    old = f"{there.mode:o}" if there is not None and there.kind == here.kind else ""
    return Change(text(path), _word(here), here.size, f"{here.mode:o}", old)


def _word(entry: Entry) -> str:
    return _WORDS.get(entry.kind, "file")


def _size(entry: Entry) -> str:
    return human_bytes(entry.size) if entry.kind == "f" else _word(entry)
