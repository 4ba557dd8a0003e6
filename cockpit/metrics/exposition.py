"""The text format of a `/metrics` page (version 0.0.4; OpenMetrics' `# EOF` and exemplars are passed over).

https://prometheus.io/docs/instrumenting/exposition_formats/. Strict: a line that is none of it refuses the whole page
with its number, as Prometheus does.
"""

from __future__ import annotations

import re

from msgspec import Struct

from cockpit.metrics.panel import Labels
from cockpit.model import errors

LINE_CHARS = 65_536
SAMPLES_MOST = 100_000

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*')
_REST = re.compile(r"[ \t]*([^ \t#]+)(?:[ \t]+(-?[0-9.]+))?[ \t]*(?:#.*)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?|nan", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}


class Sample(Struct, frozen=True, gc=False):
    labels: Labels
    value: float
    at: float | None = None
    """Unix seconds, where the page says so itself."""


class Family(Struct, gc=False):
    """What a page says about a metric."""

    kind: str = ""
    help: str = ""


class Page(Struct, frozen=True):
    samples: tuple[Sample, ...]
    families: dict[str, Family]


def parse(body: bytes | bytearray, where: str) -> Page:
    """Raises Malformed with the line. About 3 us a sample: give a page of more than 5,000 to a thread."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise errors.Malformed(f"{where}: the page is not UTF-8; is the url a /metrics page?") from error
    openmetrics = text.rstrip().endswith("# EOF")
    samples: list[Sample] = []
    families: dict[str, Family] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(" \t\r")
        if not line:
            continue
        if line.startswith("#"):
            _comment(line, families)
            continue
        try:
            if len(line) > LINE_CHARS:
                raise ValueError("the line is too long")
            samples.append(_sample(line, openmetrics))
        except ValueError as error:
            message = f"{where}: line {number} of the page: {error}; is the url a /metrics page?"
            raise errors.Malformed(message) from error
        if len(samples) > SAMPLES_MOST:
            raise errors.Malformed(f"{where}: the page has more than {SAMPLES_MOST} samples")
    return Page(tuple(samples), families)


def _sample(line: str, openmetrics: bool) -> Sample:
    name = _NAME.match(line)
    if name is None:
        raise ValueError("expected a metric name")
    labels = {"__name__": name[0]}
    at = name.end()
    while at < len(line) and line[at] in " \t":
        at += 1
    if line.startswith("{", at):
        at = _labels(line, at + 1, labels)
    rest = _REST.fullmatch(line, at)
    if rest is None or _NUMBER.fullmatch(rest[1]) is None:
        raise ValueError("expected a number after the metric")
    stamp = float(rest[2]) / (1 if openmetrics else 1000) if rest[2] else None
    return Sample(tuple(sorted(labels.items())), float(rest[1]), stamp)


def _labels(line: str, at: int, labels: dict[str, str]) -> int:
    """The place after the closing brace."""
    while not line.startswith("}", at):
        match = _LABEL.match(line, at)
        if match is None:
            if not line[at:].strip(" \t").startswith("}"):
                raise ValueError("expected a label")
            at = line.index("}", at)
            break
        if match[1] in labels:
            raise ValueError(f"the label {match[1][:40]} is there twice")
        labels[match[1]] = _ESCAPED.sub(_character, match[2]) if "\\" in match[2] else match[2]
        at = match.end()
        if line.startswith(",", at):
            at += 1
        elif not line.startswith("}", at):
            raise ValueError("expected a comma or a closing brace")
    return at + 1


def _comment(line: str, families: dict[str, Family]) -> None:
    words = line.split(None, 3)
    if len(words) < 3 or words[0] != "#" or words[1] not in ("HELP", "TYPE"):
        return
    family = families.setdefault(words[2], Family())
    said = words[3] if len(words) == 4 else ""
    if words[1] == "TYPE":
        family.kind = said
    else:
        family.help = _ESCAPED.sub(_character, said)


def _character(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])
