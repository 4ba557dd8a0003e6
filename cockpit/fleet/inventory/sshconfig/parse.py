"""A configuration with its Includes, in the order in which ssh reads it, indexed by the hosts that it names."""

from __future__ import annotations

import glob
import grp
import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from cockpit.fleet.inventory.sshconfig import lines
from cockpit.fleet.inventory.sshconfig.conditions import HostBlock, MatchBlock, match_block
from cockpit.fleet.inventory.sshconfig.directives import DIRECTIVES, PROXIES, SEVERAL
from cockpit.fleet.inventory.sshconfig.tokens import Local, Tokens, Unusable, expand, first_unknown
from cockpit.fleet.inventory.sshconfig.values import Value
from cockpit.model import errors

DEPTH = 16
"""Nested Includes, as in OpenSSH (READCONF_MAX_DEPTH)."""
MOST_BYTES = 16 * 2**20
"""Of one file."""
USER_CONFIG = ".ssh/config"
SYSTEM_CONFIG = "/etc/ssh/ssh_config"

Condition: TypeAlias = HostBlock | MatchBlock


@dataclass(slots=True)
class Segment:
    """Lines that count together or not at all."""

    given: tuple[Condition, ...]
    """What must hold, the outermost first, without what the index has looked at."""
    first: dict[str, Value] = field(default_factory=dict)
    """Keywords of which the first value counts. "proxy" is ProxyJump or ProxyCommand: its first word says which."""
    several: list[tuple[str, str]] = field(default_factory=list)
    """Keywords whose values add up, with their values in order."""
    note: str = ""
    """What is not honoured here."""
    unless: str = ""
    """A keyword in lower case: the note does not count where IgnoreUnknown names it."""


@dataclass(slots=True)
class Parsed:
    """A whole configuration."""

    watched: dict[str, None] = field(default_factory=dict)
    """Files that were read or looked for, and folders where Include looks: what changes when the outcome may."""
    names: dict[str, None] = field(default_factory=dict)
    """Hosts that stand there without a wildcard and have a block, in order."""
    segments: list[Segment] = field(default_factory=list)
    exact: dict[str, list[int]] = field(default_factory=dict)
    """Segments of named hosts, by name."""
    general: list[int] = field(default_factory=list)
    """Segments that any host may be meant by."""
    final: bool = False
    """Whether a `Match final` wants a second pass."""
    asks: bool = False
    """Whether hosts depend on commands, on DNS or on our own addresses, which take time and may change without a file.
    """


def parse(path: Path, local: Local, *, must_exist: bool = True) -> Parsed:
    """Read a configuration as `ssh -F` does; the user's own one as ssh does without -F, with the system's after it.

    Does file I/O: call it in a thread. Raises model.errors.
    """
    parser = _Parser(local)
    own = Path(local.home, USER_CONFIG)
    default = path == own or (path.is_file() and own.is_file() and path.samefile(own))
    if not parser.file(str(path), (), 0, checked=default) and must_exist:
        raise errors.NotFound(f"{path} does not exist; remove it from fleet.inventories or create it")
    if default:
        parser.system = True
        parser.file(SYSTEM_CONFIG, (), 0, checked=False)
    return parser.parsed


def command_line(options: Iterable[str]) -> Segment:
    """What `ssh -o` is given, an option each, to come before any configuration. Raises ValueError with the reason."""
    segment = Segment(())
    for option in options:
        for keyword, value in _option(option):
            _add(segment, keyword, value)
    return segment


@lru_cache(maxsize=4096)
def _option(text: str) -> tuple[tuple[str, Value], ...]:
    parts = lines.split(text)
    if parts is None:
        return ()
    keyword, rest, arguments = parts
    directive = DIRECTIVES.get(keyword.lower())
    if directive is None:
        raise ValueError(f"{keyword} is unknown")
    try:
        return ((directive.keyword, directive.read(arguments, rest)),)
    except ValueError as error:
        raise ValueError(f"{directive.title} {error}") from error


