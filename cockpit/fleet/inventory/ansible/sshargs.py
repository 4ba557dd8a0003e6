"""The options that ansible gives to ssh (ansible_ssh_common_args and the like), as far as they say where and how to
connect; see ssh(1)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cockpit.fleet.inventory.said import paths

_FLAGS = frozenset("46AaCfGgKkMNnqsTtVvXxYy")
"""Options without a value; all of them leave open where and how to connect."""
_PROXIES = frozenset({"jump", "proxy_command"})
_LETTERS = {"p": "port", "l": "user", "i": "identityfile", "J": "proxyjump"}
_QUIET = re.compile(r"control\w+|serveralive\w+|forward\w+|compression|loglevel|tcpkeepalive|batchmode|requesttty")
"""Options of -o that leave it open, too."""


def understood(text: str) -> tuple[dict[str, Any], list[str]]:
    """Fields of Said, and a note for each option that is not honoured."""
    try:
        words = shlex.split(text)
    except ValueError:
        return {}, ["its ssh arguments have a quote without its pair, so none is honoured"]
    parts: list[dict[str, Any]] = []
    notes: list[str] = []
    for keyword, value, written in _options(words):
        fields = _fields(keyword, value) if value else None
        if fields is not None:
            parts.append(fields)
        elif not _QUIET.fullmatch(keyword):
            notes.append(f"{written} is not honoured")
    return first_wins(parts), notes


def first_wins(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Of two equal fields ssh takes the first; identities add up; a jump and a proxy command are one field."""
    said: dict[str, Any] = {}
    for part in parts:
        identities = said.get("identities", ()) + part.get("identities", ())
        behind = bool(said.keys() & _PROXIES)
        said = {field: value for field, value in part.items() if not (behind and field in _PROXIES)} | said
        if identities:
            said["identities"] = identities
    return said


def _options(words: list[str]) -> Iterator[tuple[str, str, str]]:
    """(keyword in lower case, value, as people know the option)"""
    waiting = iter(words)
    for word in waiting:
        if len(word) < 2 or word[0] != "-":
            yield "", "", word
            continue
        while len(word) > 2 and word[1] in _FLAGS:
            word = "-" + word[2:]
        letter = word[1]
        if letter in _FLAGS:
            continue
        value = word[2:] or next(waiting, "")
        if letter != "o":
            yield _LETTERS.get(letter, ""), value, f"ssh -{letter} {value}"
            continue
        found = re.fullmatch(r"\s*(\w+)\s*[=\s]\s*(.*)", value, re.DOTALL)
        if found is None:
            yield "", "", value
        else:
            yield found[1].lower(), found[2].strip('"'), f"{found[1]} {found[2]}"


def _fields(keyword: str, value: str) -> dict[str, Any] | None:
    """What an option says; None: it is not understood."""
    match keyword:
        case "port" if value.isdecimal() and value.isascii() and len(value) < 6:
            return {"port": int(value)}
        case "user":
            return {"user": value}
        case "hostname" if "%" not in value:
            return {"address": value}
        case "identityfile" if "%" not in value:
            return {"identities": paths([value])}
        case "certificatefile" if "%" not in value:
            return {"certificates": paths([value])}
        case "userknownhostsfile" if "%" not in value and value != "/dev/null":
            return {"known_hosts": paths(value.split())}
        case "identitiesonly" if value in ("yes", "no"):
            return {"identities_only": value == "yes"}
        case "hostkeyalias":
            return {"host_key_alias": value}
        case "stricthostkeychecking" if value in ("yes", "ask", "accept-new"):
            return {"unknown_keys": "accept" if value == "accept-new" else "ask"}
        case "connecttimeout" if value.isdecimal() and value.isascii() and int(value[:6]) > 0:
            return {"connect_seconds": float(value[:6])}
        case "proxyjump":
            return {"jump": value}
        case "proxycommand":
            return {"proxy_command": value}
    return None
