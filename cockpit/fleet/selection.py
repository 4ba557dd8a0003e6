"""Which hosts are meant: "web[01-20],@db,!db3", "env=prod,&@web". There is no "all" unless it is written: "*"."""

from __future__ import annotations

import difflib
import fnmatch
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from cockpit.fleet.machine import Machine
from cockpit.model import errors

MOST = 10_000
"""Names that one range may stand for."""
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_SPAN = re.compile(r"(\d+)(?:-(\d+))?")
_FIELDS: Mapping[str, Callable[[Machine], Collection[str]]] = {
    "env": lambda machine: (machine.env,),
    "role": lambda machine: machine.roles,
    "name": lambda machine: (machine.name,),
    "source": lambda machine: (machine.source,),
}


def select(expression: str, machines: Mapping[str, Machine]) -> tuple[Machine, ...]:
    """The machines that are meant, by name, in the order of the inventory.

    Terms are separated by commas or spaces and taken from left to right: a name, a range `web[01-20,25]`, a glob,
    `@role`, `env=prod`; `!term` (or `-term`) takes away, `&term` keeps only what is also in it. Raises errors.Refused
    for what names nothing, with the nearest match.
    """
    chosen: set[str] | None = None
    for term in _terms(expression):
        sign = term[0] if term[0] in "!-&" else ""
        named = _named(term.removeprefix(sign), machines)
        if sign and chosen is None:
            raise errors.Refused(f"{term!r} narrows a selection, but nothing stands before it: '*,{term}'")
        match sign:
            case "&":
                chosen = (chosen or set()) & named
            case "":
                chosen = (chosen or set()) | named
            case _:
                chosen = (chosen or set()) - named
    if chosen is None:
        raise errors.Refused("no host is named; write names, web[1-3], @role, env=prod or a glob")
    if not chosen:
        raise errors.Refused(f"{expression!r} leaves no host")
    return tuple(machine for name, machine in machines.items() if name in chosen)


def _terms(expression: str) -> Iterator[str]:
    """Split at commas and spaces that stand outside brackets."""
    for term in re.findall(r"(?:\[[^\]]*\]|[^\s,])+", expression):
        if term in ("!", "-", "&"):
            raise errors.Refused(f"{term!r} stands alone in {expression!r}; write it directly before what it is about")
        yield term


def _named(term: str, machines: Mapping[str, Machine]) -> set[str]:
    if term in machines:
        return {term}
    field, equals, value = term.partition("=")
    if term.startswith("@"):
        field, equals, value = "role", "=", term[1:]
    if equals:
        return _having(field, value, machines)
    names = expand(term)
    if re.search(r"[*?]", term):
        found = {name for name in machines for glob in names if fnmatch.fnmatchcase(name, glob)}
        if not found:
            raise errors.Refused(f"no host matches {term!r}")
        return found
    unknown = [name for name in names if name not in machines]
    if unknown:
        word = "hosts" if len(unknown) > 1 else "host"
        raise errors.Refused(f"unknown {word} {fold(unknown)}{_nearest(unknown[0], machines)}")
    return set(names)


def _having(field: str, value: str, machines: Mapping[str, Machine]) -> set[str]:
    values = _FIELDS.get(field)
    if values is None:
        raise errors.Refused(f"unknown field {field!r}{_nearest(field, _FIELDS)}; there are {', '.join(_FIELDS)}")
    found = {n for n, m in machines.items() if any(fnmatch.fnmatchcase(v, value) for v in values(m))}
    if not found:
        present = dict.fromkeys(v for machine in machines.values() for v in values(machine) if v)
        raise errors.Refused(f"no host has {field} {value!r}{_nearest(value, present)}")
    return found


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def expand(term: str) -> list[str]:
    """`web[08-10,12]` -> web08 web09 web10 web12; several brackets multiply. Raises errors.Refused.

    A number with a leading zero sets the width for its span.
    """
    parts: list[list[str]] = []
    end = 0
    for found in _BRACKET.finditer(term):
        parts += [[term[end : found.start()]], _numbers(found[1], term)]
        end = found.end()
    parts.append([term[end:]])
    if any("[" in part or "]" in part for part in (*parts[0], *parts[-1], *itertools.chain(*parts[2:-1:2]))):
        raise errors.Refused(f"{term!r} has a bracket without its pair")
    size = 1
    for part in parts:
        size *= len(part)
    if size > MOST:
        raise errors.Refused(f"{term!r} stands for {size} hosts, more than {MOST}")
    return ["".join(pieces) for pieces in itertools.product(*parts)]


def _numbers(spans: str, term: str) -> list[str]:
    found: list[str] = []
    for span in spans.split(","):
        match = _SPAN.fullmatch(span.strip())
        if match is None or len(span) > 40:
            raise errors.Refused(f"{span!r} in {term!r} is not a range; write it like web[01-20,25]")
        first, last = match[1], match[2] or match[1]
        if int(last) < int(first):
            raise errors.Refused(f"the range {span!r} in {term!r} runs backwards")
        if int(last) - int(first) >= MOST:
            raise errors.Refused(f"the range {span!r} in {term!r} is longer than {MOST}")
        width = len(first) if first.startswith("0") else 0
        found += [str(number).zfill(width) for number in range(int(first), int(last) + 1)]
    return found


def fold(names: Iterable[str]) -> str:
    """Short for many names: "db1,web[01-03,07]". `expand` of its terms gives the same names again."""
    plain: set[str] = set()
    numbered: dict[tuple[str, str], set[str]] = {}
    for name in set(names):
        split = _number_in(name)
        if split is None:
            plain.add(name)
        else:
            numbered.setdefault((split[0], split[2]), set()).add(split[1])
    terms = list(plain)
    for (before, after), digits in numbered.items():
        for spans in _folded(digits):
            single = len(spans) == 1 and "-" not in spans[0]
            terms.append(before + (spans[0] if single else f"[{','.join(spans)}]") + after)
    return ",".join(sorted(terms))


def _number_in(name: str) -> tuple[str, str, str] | None:
    """The number that counts hosts: the last one of the first label, else the last one at all."""
    if re.search(r"[\[\],\s]", name):
        return None
    runs = list(re.finditer(r"[0-9]+", name))
    if not runs:
        return None
    label = name.partition(".")[0]
    run = next((run for run in reversed(runs) if run.end() <= len(label)), runs[-1])
    return (name[: run.start()], run[0], name[run.end() :]) if len(run[0]) <= 18 else None


def _folded(digits: set[str]) -> Iterator[list[str]]:
    """Spans of each width: numbers with leading zeros keep theirs, the others count as plain numbers."""
    padded = {len(text) for text in digits if text.startswith("0") and len(text) > 1}
    groups: dict[int, list[int]] = {}
    for text in digits:
        groups.setdefault(len(text) if len(text) in padded else 0, []).append(int(text))
    for width, numbers in sorted(groups.items()):
        spans: list[str] = []
        numbers.sort()
        start = 0
        for place in range(1, len(numbers) + 1):
            if place < len(numbers) and numbers[place] == numbers[place - 1] + 1:
                continue
            first, last = (str(n).zfill(width) for n in (numbers[start], numbers[place - 1]))
            spans.append(first if first == last else f"{first}-{last}")
            start = place
        yield spans
