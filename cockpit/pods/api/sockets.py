"""Sockets that notice a dead link, and names to addresses on a thread for each question.

getaddrinfo(3) cannot be cancelled and may take half a minute where a VPN is down. In the loop's own pool a few dead
contexts would hold every thread, and with them the reading of files; and the process could not end before they do.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any


class Resolver:
    """What aiohttp asks for a host (aiohttp.abc.AbstractResolver, without importing it)."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[dict[str, Any]]:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()

        def settle(found: list[Any] | OSError) -> None:
            if answer.done():
                return
            if isinstance(found, OSError):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def ask() -> None:
            try:
                found: list[Any] | OSError = socket.getaddrinfo(
                    host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
                )
            except OSError as error:
                found = error
            except UnicodeError as error:
                found = OSError(f"{host!r} is no host name: {error}")
            with suppress(RuntimeError):  # the loop is gone, and nobody asks any more
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=ask, name=f"resolve:{host}", daemon=True).start()
        return [
            {
                "hostname": host,
                "host": address[0],
                "port": address[1],
                "family": found,
                "proto": protocol,
                "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            }
            for found, _, protocol, _, address in await answer
        ]

    async def close(self) -> None:
        """A question that is under way ends with its thread."""


def keepalive_socket(address: tuple[Any, ...]) -> socket.socket:
    """A link that died without a word is noticed after a minute, even while a log is quiet (tcp(7), Linux)."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 30),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 60_000),
    ):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
