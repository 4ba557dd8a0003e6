"""What a configuration says of one host: the passes of ssh.c over the segments that may concern it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cockpit.fleet.inventory.sshconfig.canonical import canonical
from cockpit.fleet.inventory.sshconfig.conditions import HostBlock, MatchBlock, Patterns, comma_list
from cockpit.fleet.inventory.sshconfig.criteria import Asked, holds
from cockpit.fleet.inventory.sshconfig.jumps import Hop, hops
from cockpit.fleet.inventory.sshconfig.outside import Outside
from cockpit.fleet.inventory.sshconfig.parse import Condition, Parsed, Segment
from cockpit.fleet.inventory.sshconfig.tokens import HOSTNAME, USER, Tokens, expand
from cockpit.fleet.inventory.sshconfig.values import Value

DEFAULT_PORT = "22"
SETTLED: dict[str, Value] = {
    "canonicalizefallbacklocal": ("yes",),
    "canonicalizehostname": ("no",),
    "canonicalizemaxdots": ("1",),
}
"""What the second pass cannot set any more (fill_default_options_for_canonicalization)."""


@dataclass(slots=True)
class Resolved:
    """All that is set for one host, as it is written: tokens and ~ are not expanded, what is not set is not there."""

    given: str
    """The name that was asked for."""
    host: str
    """What is connected to."""
    values: dict[str, Value]
    """By keyword in lower case; see parse.Segment for "proxy"."""
    notes: list[str]
    here: Tokens
    _tokens: Tokens | None = None

    def one(self, keyword: str, default: str = "") -> str:
        found = self.values.get(keyword)
        return default if found is None else found[0]

    @property
    def proxy_command(self) -> str:
        """Empty: none. `ProxyJump none` lets a later ProxyCommand count; otherwise the first of the two does."""
        kind, text = self.values.get("proxy", ("", ""))
        if kind == "proxyjump" and not hops(text):
            text = self.one("proxycommand")
        elif kind == "proxyjump":
            return ""
        return "" if text.lower() == "none" else text

    @property
    def jumps(self) -> tuple[Hop, ...]:
        """The hops of ProxyJump."""
        kind, text = self.values.get("proxy", ("", ""))
        return hops(text) if kind == "proxyjump" else ()

    @property
    def tokens(self) -> Tokens:
        if self._tokens is None:
            jumps = self.jumps
            self._tokens = self.here.of_host(
                given=self.given,
                host=self.host,
                port=self.one("port", DEFAULT_PORT),
                user=self.one("user", self.here["u"]),
                alias=self.one("hostkeyalias").lower() or self.given,
                jump=jumps[-1].host if jumps else "",
            )
        return self._tokens


def resolve(parsed: Parsed, name: str, here: Tokens, outside: Outside, given: Segment) -> Resolved:
    """What ssh would do for `name`, with what is `given` as if on its command line.

    Runs the commands of `Match exec` and asks DNS where the configuration wants it: call it in a thread.
    Raises tokens.Unusable where ssh would refuse.
    """
    walk = _Walk(parsed, name, here, outside)
    walk.take(given)
    walk.run(name, final=False)
    values = walk.values
    host = expand(values["hostname"][0], {"h": name}, HOSTNAME) if "hostname" in values else name
    host = canonical(host, values, outside, walk.notes)
    if parsed.final or values.get("canonicalizehostname", ("no",))[0] != "no":
        walk.values = {**SETTLED, **values, "hostname": (host,)}
        walk.run(host, final=True)
        values = walk.values
    for keyword, added in walk.several.items():
        values[keyword] = tuple(added)
    resolved = Resolved(name, host, values, walk.notes, here)
    if "%" in (user := resolved.one("user")) or "${" in user:
        values["user"] = (expand(user, resolved.tokens, USER, environment=True),)
        return Resolved(name, host, values, walk.notes, here)
    return resolved


class _Walk:
    """One host on its way through the configuration."""

    __slots__ = ("_final", "_held", "_host", "here", "name", "notes", "outside", "parsed", "several", "values")

    def __init__(self, parsed: Parsed, name: str, here: Tokens, outside: Outside) -> None:
        self.parsed, self.name, self.here, self.outside = parsed, name, here, outside
        self.values: dict[str, Value] = {}
        self.several: dict[str, list[str]] = {}
        self.notes: list[str] = []

    def run(self, host: str, *, final: bool) -> None:
        """One pass; Host blocks are those of `host`."""
        self._host, self._final = host, final
        self._held: dict[int, bool] = {}
        """What the conditions of this pass came to. ssh, too, asks each just once, where it stands."""
        named = self.parsed.exact.get(host)
        general = self.parsed.general
        segments = self.parsed.segments
        numbers: Iterable[int] = sorted(named + general) if named and general else named or general
        for number in numbers:
            segment = segments[number]
            if not segment.given or all(map(self._holds, segment.given)):
                self.take(segment)

    def _holds(self, condition: Condition) -> bool:
        held = self._held.get(id(condition))
        if held is None:
            held = condition.admits(self._host) if isinstance(condition, HostBlock) else self._matches(condition)
            self._held[id(condition)] = held
        return held

    def _matches(self, block: MatchBlock) -> bool:
        asked = Asked(self.name, self._host, self.values, self.here, self.outside, self._final, self.notes)
        return all(holds(criterion, asked, block.where) for criterion in block.criteria)

    def take(self, segment: Segment) -> None:
        """What is not set yet; ssh, too, keeps the first of two values."""
        if segment.note and not self._ignored(segment.unless) and segment.note not in self.notes:
            self.notes.append(segment.note)
        self.values = {**segment.first, **self.values} if self.values else segment.first.copy()
        for keyword, added in segment.several:
            self._append(keyword, added)

    def _ignored(self, keyword: str) -> bool:
        ignored = self.values.get("ignoreunknown")
        return bool(keyword) and ignored is not None and comma_list(ignored[0].lower()).admit(keyword)

    def _append(self, keyword: str, value: str) -> None:
        held = self.several.setdefault(keyword, [])
        if keyword == "sendenv":
            if value.startswith("-"):
                removed = Patterns([value[1:]])
                held[:] = [name for name in held if not removed.admit(name)]
            else:
                held.append(value)
        elif value not in held:
            held.append(value)
