"""SSH by asyncssh; the only module that imports it (0.15 s), so it is itself imported in a thread when first needed.

asyncssh reads no file of its own accord here: keys and known_hosts come in parsed, configuration files are off.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncssh

from cockpit.fleet.engine.link import Channel, NotSent
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.knownhosts import Entry, HostKeyRefused, Known, lookup, refusal, stamp
from cockpit.model import errors

CIPHERS = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"
"""GCM first: 17 % faster than asyncssh's order on CPUs with AES."""
USUAL_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
KEEPALIVE_SECONDS = 5.0
KEEPALIVES = 3
START_SECONDS = 10.0
"""For the other side to accept a command."""
CLOSE_SECONDS = 2.0


class _Client(asyncssh.SSHClient):
    """Refuses every key that is not in known_hosts, and remembers what was offered."""

    def __init__(self) -> None:
        self.offered = ""
        self.lost = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = f"{key.get_algorithm()} {key.get_fingerprint()}"
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = str(exc) if exc is not None else "the connection was closed"


class _Session(asyncssh.SSHClientSession[bytes]):
    """One command: bytes go on as they come."""

    def __init__(self, client: _Client) -> None:
        self.made = False
        self._client = client
        self._chan: asyncssh.SSHClientChannel[bytes] | None = None
        self.channel = Channel(self._pause)

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.made = True
        self._chan = chan

    def session_started(self) -> None:
        assert self._chan is not None
        self._chan.write_eof()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.channel.feed(data, stderr=datatype is not None)

    def exit_status_received(self, status: int) -> None:
        self.channel.ended(status=status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self.channel.ended(signal=signal)

    def connection_lost(self, exc: Exception | None) -> None:
        self.channel.closed(str(exc) if exc is not None else self._client.lost)

    def close(self) -> None:
        if self._chan is not None:
            self._chan.close()

    def _pause(self, stop: bool) -> None:
        assert self._chan is not None
        (self._chan.pause_reading if stop else self._chan.resume_reading)()


class SshLink:
    """A kept SSH connection."""

    def __init__(self, connection: asyncssh.SSHClientConnection, client: _Client, where: str) -> None:
        self._connection = connection
        self._client = client
        self._where = where

    @property
    def alive(self) -> bool:
        return not self._client.lost and not self._connection.is_closed()

    async def start(self, command: str) -> _Session:
        """See Link.start. A command counts as sent from the moment the channel is open."""
        session = _Session(self._client)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._connection.create_session(lambda: session, command, encoding=None)
        except asyncssh.ChannelOpenError as error:
            if not self.alive:
                raise NotSent(self._client.lost) from error
            raise errors.Refused(f"{self._where} refused the command: {error.reason}") from error
        except TimeoutError as error:
            session.close()
            if session.made:
                raise errors.UnknownOutcome(f"{self._where} did not say whether it started the command") from error
            raise errors.Unreachable(f"{self._where} gave no channel within {START_SECONDS:.0f} s") from error
        except (OSError, asyncssh.Error) as error:
            if session.made:
                raise errors.UnknownOutcome(
                    f"{self._where}: the connection was lost after the command was sent ({error})"
                ) from error
            raise NotSent(str(error)) from error
        return session

    async def close(self) -> None:
        self._connection.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.wait_closed()
        except TimeoutError:
            self._connection.abort()


async def connect(machine: Machine, *, seconds: float) -> SshLink:
    """An authenticated connection to a host whose key is known. `seconds` covers all of it.

    Raises errors.Unreachable, Denied, and HostKeyRefused for an unknown or changed key.
    """
    place = machine.where
    known = await asyncio.to_thread(lookup, machine.known_hosts, machine.address, machine.port)
    clients: list[_Client] = []

    def client() -> _Client:
        clients.append(_Client())
        return clients[-1]

    keys: list[Any] = []
    try:
        async with _keys(machine) as keys:
            connection = await asyncssh.connect(
                machine.address,
                machine.port,
                username=machine.user,
                config=None,
                known_hosts=_trust(known),
                client_factory=client,
                client_keys=keys or None,
                agent_path=None,
                preferred_auth="publickey",
                gss_host=None,
                gss_kex=False,
                x509_trusted_certs=None,
                encryption_algs=CIPHERS,
                connect_timeout=seconds,
                login_timeout=seconds,
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=KEEPALIVES,
            )
    except TimeoutError as error:
        raise errors.Unreachable(f"{place}: no SSH within {seconds:g} s") from error
    except asyncssh.HostKeyNotVerifiable as error:
        offered = clients[-1].offered if clients else ""
        if not offered and (known.trusted or known.authorities):
            raise HostKeyRefused(f"{place}: {error.reason}; check known_hosts") from error
        raise refusal(known, machine.known_hosts, machine.address, machine.port, offered) from error
    except asyncssh.KeyExchangeFailed as error:
        if known.trusted and "host key" in error.reason.lower():
            raise refusal(known, machine.known_hosts, machine.address, machine.port, "") from error
        raise errors.Refused(f"{place}: {error.reason}") from error
    except asyncssh.PermissionDenied as error:
        what = "its key" if machine.identities else "the agent's keys and the usual keys in ~/.ssh"
        if not keys:
            what = "a login without a key (there is none)"
        raise errors.Denied(f"{place} refused {what} for user {machine.user}; check user and identity") from error
    except socket.gaierror as error:
        raise errors.Unreachable(f"{place}: the name {machine.address!r} is not known; check the address") from error
    except OSError as error:
        raise errors.Unreachable(f"{place}: {os.strerror(error.errno) if error.errno else error}") from error
    except asyncssh.Error as error:
        raise errors.Unreachable(f"{place}: {error.reason or type(error).__name__}") from error
    except (ValueError, UnicodeError) as error:
        raise errors.Refused(f"{place}: {error}; check address and user") from error
    return SshLink(connection, clients[-1], place)


def _trust(known: Known) -> tuple[list[Any], list[Any], list[Any]]:
    """asyncssh's form: trusted keys, certificate authorities, revoked keys."""
    return _public(known.trusted), _public(known.authorities), _public(known.revoked)


def _public(entries: Sequence[Entry]) -> list[asyncssh.SSHKey]:
    return [key for entry in entries if (key := _public_key(entry.text)) is not None]


@lru_cache(maxsize=4096)
def _public_key(text: str) -> asyncssh.SSHKey | None:
    try:
        return asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        return None


@asynccontextmanager
async def _keys(machine: Machine) -> AsyncIterator[list[Any]]:
    """The keys to try. A configured one alone, where it can be read; else the agent's and the usual ones.

    Raises errors.Denied when a configured key cannot be used.
    """
    found, failures = await asyncio.to_thread(_configured, machine.identities or USUAL_KEYS)
    if machine.identities and found:
        yield found
        return
    agent = await _agent()
    try:
        held = await _held(agent)
        if machine.identities and not held:
            raise errors.Denied(f"{machine.where}: {failures[0]}")
        yield [*held, *found]
    finally:
        if agent is not None:
            agent.close()
            await agent.wait_closed()


async def _held(agent: asyncssh.SSHAgentClient | None) -> list[Any]:
    """An agent that does not answer properly has no keys."""
    try:
        return list(await agent.get_keys()) if agent is not None else []
    except (OSError, ValueError):
        return []


async def _agent() -> asyncssh.SSHAgentClient | None:
    path = os.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        return None
    try:
        return await asyncssh.connect_agent(path)
    except (OSError, asyncssh.Error):
        return None


def _configured(paths: tuple[str, ...]) -> tuple[list[asyncssh.SSHKey], list[str]]:
    found: list[asyncssh.SSHKey] = []
    failures: list[str] = []
    for path, changed, size in stamp(os.path.expanduser(path) for path in paths):
        if size < 0:
            failures.append(f"the key {path} does not exist; write another identity or create it")
            continue
        key = _private_key(path, changed, size)
        if isinstance(key, str):
            failures.append(key)
        else:
            found.append(key)
    return found, failures


@lru_cache(maxsize=256)
def _private_key(path: str, changed: int, size: int) -> asyncssh.SSHKey | str:
    """The key, or why not. `changed` and `size` are only there to miss the cache when the file is another."""
    try:
        return asyncssh.import_private_key(Path(path).read_bytes())
    except OSError as error:
        return f"cannot read the key {path}: {error.strerror}"
    except asyncssh.KeyEncryptionError:
        return f"the key {path} has a passphrase; run: ssh-add {path}"
    except (asyncssh.KeyImportError, ValueError) as error:
        if "passphrase" in str(error).lower():
            return f"the key {path} has a passphrase; run: ssh-add {path}"
        return f"the key {path} is not a private key: {error}"
