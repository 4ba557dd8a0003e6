"""Hosts of an OpenSSH client configuration (ssh_config(5)), resolved by the rule that the first value wins.

What cockpit does not honour is never dropped in silence: a jump makes the host unsupported, anything else that could
change where or how ssh connects becomes a note of the host.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.knownhosts import admits
from cockpit.model import errors
from cockpit.model.user import user_name

DEPTH = 16
"""Nested Includes, as in OpenSSH (READCONF_MAX_DEPTH)."""
MULTIPLE = frozenset({"identityfile"})
HONOURED = frozenset({"hostname", "port", "user", "identityfile", "userknownhostsfile", "identitiesonly"})
BLOCKING = {"proxyjump": "ProxyJump", "proxycommand": "ProxyCommand"}
HARMLESS = frozenset(
    {
        "addkeystoagent", "batchmode", "compression", "connecttimeout", "connectionattempts", "controlmaster",
        "controlpath", "controlpersist", "escapechar", "forwardagent", "forwardx11", "forwardx11trusted",
        "hashknownhosts", "ignoreunknown", "ipqos", "localforward", "loglevel", "numberofpasswordprompts",
        "passwordauthentication", "permitlocalcommand", "preferredauthentications", "pubkeyauthentication",
        "remoteforward", "dynamicforward", "requesttty", "sendenv", "setenv", "serveralivecountmax",
        "serveraliveinterval", "tcpkeepalive", "updatehostkeys", "usekeychain", "verifyhostkeydns", "visualhostkey",
        "gssapiauthentication", "gssapidelegatecredentials", "kbdinteractiveauthentication", "checkhostip",
        "streamlocalbindunlink", "tag", "exitonforwardfailure", "challengeresponseauthentication",
    }
)  # fmt: skip
"""Directives that do not change which machine is reached, as whom, or whom we trust."""
_WORD = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(slots=True)
class _Block:
    conditions: tuple[tuple[str, ...], ...]
    """Pattern lists that must all admit the host."""
    options: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    """(keyword in lower case, as written, values)"""
    unsupported: str = ""
    """A Match that we do not evaluate: where it stands."""


@dataclass(slots=True)
class Parsed:
    """A configuration with its Includes."""

    files: list[str] = field(default_factory=list)
    blocks: list[_Block] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)
    """Host names that stand without a wildcard, in order."""
    exact: dict[str, list[int]] = field(default_factory=dict)
    general: list[int] = field(default_factory=list)

    def close(self, block: _Block) -> None:
        """Index a finished block: one that names hosts only is found by name."""
        if not block.options:
            return
        number = len(self.blocks)
        self.blocks.append(block)
        patterns = block.conditions[0] if len(block.conditions) == 1 else ()
        if patterns and not any(re.search(r"[*?!]", p) for p in patterns):
            for pattern in set(patterns):
                self.exact.setdefault(pattern.lower(), []).append(number)
        else:
            self.general.append(number)

    def matching(self, name: str) -> Iterable[_Block]:
        for number in sorted({*self.exact.get(name.lower(), ()), *self.general}):
            block = self.blocks[number]
            if all(admits(patterns, name) for patterns in block.conditions):
                yield block


def read(path: Path, source: str) -> tuple[list[Machine], list[str]]:
    """The hosts of a file and every file that was read. Does file I/O: call it in a thread. Raises model.errors."""
    parsed = Parsed()
    _parse(path, parsed, (), 0)
    return [_resolve(parsed, name, source) for name in parsed.names], parsed.files


def _parse(path: Path, parsed: Parsed, parents: tuple[tuple[str, ...], ...], depth: int) -> None:
    if depth > DEPTH:
        raise errors.Malformed(f"{path}: more than {DEPTH} nested Includes")
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError as error:
        raise errors.NotFound(f"{path} does not exist; remove it from fleet.inventories or create it") from error
    except OSError as error:
        raise errors.Denied(f"cannot read {path}: {error.strerror}") from error
    parsed.files.append(str(path))
    block = _Block(parents)
    for number, line in enumerate(text.splitlines(), 1):
        split = _split(line)
        if split is None:
            continue
        written, values = split
        keyword = written.lower()
        if not values:
            raise errors.Malformed(f"{path} line {number}: {written} has no value")
        match keyword:
            case "host":
                parsed.close(block)
                block = _Block((*parents, values))
                parsed.names.update(dict.fromkeys(v for v in values if not re.search(r"[*?!]", v)))
            case "match":
                parsed.close(block)
                everyone = values[0].lower() == "all" and len(values) == 1
                where = "" if everyone else f"Match {' '.join(values)} ({path} line {number})"
                block = _Block(parents, unsupported=where)
            case "include":
                parsed.close(block)
                if block.unsupported:
                    block.options.append((keyword, written, values))
                    continue
                for name in _included(values):
                    _parse(name, parsed, block.conditions, depth + 1)
                block = _Block(block.conditions)
            case _:
                block.options.append((keyword, written, values))
    parsed.close(block)


def _split(line: str) -> tuple[str, tuple[str, ...]] | None:
    """Keyword and values; `Keyword value`, `Keyword=value`, quotes, and comments at the end (OpenSSH >= 8.7)."""
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        return None
    found = re.match(r"([^\s=]+)\s*=?\s*(.*)", stripped)
    if found is None:
        return None
    values: list[str] = []
    for quoted, plain in _WORD.findall(found[2]):
        if plain.startswith("#"):
            break
        values.append(plain or quoted)
    return found[1], tuple(values)


def _included(values: tuple[str, ...]) -> list[Path]:
    """Relative names are looked for in ~/.ssh; patterns are expanded in lexical order (ssh_config(5), Include)."""
    found: list[Path] = []
    for value in values:
        pattern = Path(value).expanduser()
        whole = pattern if pattern.is_absolute() else Path("~/.ssh").expanduser() / pattern
        found += [Path(name) for name in sorted(glob.glob(str(whole)))]
    return found


def _resolve(parsed: Parsed, name: str, source: str) -> Machine:
    chosen: dict[str, tuple[str, ...]] = {}
    written: dict[str, str] = {}
    notes: dict[str, None] = {}
    for block in parsed.matching(name):
        if block.unsupported:
            notes[f"{block.unsupported} is not honoured"] = None
            continue
        for keyword, word, values in block.options:
            if keyword in MULTIPLE:
                chosen[keyword] = chosen.get(keyword, ()) + values[:1]
            else:
                chosen.setdefault(keyword, values)
            written.setdefault(keyword, word)
    unsupported = next(
        (title for keyword, title in BLOCKING.items() if chosen.get(keyword, ("none",))[0].lower() != "none"), ""
    )
    for keyword, values in chosen.items():
        strict = keyword == "stricthostkeychecking" and values[0].lower() in ("yes", "ask")
        if keyword not in HONOURED and keyword not in HARMLESS and keyword not in BLOCKING and not strict:
            notes[f"{written[keyword]} {' '.join(values)} is not honoured"] = None
    tokens = {"%%": "%", "%h": name, "%n": name}
    address = _expand(chosen.get("hostname", (name,))[0], tokens)
    port = chosen.get("port", ("22",))[0]
    if not port.isdecimal() or not 0 < int(port) < 65536:
        unsupported, port = f"Port {port}", "22"
    user = chosen.get("user", (user_name(),))[0]
    tokens |= {"%h": address, "%p": port, "%r": user, "%u": user_name(), "%d": os.path.expanduser("~")}
    files = chosen.get("userknownhostsfile", ("~/.ssh/known_hosts", "~/.ssh/known_hosts2"))
    return Machine(
        source=source,
        name=name,
        address=address,
        port=int(port),
        user=user,
        identities=tuple(_path(value, tokens) for value in chosen.get("identityfile", ()) if value.lower() != "none"),
        known_hosts=tuple(_path(value, tokens) for value in files if value.lower() != "none"),
        unsupported=unsupported,
        notes=tuple(notes),
    )


def _expand(text: str, tokens: dict[str, str]) -> str:
    return re.sub(r"%.", lambda found: tokens.get(found[0], found[0]), text)


def _path(text: str, tokens: dict[str, str]) -> str:
    return os.path.expanduser(_expand(text, tokens))