class _Parser:
    def __init__(self, local: Local) -> None:
        self.parsed = Parsed()
        self.system = False
        """Reading the system's configuration, which has other rules for Include."""
        self._local = local

    def file(self, path: str, outer: tuple[Condition, ...], depth: int, *, checked: bool) -> bool:
        """Read one file, whose lines count when `outer` holds. False: it is not there."""
        if depth > DEPTH:
            raise errors.Malformed(f"{path}: more than {DEPTH} nested Includes; does a file include itself?")
        self.parsed.watched[path] = None
        text = _text(path, self._local, checked=checked)
        if text is None:
            return False
        scope, segment = outer, Segment(outer)
        for number, (keyword, rest, careful) in enumerate(lines.cut(text), 1):
            title = ""
            try:
                if keyword:
                    arguments = rest.split()
                elif (parts := lines.split(careful)) is not None:
                    keyword, rest, arguments = parts
                else:
                    continue
                directive = DIRECTIVES.get(keyword) or DIRECTIVES.get(keyword.lower())
                if directive is not None:
                    title = directive.title
                    _add(segment, directive.keyword, directive.read(arguments, rest))
                    continue
                self._close(segment)
                where = f"{path} line {number}"
                match keyword.lower():
                    case "host":
                        title = "Host"
                        scope = (*outer, self._host(arguments, rest, outer))
                        segment = Segment(scope)
                    case "match":
                        title = "Match"
                        scope = (*outer, self._match(arguments, rest, where))
                        segment = Segment(scope)
                    case "include":
                        title = "Include"
                        segment = Segment(scope, note=self._include(arguments, scope, depth, where))
                    case unknown:
                        segment = Segment(scope, note=f"{keyword} ({where}) is unknown", unless=unknown)
            except ValueError as error:
                raise errors.Malformed(f"{path} line {number}: {title}{' ' if title else ''}{error}") from error
        self._close(segment)
        return True

    def _host(self, arguments: list[str], rest: str, outer: tuple[Condition, ...]) -> HostBlock:
        block = HostBlock(arguments, rest)
        if block.names is not None and not outer:
            self.parsed.names |= dict.fromkeys(name for name in arguments if name in block.names)
            return block
        for name in arguments:
            literal = "*" not in name and "?" not in name and not name.startswith("!")
            around = (condition for condition in (*outer, block) if isinstance(condition, HostBlock))
            if literal and all(condition.admits(name) for condition in around):
                self.parsed.names[name] = None
        return block

    def _match(self, arguments: list[str], rest: str, where: str) -> MatchBlock:
        block = match_block(arguments, rest, f"Match {rest} ({where})")
        self.parsed.final |= block.asks("final")
        self.parsed.asks |= block.asks("exec") or block.asks("localnetwork")
        return block

    def _include(self, arguments: list[str], scope: tuple[Condition, ...], depth: int, where: str) -> str:
        """Read what a line includes; gives a note where that depends on the host."""
        for argument in arguments:
            if not argument:
                raise ValueError("has an empty value; delete it")
            if argument.startswith("~") and self.system:
                raise ValueError(f"has {argument}; files of the system's configuration do not lie in a home")
            if first_unknown(argument, "Ldilu"):
                return f"Include {argument} ({where}) depends on the host"
            try:
                place = expand(argument, Tokens.of_here(self._local), "Ldilu", environment=True)
            except Unusable as error:
                raise ValueError(f"{argument}: {error}") from error
            folder = os.path.dirname(SYSTEM_CONFIG) if self.system else "~/.ssh"
            pattern = os.path.expanduser(place if place.startswith(("/", "~")) else f"{folder}/{place}")
            found = sorted(glob.glob(pattern))
            self.parsed.watched[pattern if pattern in found or not glob.has_magic(pattern) else _root(pattern)] = None
            for name in found:
                self.file(name, scope, depth + 1, checked=True)
        return ""

    def _close(self, segment: Segment) -> None:
        """Index a finished segment. Those with names are found by name."""
        if not segment.first and not segment.several and not segment.note:
            return
        parsed, number = self.parsed, len(self.parsed.segments)
        parsed.segments.append(segment)
        if segment.first.get("canonicalizehostname", ("no",)) != ("no",):
            parsed.asks = True
        names: frozenset[str] | None = None
        left: list[Condition] = []
        for condition in segment.given:
            if isinstance(condition, MatchBlock) or (condition.names is None and not condition.everyone):
                left.append(condition)
            elif condition.names is not None:
                names = condition.names if names is None else names & condition.names
        segment.given = tuple(left)
        if names is None:
            parsed.general.append(number)
            return
        for name in names:
            parsed.exact.setdefault(name, []).append(number)


def _add(segment: Segment, keyword: str, value: Value) -> None:
    if not value:
        return
    if keyword in SEVERAL:
        segment.several += [(keyword, each) for each in value]
        return
    if keyword in PROXIES:
        segment.first.setdefault("proxy", (keyword, *value))
    segment.first.setdefault(keyword, value)


def _root(pattern: str) -> str:
    """The folder that a pattern of files starts from."""
    folder = os.path.dirname(pattern)
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder


def _text(path: str, local: Local, *, checked: bool) -> str | None:
    """What a file holds; None when it is not there. `checked`: refuse one that others can change, as ssh does."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return ""
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise errors.Denied(f"cannot read {path}: {said}") from error
    if checked and not _safe(status, local):
        raise errors.Denied(f"others can change {path}, so ssh refuses it; own it, and run: chmod go-w {path}")
    if len(data) > MOST_BYTES:
        raise errors.Malformed(f"{path}: larger than {MOST_BYTES // 2**20} MiB")
    return data.decode(errors="replace")


def _safe(status: os.stat_result, local: Local) -> bool:
    """Nobody but root and us may write; a group may, when only we are in it, as Debian has it."""
    if status.st_uid not in (0, local.uid) or status.st_mode & 0o002:
        return False
    if not status.st_mode & 0o020:
        return True
    try:
        members = set(grp.getgrgid(status.st_gid).gr_mem)
    except KeyError:
        members = set()
    members |= {entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == status.st_gid}
    return members <= {local.user}
