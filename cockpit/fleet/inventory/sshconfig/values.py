"""What may follow a keyword: readers of one kind of value each. They say what they want when it is something else."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from typing import TypeAlias

from cockpit.fleet.inventory.sshconfig.lines import SPACE

Value: TypeAlias = tuple[str, ...]
Reader: TypeAlias = Callable[[list[str], str], Value]
"""Of the arguments, and of the same as it stands. Gives nothing where the line sets nothing.

Raises ValueError, to be read after the title.
"""

_MOST = 2**31 - 1
_NUMBER = re.compile(r"\s*\+?\d{1,19}", re.ASCII)


def one(arguments: list[str], rest: str) -> Value:
    """Any one word."""
    if len(arguments) != 1 or not arguments[0]:
        raise ValueError("wants one value")
    return (arguments[0],)


def nothing(arguments: list[str], rest: str) -> Value:
    """Anything, which sets nothing."""
    return ()


def words(arguments: list[str], rest: str) -> Value:
    """Whatever follows."""
    return tuple(arguments)


def joined(arguments: list[str], rest: str) -> Value:
    """Whatever follows, as one value."""
    return (" ".join(arguments),)


def choice(*allowed: str, also: Mapping[str, str] | None = None) -> Reader:
    """One of these words, in any case of letters, or one that stands for them, as `true` and `false` always do."""
    known = {**{word: word for word in allowed}, **(also or {})}
    if "yes" in known:
        known |= {"true": "yes", "false": "no"}

    def read(arguments: list[str], rest: str) -> Value:
        (word,) = one(arguments, rest)
        if word.lower() not in known:
            raise ValueError(f"wants {', '.join(allowed[:-1])} or {allowed[-1]}, not {word!r}")
        return (known[word.lower()],)

    return read


FLAG = choice("yes", "no")


def number(arguments: list[str], rest: str) -> Value:
    (word,) = one(arguments, rest)
    if not _NUMBER.fullmatch(word) or int(word) > _MOST:
        raise ValueError(f"wants a number, not {word!r}")
    return (str(int(word)),)


def port(arguments: list[str], rest: str) -> Value:
    (word,) = one(arguments, rest)
    if (found := port_number(word)) is None:
        raise ValueError(f"wants a port from 1 to 65535, not {word!r}")
    return (str(found),)


def seconds(arguments: list[str], rest: str) -> Value:
    """sshd_config(5), TIME FORMATS: "90", "1m30s". After "none" a later line still counts, as for ssh."""
    (word,) = one(arguments, rest)
    if word == "none":
        return ()
    if (found := duration_seconds(word)) is None:
        raise ValueError(f"wants a time such as 30 or 1m30s, not {word!r}")
    return (str(found),)


def names(arguments: list[str], rest: str) -> Value:
    """One or more; `none` stands alone."""
    if "" in arguments:
        raise ValueError("has an empty value; delete it")
    if len(arguments) > 1 and any(argument.lower() == "none" for argument in arguments):
        raise ValueError("wants `none` alone")
    return tuple(arguments)


def command(arguments: list[str], rest: str) -> Value:
    """The rest of the line as it stands, quotes and all."""
    return (rest.lstrip(SPACE + "="),)


def environment_names(arguments: list[str], rest: str) -> Value:
    if any(not argument or "=" in argument for argument in arguments):
        raise ValueError("wants names of variables, without their values")
    return tuple(arguments)


def assignments(arguments: list[str], rest: str) -> Value:
    """NAME=VALUE; of several for one name the first counts."""
    found: dict[str, str] = {}
    for argument in arguments:
        if "=" not in argument:
            raise ValueError("wants NAME=VALUE")
        found.setdefault(argument.partition("=")[0], argument)
    return tuple(found.values())


def socket_path(arguments: list[str], rest: str) -> Value:
    """An agent's socket: a path, `none`, SSH_AUTH_SOCK or $VARIABLE."""
    (word,) = one(arguments, rest)
    if word.startswith("$") and not word.startswith("${") and not re.fullmatch(r"\$\w+", word, re.ASCII):
        raise ValueError(f"wants the name of a variable, not {word!r}")
    return (word,)


def agent_to_forward(arguments: list[str], rest: str) -> Value:
    (word,) = socket_path(arguments, rest)
    return ({"true": "yes", "false": "no"}.get(word.lower(), word),)


def domains(arguments: list[str], rest: str) -> Value:
    found = names(arguments, rest)
    for name in found:
        if not re.fullmatch(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.))*", name, re.ASCII | re.IGNORECASE):
            raise ValueError(f"has {name!r}, which is no domain")
    return tuple(name.lower().removesuffix(".") for name in found)


def cname_rules(arguments: list[str], rest: str) -> Value:
    if len(arguments) > 1 and any(argument.lower() == "none" for argument in arguments):
        raise ValueError("wants `none` alone")
    found = []
    for argument in arguments:
        rule = argument if argument == "*" else argument.lower()
        if rule not in ("none", "*") and not re.fullmatch(r"[^:]*:.+", rule):
            raise ValueError(f"wants rules such as *.a.example:*.b.example, not {argument!r}")
        found.append(rule)
    return tuple(found)


def port_number(text: str) -> int | None:
    """1 to 65535, as digits or by the name of the service."""
    if _NUMBER.fullmatch(text):
        return int(text) if 0 < int(text) < 65536 else None
    try:
        return socket.getservbyname(text, "tcp")
    except OSError:
        return None


def duration_seconds(text: str) -> int | None:
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    if not re.fullmatch(r"(?:\d+[smhdw])*(?:\d+[smhdw]?)", text, re.ASCII | re.IGNORECASE):
        return None
    parts = re.findall(r"(\d+)([a-z]?)", text.lower())
    total = sum(int(count) * units[unit] for count, unit in parts)
    return total if total <= _MOST else None
