"""`.cockpit/pipeline.yml`: what a repository wants to have run.

    timeout: 30m            # of the whole run; seconds, or 90s, 10m, 1h30m
    steps:
      - name: test
        run: python -m unittest
        timeout: 5m

Read from events, not objects: no tags, no aliases (a small file can unfold to gigabytes), every value with its line.
"""

from __future__ import annotations

import difflib
import re
from typing import TypeAlias

from msgspec import Struct

PATH = ".cockpit/pipeline.yml"
MOST_BYTES = 64 << 10
MOST_STEPS = 100
MOST_DEPTH = 8
RUN_SECONDS = 3600.0
"""When the file states no timeout."""
MOST_SECONDS = 24 * 3600.0
NAME_CHARS = 100


class BadPipeline(Exception):
    """The file cannot be used: `.cockpit/pipeline.yml:3: ...`, with the line and what to write."""


class Step(Struct, frozen=True):
    name: str
    run: str
    """A script for sh -e."""
    timeout_seconds: float | None


class Pipeline(Struct, frozen=True):
    steps: tuple[Step, ...]
    timeout_seconds: float


class _Scalar(Struct, frozen=True):
    line: int
    text: str
    plain: bool


class _List(Struct, frozen=True):
    line: int
    items: list[_Node]


class _Map(Struct, frozen=True):
    line: int
    items: dict[str, tuple[int, _Node]]


_Node: TypeAlias = "_Scalar | _List | _Map"


def parse(data: bytes) -> Pipeline:
    """Raises BadPipeline. Up to a tenth of a second of work: call it in a thread."""
    if len(data) > MOST_BYTES:
        raise _bad(1, f"longer than {MOST_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _bad(data[: error.start].count(b"\n") + 1, "not UTF-8") from None
    top = _expect_map(_read(text), "the file", ("steps", "timeout"))
    if "steps" not in top.items:
        raise _bad(top.line, 'no "steps"')
    line, steps = top.items["steps"]
    if not isinstance(steps, _List) or not steps.items:
        raise _bad(line, '"steps" must be a list with at least one step')
    if len(steps.items) > MOST_STEPS:
        raise _bad(line, f"more than {MOST_STEPS} steps")
    return Pipeline(
        tuple(_step(node, number) for number, node in enumerate(steps.items, 1)),
        _seconds(top, "timeout") or RUN_SECONDS,
    )


def _step(node: _Node, number: int) -> Step:
    step = _expect_map(node, f"step {number}", ("name", "run", "timeout"))
    run = _text(step, "run")
    if not run.strip():
        raise _bad(step.line, f'step {number} has no "run"')
    if "\0" in run:
        raise _bad(step.line, f'"run" of step {number} holds a NUL')
    name = " ".join(_text(step, "name").split()) or f"step {number}"
    return Step(name[:NAME_CHARS], run, _seconds(step, "timeout"))


def _expect_map(node: _Node, what: str, keys: tuple[str, ...]) -> _Map:
    if not isinstance(node, _Map):
        raise _bad(node.line, f"{what} must be a mapping with the keys {', '.join(keys)}")
    for key, (line, _) in node.items.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            mend = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(keys)}"
            raise _bad(line, f"unknown key {key[:40]!r}; {mend}")
    return node


def _text(node: _Map, key: str) -> str:
    if key not in node.items:
        return ""
    line, value = node.items[key]
    if not isinstance(value, _Scalar):
        raise _bad(line, f'"{key}" must be text')
    return "" if value.plain and value.text in ("", "~", "null") else value.text


_DURATION = re.compile(r"(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s?)?", re.ASCII)


def _seconds(node: _Map, key: str) -> float | None:
    text = _text(node, key).strip()
    if key not in node.items:
        return None
    found = _DURATION.fullmatch(text)
    seconds = 0.0
    if found is not None:
        seconds = sum(int(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1), strict=True))
    if not 0 < seconds <= MOST_SECONDS:
        line = node.items[key][0]
        raise _bad(line, f'"{key}" must be a time up to 24h: seconds, or 90s, 10m, 1h30m; not {text[:40]!r}')
    return float(seconds)


def _bad(line: int, why: str) -> BadPipeline:
    return BadPipeline(f"{PATH}:{line}: {why}")


def _read(text: str) -> _Node:
    import yaml

    events, depth = [], 0
    try:
        # Given up as soon as it is too deep: the scanner's time grows with the square of that.
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise _bad(_line(event), f"nested deeper than {MOST_DEPTH}")
            events.append(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _bad(mark.line + 1 if mark else 1, " ".join(str(error.problem or error).split())[:200]) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _bad(1, " ".join(str(error).split())[:200]) from None
    documents = [event for event in events if isinstance(event, yaml.DocumentStartEvent)]
    if not documents:
        raise _bad(1, "the file is empty")
    if len(documents) > 1:
        raise _bad(_line(documents[1]), "more than one document")
    content: list[object] = [*events[events.index(documents[0]) + 1 :]]
    content.reverse()
    return _node(content)


def _line(event: object) -> int:
    mark = getattr(event, "start_mark", None)
    return 1 if mark is None else int(mark.line) + 1


def _node(events: list[object]) -> _Node:
    """The next node of the reversed events."""
    import yaml

    event = events.pop()
    assert isinstance(event, yaml.Event)
    line = _line(event)
    if isinstance(event, yaml.AliasEvent):
        raise _bad(line, "aliases (*name) are not supported")
    if (tag := getattr(event, "tag", None)) is not None:
        raise _bad(line, f"tags ({tag}) are not supported")
    match event:
        case yaml.ScalarEvent():
            return _Scalar(line, event.value, event.style is None)
        case yaml.SequenceStartEvent():
            items: list[_Node] = []
            while not isinstance(events[-1], yaml.SequenceEndEvent):
                items.append(_node(events))
            events.pop()
            return _List(line, items)
        case _:
            pairs: dict[str, tuple[int, _Node]] = {}
            while not isinstance(events[-1], yaml.MappingEndEvent):
                key = _node(events)
                if not isinstance(key, _Scalar):
                    raise _bad(key.line, "a key must be text")
                if key.text in pairs:
                    raise _bad(key.line, f"{key.text!r} stands there twice")
                pairs[key.text] = (key.line, _node(events))
            events.pop()
            return _Map(line, pairs)
