"""The part of PromQL that cockpit evaluates by itself: a plain selector, and `rate` of one.

https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors. Anything else is refused by
name, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from cockpit.metrics import timing
from cockpit.metrics.answer import QueryError
from cockpit.metrics.panel import Labels, Position
from cockpit.model import errors

NEEDS_PROMETHEUS = "needs a Prometheus: only plain selectors and rate() are read from /metrics directly"

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR = re.compile(r"!=|=~|!~|=(?!=)")
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`([^`]*)`')
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-7]{3}))")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WINDOW = re.compile(r"\[\s*([0-9a-z]+)\s*\]")
_RATE = re.compile(r"rate\s*\(")
_OFFSET_OR_AT = re.compile(r"(offset\b|@)")


class Matcher(Struct, frozen=True):
    """`label op "value"`; a missing label has the value ""."""

    label: str
    operator: str
    value: str
    test: Callable[[str], bool]


class Selector(Struct, frozen=True):
    matchers: tuple[Matcher, ...]

    def admits(self, labels: Labels) -> bool:
        found = dict(labels)
        return all(matcher.test(found.get(matcher.label, "")) for matcher in self.matchers)


class Expression(Struct, frozen=True):
    """A selector, or its per-second rate over `window_seconds`."""

    selector: Selector
    window_seconds: float | None = None


def parse(text: str) -> Expression:
    """Raises QueryError: with the place where it is no PromQL, or saying that it needs a Prometheus."""
    reader = _Reader(text)
    if reader.take(_RATE):
        selector = reader.selector()
        window = reader.take(_WINDOW)
        if window is None or reader.take(_OFFSET_OR_AT):
            raise QueryError(NEEDS_PROMETHEUS)
        try:
            seconds = timing.duration(window[1])
        except errors.Refused as error:
            raise reader.wrong(str(error), window.start(1)) from error
        if not reader.literal(")"):
            raise reader.wrong('expected ")"')
        reader.end()
        return Expression(selector, seconds)
    selector = reader.selector()
    reader.end()
    return Expression(selector)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    def wrong(self, message: str, at: int | None = None) -> QueryError:
        place = self._at if at is None else at
        before = self._text[:place]
        position = Position(before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1)
        return QueryError(f"{position.line}:{position.column}: {message}", position)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
            self._skip()
        return match

    def literal(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        self._skip()
        return True

    def end(self) -> None:
        if self._at < len(self._text):
            raise QueryError(NEEDS_PROMETHEUS)

    def selector(self) -> Selector:
        matchers: list[Matcher] = []
        if not self._text.strip():
            raise self.wrong("no expression found in input")
        name = self.take(_NAME)
        if name is not None:
            matchers.append(_equal("__name__", name[0]))
        if self.literal("{"):
            while not self.literal("}"):
                matchers.append(self._matcher())
                if not self.literal(","):
                    if not self.literal("}"):
                        raise self.wrong('expected "," or "}"')
                    break
        elif name is None:
            raise QueryError(NEEDS_PROMETHEUS)
        if all(matcher.test("") for matcher in matchers):
            raise self.wrong("vector selector must contain at least one non-empty matcher", 0)
        return Selector(tuple(matchers))

    def _matcher(self) -> Matcher:
        label = self.take(_LABEL)
        if label is None:
            raise self.wrong("expected a label name")
        operator = self.take(_OPERATOR)
        if operator is None:
            raise self.wrong("expected one of = != =~ !~")
        at = self._at
        string = self.take(_STRING)
        if string is None:
            raise self.wrong("expected a quoted string")
        value = string[3] if string[3] is not None else _unescaped(string[1] if string[1] is not None else string[2])
        match operator[0]:
            case "=":
                return _equal(label[0], value)
            case "!=":
                return Matcher(label[0], "!=", value, lambda found: found != value)
            case regular:
                try:
                    fits = re.compile(value, re.DOTALL).fullmatch
                except (re.error, RecursionError, OverflowError) as error:
                    raise self.wrong(f"regular expression: {error}", at) from error
                if regular == "=~":
                    return Matcher(label[0], regular, value, lambda found: fits(found) is not None)
                return Matcher(label[0], regular, value, lambda found: fits(found) is None)

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        if match is not None:
            self._at = match.end()


def _equal(label: str, value: str) -> Matcher:
    return Matcher(label, "=", value, lambda found: found == value)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    simple, two, four, octal = match.groups()
    if simple is not None:
        return _ESCAPES.get(simple, simple)
    return chr(int(octal, 8)) if octal is not None else chr(int(two or four, 16))
