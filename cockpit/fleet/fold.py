"""Lists of host names, short: "db1,web[01-20,23]". What `fold` writes, `expand` reads; nothing is lost between."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from cockpit.model import errors

MOST = 100_000
"""Names that one term may stand for."""
MOST_DIGITS = 18
"""Of a number that counts hosts."""
_PIECE = re.compile(r'[^\s,"\[]+|"(?:[^"\\]|\\.)*+"|\[[^\[\]"]*\]|["\[]', re.DOTALL)
_GAP = re.compile(r"[\s,]+")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_SPAN = re.compile(r"\s*([0-9]{1,18})(?:-([0-9]{1,18}))?\s*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+")
_ADDRESS = re.compile(r"\[([0-9a-fA-F]*:[0-9a-fA-F:.]*(?:%\w+)?)\]")
"""An IPv6 address in the brackets that it has in a url."""
_SPECIAL = re.compile(r'[\s,"\[\]=*?\\]|\A[!&@-]|\A(?:last|run):|\A\Z')
"""What makes a name read as something else in a selection."""


def split(text: str) -> Iterator[str]:
    """The terms between commas and spaces; those in brackets and quotes do not count. Raises errors.Refused."""
    place, term = 0, ""
    while place < len(text):
        if (gap := _GAP.match(text, place)) is not None:
            if term:
                yield term
            place, term = gap.end(), ""
            continue
        piece = _PIECE.match(text, place)
        if piece is None or piece[0] in ('"', "["):
            what = "quote" if piece is not None and piece[0] == '"' else "bracket"
            raise errors.Refused(f"{_shown(text)} has a {what} without its pair")
        place, term = piece.end(), term + piece[0]
    if term:
        yield term


def quoted(name: str) -> str:
    """A name as a term that means it and nothing else."""
    if not _SPECIAL.search(name):
        return name
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def unquoted(term: str) -> str | None:
    """The name that a quoted term means; None: it is not quoted. Raises errors.Refused."""
    if '"' not in term:
        return None
    if re.fullmatch(r'"(?:[^"\\]|\\.)*+"', term, re.DOTALL) is None:
        raise errors.Refused(f'a quote stands inside {_shown(term)}; quote all of a name: "odd name"')
    return re.sub(r"\\(.)", r"\1", term[1:-1], flags=re.DOTALL)


def expand(text: str) -> list[str]:
    """All the names of a list, in its order. Raises errors.Refused."""
    return [name for term in split(text) for name in names(term)]


def names(term: str) -> list[str]:
    """`web[08-10,12]` -> web08 web09 web10 web12; several brackets multiply. Raises errors.Refused.

    A number with a leading zero sets the width for its span.
    """
    literal = unquoted(term)
    if literal is not None:
        return [literal]
    if "[" not in term and "]" not in term:
        return [term]
    address = _ADDRESS.fullmatch(term)
    if address is not None:
        return [address[1]]
    parts: list[list[str]] = []
    end, size = 0, 1
    for found in _BRACKET.finditer(term):
        numbers = _numbers(found[1], term)
        parts += [[term[end : found.start()]], numbers]
        end, size = found.end(), size * len(numbers)
        if size > MOST:
            raise errors.Refused(f"{_shown(term)} stands for more than {MOST} hosts")
    parts.append([term[end:]])
    if any("[" in part or "]" in part for (part,) in parts[::2]):
        raise errors.Refused(f"{_shown(term)} has a bracket without its pair")
    return ["".join(pieces) for pieces in itertools.product(*parts)]


def _numbers(spans: str, term: str) -> list[str]:
    found: list[str] = []
    for span in spans.split(","):
        match = _SPAN.fullmatch(span)
        if match is None:
            raise errors.Refused(f"{span!r} in {_shown(term)} is not a range; write it like web[01-20,25]")
        first, last = match[1], match[2] or match[1]
        if int(last) < int(first):
            raise errors.Refused(f"the range {span!r} in {_shown(term)} runs backwards")
        if int(last) - int(first) + len(found) >= MOST:
            raise errors.Refused(f"{_shown(term)} stands for more than {MOST} hosts")
        width = len(first) if first.startswith("0") else 0
        found += [str(number).zfill(width) for number in range(int(first), int(last) + 1)]
    return found


def fold(hosts: Iterable[str]) -> str:
    """Short for many names: "db1,web[01-03,07]". `expand` gives the same names again."""
    terms: list[str] = []
    numbered: dict[tuple[str, str], set[str]] = {}
    for name in set(hosts):
        number = _number_in(name)
        if number is None:
            terms.append(quoted(name))
        else:
            before, digits, after = number
            numbered.setdefault((before, after), set()).add(digits)
    for (before, after), digits_seen in numbered.items():
        for spans in _folded(digits_seen):
            single = len(spans) == 1 and "-" not in spans[0]
            terms.append(before + (spans[0] if single else f"[{','.join(spans)}]") + after)
    return ",".join(sorted(terms))


def _number_in(name: str) -> tuple[str, str, str] | None:
    """What stands before it, the number that counts hosts, and what stands after.

    It is the last number of the first label, else the last one at all; in an IPv4 address the last one.
    """
    if _SPECIAL.search(name):
        return None
    label = name.partition(".")[0]
    runs = list(_NUMBER.finditer(name if label.isdecimal() else label)) or list(_NUMBER.finditer(name))
    if not runs:
        return None
    run = runs[-1]
    return (name[: run.start()], run[0], name[run.end() :]) if len(run[0]) <= MOST_DIGITS else None


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


def _shown(text: str) -> str:
    """Quoted in a message, not longer than a line of it."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
