"""What Host and Match ask before their block counts (ssh_config(5), Host, Match and PATTERNS)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from msgspec import Struct

from cockpit.fleet.inventory.sshconfig import lines
from cockpit.fleet.inventory.sshconfig.tokens import CLIENT, first_unknown

ALONE = frozenset({"canonical", "final"})
"""Criteria without an argument; they hold in the second pass."""
WITH_ARGUMENT = frozenset(
    {"exec", "host", "originalhost", "user", "localuser", "tagged", "localnetwork", "version", "sessiontype", "command"}
)


class Patterns:
    """A list of patterns: one must fit and none that is negated may."""

    __slots__ = ("_refused", "_wanted")

    def __init__(self, patterns: Iterable[str]) -> None:
        wanted: list[str] = []
        refused: list[str] = []
        for pattern in patterns:
            (refused if pattern.startswith("!") else wanted).append(pattern.removeprefix("!"))
        self._wanted = _compiled(wanted)
        self._refused = _compiled(refused)

    def admit(self, text: str) -> bool:
        if self._refused is not None and self._refused(text):
            return False
        return self._wanted is not None and bool(self._wanted(text))


def _compiled(patterns: Sequence[str]) -> Callable[[str], re.Match[str] | None] | None:
    if not patterns:
        return None
    expressions = [
        "".join(".*" if part[0] == "*" else "." if part == "?" else re.escape(part) for part in _pieces(pattern))
        for pattern in patterns
    ]
    return re.compile("|".join(expressions), re.DOTALL).fullmatch


def _pieces(pattern: str) -> list[str]:
    return re.findall(r"\*+|\?|[^*?]+", pattern)


@lru_cache(maxsize=4096)
def comma_list(text: str) -> Patterns:
    """ "a*,!ab": as the criteria and IgnoreUnknown have it."""
    return Patterns(text.split(","))


class HostBlock:
    """`Host` and its patterns. The case of letters counts, unlike in Match."""

    __slots__ = ("_patterns", "everyone", "names")

    def __init__(self, arguments: list[str], rest: str) -> None:
        """Raises ValueError."""
        if "" in arguments:
            raise ValueError("has an empty pattern; delete it")
        self.names: frozenset[str] | None = None
        """The hosts that it is for, where no wildcard stands in it."""
        self.everyone = arguments == ["*"]
        self._patterns: Patterns | None = None
        if "*" in rest or "?" in rest:
            self._patterns = Patterns(arguments)
        elif "!" in rest:
            refused = {argument[1:] for argument in arguments if argument.startswith("!")}
            self.names = frozenset(argument for argument in arguments if not argument.startswith("!")) - refused
        else:
            self.names = frozenset(arguments)

    def admits(self, host: str) -> bool:
        if self._patterns is not None:
            return self._patterns.admit(host)
        return self.names is not None and host in self.names


class Criterion(Struct, frozen=True):
    """One condition of a Match."""

    kind: str
    """In lower case; "" for one that we do not know."""
    negated: bool = False
    argument: str = ""


class MatchBlock(Struct, frozen=True):
    """`Match` and its criteria, all of which must hold."""

    criteria: tuple[Criterion, ...]
    where: str
    """"Match host x (file line 3)", for messages."""

    def asks(self, kind: str) -> bool:
        return any(criterion.kind == kind for criterion in self.criteria)


def match_block(arguments: list[str], rest: str, where: str) -> MatchBlock:
    """Raises ValueError."""
    criteria: list[Criterion] = []
    words = _words(arguments, rest)
    while words:
        word = words.pop(0)
        if word.startswith("#"):
            break
        kind = word.removeprefix("!").lower()
        negated = word.startswith("!")
        if kind == "all":
            if len(criteria) > 1 or (words and not words[0].startswith("#")):
                raise ValueError("wants `all` alone, or after `canonical` or `final`")
            return MatchBlock((*criteria, Criterion("all", negated)), where)
        if kind in ALONE:
            criteria.append(Criterion(kind, negated))
        elif kind in WITH_ARGUMENT:
            if not words or words[0].startswith("#"):
                raise ValueError(f"has nothing after `{word}`; write what to compare with")
            criteria.append(Criterion(kind, negated, _argument(kind, words.pop(0))))
        else:
            return MatchBlock((*criteria, Criterion("")), where)
    if not criteria:
        raise ValueError("has no criterion; write `all` for every host")
    return MatchBlock(tuple(criteria), where)


def _argument(kind: str, text: str) -> str:
    if kind == "exec" and (token := first_unknown(text, CLIENT)):
        raise ValueError(f"has {token} in its command; write %% for a %")
    if kind == "localnetwork":
        networks(text)
    elif not text and kind not in ("tagged", "command"):
        raise ValueError(f"has an empty {kind}")
    return text


def networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """A list of addresses with their masks. Raises ValueError."""
    try:
        return [ipaddress.ip_network(part) for part in text.split(",")]
    except ValueError as error:
        raise ValueError(f"has a bad network ({error}); write it as 10.0.0.0/8") from None


def _words(arguments: list[str], rest: str) -> list[str]:
    """Criteria and arguments, with white space or one = between them."""
    if "'" not in rest and "\\" not in rest:
        found: list[str] = []
        left: str | None = rest
        while left:
            word, left = lines.word(left)
            if word is None:
                break
            found.append(word)
        return found
    # OpenSSH 9.9 and later: quotes and backslashes as everywhere else, and `criterion=argument` within a word.
    parted: list[str] = []
    for position, word in enumerate(arguments):
        head, equals, tail = word.partition("=")
        takes = position == 0 or parted[-1].removeprefix("!").lower() not in WITH_ARGUMENT
        parted += [head, tail] if equals and takes and head.removeprefix("!").lower() in WITH_ARGUMENT else [word]
    return parted
