"""What the user types after `/`, in all tables:

    filter   = [ "-l" selector ] [ test ]
    selector = as kubectl's -l: app=web,tier!=db | env in (prod, qa) | !canary
    test     = [ "!" ] ( "/" regex [ "/" ] | "~" letters [ text ] | text )

A text is looked for as it is, whatever its case; `!` inverts what follows; `~` finds letters in their order within one
word, with anything between ("~apisrv" finds api-server), and only filters: the order stays the chosen column's. The
selector is applied by the server, where the table's source has labels, once the line is entered.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_REQUIREMENT = r"(?:![\w./-]+|[\w./-]+(?:\s+(?:not)?in\s*\([^)]*\)?|\s*(?:==|!=|=)\s*[\w.-]*)?)"
_LABELS = re.compile(rf"-l(?:\s+|$)({_REQUIREMENT}(?:\s*,\s*{_REQUIREMENT})*,?)?")


class BadFilter(ValueError):
    """The regular expression or the selector does not parse; the message says where."""


def split(text: str) -> tuple[str, str]:
    """(label selector, test); the selector is empty where the text does not begin with -l. Raises BadFilter."""
    typed = text.strip()
    found = _LABELS.match(typed)
    if found is None:
        return "", typed
    rest = typed[found.end() :]
    if rest and not rest[0].isspace():
        raise BadFilter(f"label selector: {rest[:12]!r} is not understood; write app=web,tier!=db")
    return (found[1] or "").rstrip(","), rest.strip()


def parse(test: str) -> Callable[[str], bool] | None:
    """A test on lower-case searchable text; None accepts everything. Raises BadFilter."""
    pattern = test.strip()
    inverse = pattern.startswith("!")
    accepts = _parse(pattern[1:].strip() if inverse else pattern)
    if accepts is None or not inverse:
        return accepts
    return lambda s: not accepts(s)


def _parse(pattern: str) -> Callable[[str], bool] | None:
    if not pattern:
        return None
    if pattern.startswith("/"):
        return _regex(pattern[1:].removesuffix("/"))
    if pattern.startswith("~"):
        letters, _, text = pattern[1:].strip().lower().partition(" ")
        return _both(_fuzzy(letters), _text(text.strip()))
    return _text(pattern.lower())


def _regex(body: str) -> Callable[[str], bool] | None:
    if not body:
        return None
    try:
        search = re.compile(body, re.IGNORECASE).search
    except re.error as error:
        raise BadFilter(f"regular expression: {error}") from error
    return lambda s: search(s) is not None


def _fuzzy(letters: str) -> Callable[[str], bool] | None:
    """Up to each letter come only others, so that there is one way to match, and no backing up."""
    if not letters:
        return None
    between = [rf"[^\s{re.escape(letter)}]*{re.escape(letter)}" for letter in letters[1:]]
    search = re.compile(re.escape(letters[0]) + "".join(between)).search
    return lambda s: search(s) is not None


def _text(needle: str) -> Callable[[str], bool] | None:
    return (lambda s: needle in s) if needle else None


def _both(one: Callable[[str], bool] | None, other: Callable[[str], bool] | None) -> Callable[[str], bool] | None:
    if one is None or other is None:
        return one or other
    return lambda s: one(s) and other(s)
