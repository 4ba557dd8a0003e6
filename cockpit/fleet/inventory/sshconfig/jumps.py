"""The hops of a ProxyJump: `user@host:port`, `ssh://user@host:port`, several with commas between them."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_plus

from msgspec import Struct

from cockpit.fleet.inventory.sshconfig.values import port_number

_PLACE = re.compile(r"(?:(?P<user>.+)@)?(?:\[(?P<literal>[^\]]+)\]|(?P<host>[^\[:/@][^:/@]*))(?::(?P<port>[^/]*))?")
_URI_HOST = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.))*", re.ASCII | re.IGNORECASE)


class Hop(Struct, frozen=True):
    """One hop as it is written."""

    host: str
    user: str = ""
    port: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")


@lru_cache(maxsize=4096)
def hops(text: str) -> tuple[Hop, ...]:
    """In the order of the connection; none for `none`. Raises ValueError."""
    plain = text.partition("#")[0].rstrip()
    if len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "\"'":
        plain = plain[1:-1]
    if plain.lower() == "none":
        return ()
    return tuple(_hop(part) for part in plain.split(","))


def _hop(text: str) -> Hop:
    uri = text.startswith("ssh://")
    place = text.removeprefix("ssh://").removesuffix("/") if uri else text
    found = _PLACE.fullmatch(place)
    if found is None:
        raise ValueError(f"wants hops such as user@host:port, not {text!r}")
    user, host, port = found["user"] or "", found["literal"] or found["host"], found["port"] or ""
    number = port_number(port) if port else None
    if port and number is None:
        raise ValueError(f"has a hop with a bad port: {text!r}")
    if uri:
        user = user.partition(";")[0]
        if ("@" in place and not user) or "@" in user or re.search(r"%(?![0-9a-fA-F]{2})", user):
            raise ValueError(f"has a hop with a bad user: {text!r}")
        if not _URI_HOST.fullmatch(host):
            raise ValueError(f"has a hop with a bad host: {text!r}")
        user = unquote_plus(user)
    return Hop(host, user, "" if number is None else str(number))
