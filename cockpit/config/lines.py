"""On which line of a TOML file a key stands. tomllib gives positions for broken syntax only."""

from __future__ import annotations

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""("fleet", "hosts", 0, "port")"""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_SIMPLE = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


class Lines:
    """The lines of a text that tomllib accepts. Inside an inline table or array it is the line of its key."""

    def __init__(self, text: str) -> None:
        self._known: dict[Path, int] = {}
        counts: dict[Path, int] = {}
        table: Path = ()
        for line, kind, names in _statements(text):
            if kind == "=":
                self._add(_placed(table + tuple(names), counts, fixed=len(table)), line)
                continue
            path = (*_placed(tuple(names[:-1]), counts), names[-1])
            if kind == "[[":
                counts[path] = counts.get(path, -1) + 1
                path = (*path, counts[path])
            elif path in counts:
                path = (*path, counts[path])
            self._add(path, line)
            table = path

    def of(self, path: Path) -> int:
        """The line of the key, or of the nearest table around it; 1 when there is none."""
        while path and path not in self._known:
            path = path[:-1]
        return self._known.get(path, 1)

    def _add(self, path: Path, line: int) -> None:
        for end in range(1, len(path) + 1):
            self._known.setdefault(path[:end], line)


def _placed(names: Path, counts: dict[Path, int], fixed: int = 0) -> Path:
    """Names as they stand in the file, with the index of the newest element after each array of tables."""
    path: Path = names[:fixed]
    for name in names[fixed:]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    return path


def _statements(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """(line, "[[" or "[" or "=", names)"""
    at, line = 0, 1
    while at < len(text):
        char = text[at]
        if char == "\n":
            at, line = at + 1, line + 1
        elif char in " \t\r":
            at += 1
        elif char == "#":
            at = _end_of_line(text, at)
        elif char == "[":
            kind = "[[" if text.startswith("[[", at) else "["
            names, at = _names(text, at + len(kind))
            yield line, kind, names
            at = _end_of_line(text, at)
        else:
            names, at = _names(text, at)
            yield line, "=", names
            end = _after_value(text, at + 1)
            line += text.count("\n", at, end)
            at = end


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _names(text: str, at: int) -> tuple[list[str], int]:
    """A dotted key, up to the "=" or "]" after it."""
    names: list[str] = []
    while True:
        while text[at] in " \t.":
            at += 1
        if text[at] in "=]":
            return names, at
        if text[at] in "\"'":
            end = _after_string(text, at)
            raw = text[at + 1 : end - 1]
            names.append(raw if text[at] == "'" else _ESCAPE.sub(_unescaped, raw))
        else:
            found = _BARE.match(text, at)
            end = found.end() if found else at + 1
            names.append(text[at:end])
        at = end


def _unescaped(match: re.Match[str]) -> str:
    short, long, simple = match.groups()
    return chr(int(short or long, 16)) if short or long else _SIMPLE.get(simple, simple)


def _after_value(text: str, at: int) -> int:
    """Behind the value, at its line's end or behind the comment after it."""
    depth = 0
    while at < len(text):
        char = text[at]
        if char in "\"'":
            at = _after_string(text, at)
            continue
        if char == "#":
            at = _end_of_line(text, at)
            continue
        if char == "\n" and depth == 0:
            return at
        depth += (char in "[{") - (char in "]}")
        at += 1
    return at


def _after_string(text: str, at: int) -> int:
    quote = text[at]
    triple = text.startswith(quote * 3, at)
    end_mark = quote * 3 if triple else quote
    at += len(end_mark)
    while not text.startswith(end_mark, at):
        at += 2 if quote == '"' and text[at] == "\\" else 1
    at += len(end_mark)
    while triple and at < len(text) and text[at] == quote:
        at += 1
    return at
