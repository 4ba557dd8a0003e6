"""The arguments that ansible gives to ssh (ansible_ssh_common_args and the like), as options of ssh_config; ssh(1)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

_QUIET = frozenset("fGgMNnqsTtVvXxYy")
"""Flags that leave open where and how to connect."""
_FLAGS = {
    "4": "AddressFamily inet",
    "6": "AddressFamily inet6",
    "A": "ForwardAgent yes",
    "a": "ForwardAgent no",
    "C": "Compression yes",
    "K": "GSSAPIAuthentication yes",
    "k": "GSSAPIDelegateCredentials no",
}
_VALUES = {
    "B": "BindInterface",
    "b": "BindAddress",
    "c": "Ciphers",
    "i": "IdentityFile",
    "I": "PKCS11Provider",
    "l": "User",
    "m": "MACs",
    "p": "Port",
    "S": "ControlPath",
}


class Arguments(Struct, frozen=True):
    """What a list of arguments asks of ssh."""

    options: tuple[str, ...] = ()
    """As `-o` takes them."""
    config: str = ""
    """Of `-F`."""
    notes: tuple[str, ...] = ()
    """Arguments that are not understood."""


@lru_cache(maxsize=4096)
def arguments(text: str) -> Arguments:
    """As a shell would split them, and ssh would take them."""
    try:
        words = shlex.split(text)
    except ValueError:
        return Arguments(notes=("its ssh arguments have a quote without its pair, so none is honoured",))
    options: list[str] = []
    notes: list[str] = []
    config = ""
    for letter, value in _parts(words):
        match letter:
            case "o":
                options.append(value)
            case "J":
                options.append(f"ProxyJump {value}")
            case "F":
                config = value
            case _ if letter in _VALUES:
                options.append(f"{_VALUES[letter]} {quoted(value)}")
            case _ if letter in _FLAGS:
                options.append(_FLAGS[letter])
            case _ if letter not in _QUIET:
                notes.append(f"ssh {f'-{letter} ' if letter else ''}{value}".rstrip() + " is not honoured")
    return Arguments(tuple(options), config, tuple(notes))


def quoted(value: str) -> str:
    """As one word of ssh_config."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parts(words: list[str]) -> Iterator[tuple[str, str]]:
    """(letter, value); the letter is "" for a word that is no option."""
    waiting = iter(words)
    for word in waiting:
        if len(word) < 2 or word[0] != "-":
            yield "", word
            continue
        while len(word) > 1:
            letter, word = word[1], "-" + word[2:]
            if letter in _FLAGS or letter in _QUIET:
                yield letter, ""
                continue
            yield letter, word[1:] or next(waiting, "")
            break
