"""asyncssh's client connection, set up by us and not by asyncssh.connect. Its private API is used only here.

asyncssh.connect parses its options anew for each connection, in a thread, and writes each packet by itself: a quarter
of the processor time of a cold host. Besides, it trusts by lists made beforehand, where we want to see the key; and a
hundred servers that answer at once hold the loop, where we want slices (see Pacer).
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Protocol, cast

import asyncssh
from asyncssh.constants import MSG_IGNORE
from asyncssh.logging import SSHLogger
from asyncssh.packet import Boolean, SSHPacketLogger
from asyncssh.saslprep import saslprep

from cockpit.fleet.engine.gates import Pacer
from cockpit.fleet.engine.keys import Offer
from cockpit.fleet.engine.proxy import ProxyCommand
from cockpit.fleet.engine.session import Watched

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
"""GCM first: 17 % faster than asyncssh's order on CPUs with AES."""
KEEPALIVE_SECONDS = 5.0
KEEPALIVES = 3
SAID_BYTES = 1024
"""Of what a server says before its version."""
CORKED_BYTES = 64 * 1024


class Check(Protocol):
    """Whether a key is the host's."""

    @property
    def algorithms(self) -> list[str]:
        """Of host keys, in the order of preference."""

    def admit(self, offered: bytes) -> asyncssh.SSHKey:
        """The key to verify by. Raises asyncssh.HostKeyNotVerifiable."""


class Client(Watched):
    """What happens on one connection while it is made."""

    def __init__(self, next_key: Callable[[], Awaitable[Offer | None]]) -> None:
        self.phase = "connect"
        """connect, version, login, made."""
        self.offer: Offer | None = None
        """The key that is being tried."""
        self._next_key = next_key

    def begin_auth(self, username: str) -> None:
        self.phase = "login"

    async def public_key_auth_requested(self) -> Offer | None:
        self.offer = await self._next_key()
        return self.offer

    def auth_completed(self) -> None:
        self.phase = "made"


class Handshake(asyncssh.SSHClientConnection):
    """A connection until it is made, and then that connection."""

    def __init__(self, client: Client, check: Check, pacer: Pacer, *, host: str, port: int, user: str) -> None:
        """Raises ValueError for a user name that cannot be one."""
        loop = asyncio.get_running_loop()
        options = copy.copy(_options())
        options.host = options.orig_host = host
        options.port = port
        options.username = _prepared(user)
        options.protocol_factory = lambda: client
        options.server_host_key_algs = check.algorithms
        options.waiter = self._made = loop.create_future()
        super().__init__(loop, options, wait="auth")
        self._logger = _Logger(context=f"host={host}")
        self.said = b""
        """The first that the server said: its version, or in a line why it turns us away."""
        self.proxy: ProxyCommand | None = None
        self._client, self._check, self._pacer = client, check, pacer
        self._paced = 0

    @property
    def phase(self) -> str:
        """As messages name it: connect, version, key exchange, login, made."""
        told = self._client.phase == "version" and b"SSH-" in self.said
        return "key exchange" if told else self._client.phase

    def by(self, proxy: ProxyCommand) -> ProxyCommand:
        """It is carried by a command, which ends with it."""
        self.proxy = proxy
        self.set_tunnel(proxy)
        return proxy

    async def made(self) -> None:
        """Logged in. Raises asyncssh.Error, OSError and what the next key raised."""
        await self._made

    async def give_up(self) -> None:
        """It is not wanted any more."""
        self._made.cancel()
        if self._client.phase != "connect":
            self.abort()
            await self.wait_closed()

    def send_packet(self, pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        """Without the one to be ignored that asyncssh puts before each packet. It hides the vector of CBC ciphers (RFC
        4251, 9.3.1), and there are none among CIPHERS.
        """
        if pkttype != MSG_IGNORE:
            super().send_packet(pkttype, *args, handler=handler)

    async def send_userauth_request(self, method: bytes, *args: bytes, key: Any = None, trivial: bool = True) -> None:
        """A key that is at hand signs at once, without asking first whether the server takes it: a round trip less
        (RFC 4252, 7). Of one that a person must confirm, or a passphrase open, it is asked first, as ever.
        """
        offer = self._client.offer
        if method == b"publickey" and key is None and offer is not None and offer.at_hand:
            args, key, trivial = (Boolean(True), *args[1:]), offer, False
        await super().send_userauth_request(method, *args, key=key, trivial=trivial)

    def validate_server_host_key(self, key_data: bytes) -> asyncssh.SSHKey:
        return self._check.admit(key_data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client.phase = "version"
        super().connection_made(cast("asyncio.BaseTransport", _Corked(cast("asyncio.Transport", transport))))

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        if self._client.phase == "version" and len(self.said) < SAID_BYTES and b"SSH-" not in self.said:
            self.said = (self.said + data)[:SAID_BYTES]
        self._in_order(super().data_received, data, datatype)

    def eof_received(self) -> None:
        self._in_order(super().eof_received)

    def connection_lost(self, exc: Exception | None = None) -> None:
        self._in_order(super().connection_lost, exc)

    def _in_order(self, work: Callable[..., object], *args: Any) -> None:
        """By the pacer until the connection is made, and while something of before is still waiting there."""
        if self._client.phase == "made" and not self._paced:
            work(*args)
            return
        self._paced += 1
        self._pacer.do(self._paced_work, work, *args)

    def _paced_work(self, work: Callable[..., object], *args: Any) -> None:
        self._paced -= 1
        work(*args)


class _Logger(SSHLogger):
    """Warnings only (config/logs.py lets no others through): to make text of the rest costs 0.1 ms a host."""

    def debug1(self, *_: object, **__: object) -> None:
        """Nothing."""

    def debug2(self, *_: object, **__: object) -> None:
        """Nothing."""

    def info(self, *_: object, **__: object) -> None:
        """Nothing."""


def _no_log(*_: object) -> None:
    """Of packets: to write each down and throw it away costs 0.1 ms a host."""


SSHPacketLogger._log_packet = _no_log  # type: ignore[assignment, method-assign]


class _Corked:
    """A transport that sends what is written within one turn of the loop at once."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size > CORKED_BYTES:
            self._flush()

    def abort(self) -> None:
        self._flush()
        self._transport.abort()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def _flush(self) -> None:
        if self._waiting:
            waiting, self._waiting, self._size = self._waiting, [], 0
            self._transport.write(b"".join(waiting))


@cache
def _prepared(user: str) -> str:
    """As servers compare names (RFC 4013). Raises ValueError."""
    return saslprep(user)


@cache
def _options() -> asyncssh.SSHClientConnectionOptions:
    """What all connections have in common. asyncssh reads no file of its own accord, and no agent."""
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        known_hosts=([], [], []),
        client_keys=None,
        agent_path=None,
        preferred_auth="publickey",
        gss_host=None,
        gss_kex=False,
        x509_trusted_certs=None,
        encryption_algs=CIPHERS,
        login_timeout=0,
        keepalive_interval=KEEPALIVE_SECONDS,
        keepalive_count_max=KEEPALIVES,
    )
