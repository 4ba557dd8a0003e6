"""%-tokens, ${VARIABLES} and ~ in the values of a configuration (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES)."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import socket
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from cockpit.model.user import home, user_name

HOSTNAME = "h"
PROXY = "hknpr"
"""In ProxyCommand and ProxyJump."""
USER = "Ldhijklnpu"
"""In User, since OpenSSH 10.0."""
CLIENT = "CLdhijklnpru"
"""In files, IdentityAgent and Match exec."""
_PARTS = re.compile(r"%(.?)|\$\{([^}]*)(\}?)|((?:[^%$]|\$(?!\{))+)", re.DOTALL)
"""A token, a variable, or text between them."""


class Unusable(Exception):
    """ssh would refuse to connect to this host; says why, in a few words."""


class Local(Struct, frozen=True):
    """Who and where we are."""

    user: str
    uid: int
    home: str
    """As the user database has it: ssh does not ask $HOME."""
    host: str

    @classmethod
    def here(cls) -> Local:
        return cls(user_name(), os.getuid(), home(), socket.gethostname())


class Tokens(dict[str, str]):
    """What tokens stand for, by letter."""

    @classmethod
    def of_here(cls, local: Local) -> Tokens:
        """Those that are the same for every host."""
        short = local.host.partition(".")[0]
        return cls(L=short, d=local.home, i=str(local.uid), l=local.host, u=local.user)

    def of_host(self, *, given: str, host: str, port: str, user: str, alias: str, jump: str) -> Tokens:
        """These and a host's: the name that was asked for, where it leads, HostKeyAlias or what stands for it, the host
        of ProxyJump that is next to it or nothing.
        """
        return Tokens(self, h=host, j=jump, k=alias, n=given, p=port, r=user)

    def __missing__(self, letter: str) -> str:
        if letter != "C":
            raise KeyError(letter)
        joined = "".join(self[part] for part in "lhprj").encode(errors="surrogateescape")
        self[letter] = hashlib.sha1(joined, usedforsecurity=False).hexdigest()
        return self[letter]


@lru_cache(maxsize=4096)
def _parts(text: str) -> list[tuple[str, str, str]]:
    """What stands there, the letter of a token, and the text without tokens and variables: one of the two is empty."""
    return [(part[0], part[1] or "", part[4] or "") for part in _PARTS.finditer(text)]


def first_unknown(text: str, allowed: str) -> str:
    """The first token that may not stand there; "" when there is none."""
    unknown = (whole for whole, letter, _ in _parts(text) if whole[0] == "%" and (letter or " ") not in allowed + "%")
    return next(unknown, "")


def expand(text: str, values: Mapping[str, str], allowed: str, *, environment: bool = False) -> str:
    """Raises Unusable for a token that may not stand there and for a variable that is not set."""
    found = []
    for whole, letter, plain in _parts(text):
        if plain:
            found.append(plain)
        elif letter == "%":
            found.append("%")
        elif letter and letter in allowed:
            found.append(values[letter])
        elif whole[0] == "%":
            raise Unusable(f"{whole} is no token here")
        else:
            found.append(_variable(whole) if environment else whole)
    return "".join(found)


def _variable(text: str) -> str:
    name = text[2:-1]
    if not name or not text.endswith("}"):
        raise Unusable(f"{text} is no variable")
    if name not in os.environ:
        raise Unusable(f"${name} is not set")
    return os.environ[name]


def whole(path: str, local: Local) -> str:
    """With ~ and ~user in place. Raises Unusable for a user that there is not."""
    if not path.startswith("~"):
        return path
    user, _, rest = path[1:].partition("/")
    folder = local.home
    if user:
        try:
            folder = pwd.getpwnam(user).pw_dir
        except KeyError:
            raise Unusable(f"there is no user {user}") from None
    return folder.rstrip("/") + "/" + rest.lstrip("/")
