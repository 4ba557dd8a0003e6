"""Names to addresses, off the loop.

Not in asyncio's threads: a name server that does not answer holds a thread for half a minute, there are few of them,
and the process waits for them when it ends.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from typing import Any

LOOKING = 32
"""Names that are looked up at the same time."""
AddressInfo = tuple[int, int, int, str, Any]
"""As getaddrinfo gives it."""


class Resolver:
    """Looks names up as the system does (getaddrinfo)."""

    def __init__(self) -> None:
        self._gate = asyncio.Semaphore(LOOKING)

    async def addresses(self, host: str, port: int) -> list[AddressInfo]:
        """In the order to try them; never empty. Raises socket.gaierror and UnicodeError."""
        family = _family(host)
        if family is None:
            async with self._gate:
                return await _in_thread(host, port)
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]


def _family(host: str) -> int | None:
    """Of a plain address; None for a name, and for an address with a zone, which the system must look up."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    if "%" in host:
        return None
    return socket.AF_INET if version == 4 else socket.AF_INET6


async def _in_thread(host: str, port: int) -> list[AddressInfo]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[AddressInfo]] = loop.create_future()

    def deliver(found: list[AddressInfo] | Exception) -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def look() -> None:
        found: list[AddressInfo] | Exception
        try:
            found = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found = error
        try:
            loop.call_soon_threadsafe(deliver, found)
        except RuntimeError:  # the loop has closed: nobody waits any more
            return

    threading.Thread(target=look, name="name lookup", daemon=True).start()
    return await answer
