"""Host patterns of an inventory: `web[01:20:2].example:2222` is ten hosts and a port.

As ansible-core 2.14 reads them (lib/ansible/parsing/utils/addresses.py, plugins/inventory/__init__.py), but what names
no host is an error here.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import string
from collections.abc import Sequence

from cockpit.fleet.fold import MOST
from cockpit.model import errors

_RANGE = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?:\w|{_RANGE})(?:[\w-]|{_RANGE})*(?<![_-])"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_BRACKETED = re.compile(r"\[(.+)\]:([0-9]{1,5})")
_PORTED = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]{1,5})")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_BOUNDS = re.compile(r"(?:([0-9]*):([0-9]{1,18})|([a-zA-Z]):([a-zA-Z]))(?::([0-9]{1,9}))?")


def hosts(pattern: str) -> tuple[Sequence[str], int | None]:
    """The names, and the port where one is written. Raises errors.Malformed."""
    place, port = pattern, None
    for form in (_BRACKETED, _PORTED):
        found = form.fullmatch(place)
        if found is not None:
            place, port = found[1], int(found[2])
    if port is not None and not _valid(place):
        place, port = pattern, None
    return _expanded(place), port


def _valid(host: str) -> bool:
    if _HOST.fullmatch(host):
        return True
    try:
        ipaddress.IPv6Address(_BRACKET.sub("1", host))
    except ValueError:
        return False
    return True


def _expanded(pattern: str) -> Sequence[str]:
    if "[" not in pattern:
        return (pattern,)
    parts: list[Sequence[str]] = []
    end, size = 0, 1
    for found in _BRACKET.finditer(pattern):
        span = _span(found[1], pattern)
        parts += [(pattern[end : found.start()],), span]
        end, size = found.end(), size * len(span)
        if size > MOST:
            raise errors.Malformed(f"{pattern!r} stands for more than {MOST} hosts")
    parts.append((pattern[end:],))
    if any(bracket in text for (text,) in parts[::2] for bracket in "[]"):
        raise errors.Malformed(f"{pattern!r} has a bracket without its pair")
    return ["".join(pieces) for pieces in itertools.product(*parts)]


def _span(text: str, pattern: str) -> Sequence[str]:
    bounds = _BOUNDS.fullmatch(text)
    if bounds is None:
        raise errors.Malformed(f"{text!r} in {pattern!r} is no range; write it like web[01:20] or db-[a:f]")
    step = int(bounds[5] or 1)
    if not step:
        raise errors.Malformed(f"{text!r} in {pattern!r} has no step")
    if bounds[3]:
        first, last = (string.ascii_letters.index(letter) for letter in bounds.group(3, 4))
        found: Sequence[str] = string.ascii_letters[first : last + 1 : step]
    else:
        found = _numbers(bounds[1] or "0", bounds[2], step, pattern)
    if not found:
        raise errors.Malformed(f"the range {text!r} in {pattern!r} runs backwards")
    return found


def _numbers(first: str, last: str, step: int, pattern: str) -> Sequence[str]:
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and width != len(last):
        raise errors.Malformed(f"{first}:{last} in {pattern!r} must be of one length; write it like [01:20]")
    numbers = range(int(first), int(last) + 1, step)
    if len(numbers) > MOST:
        raise errors.Malformed(f"{pattern!r} stands for more than {MOST} hosts")
    return [str(number).zfill(width) for number in numbers]
