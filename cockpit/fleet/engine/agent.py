"""The ssh agents of a session (draft-miller-ssh-agent): a connection to each for all logins, and none hangs them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

from msgspec import Struct

LIST_SECONDS = 3.0
"""For the agent to say which keys it has."""
SIGN_SECONDS = 60.0
"""For a signature: somebody may have to touch a token or to confirm."""
FRESH_SECONDS = 2.0
"""How long the list of keys is taken for the present one."""
STUCK_SECONDS = 30.0
"""How long an agent that did not answer is left alone."""
MOST_BYTES = 256 * 1024
"""Of a message, as in OpenSSH's agent."""
_REQUEST_IDENTITIES, _IDENTITIES, _SIGN_REQUEST, _SIGNATURE = 11, 12, 13, 14
_FLAGS = {b"rsa-sha2-256": 2, b"rsa-sha2-512": 4}


class Held(Struct, frozen=True):
    """A key or a certificate that an agent holds."""

    blob: bytes
    comment: str


class Agent:
    """One agent by its socket."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.trouble = ""
        """Why its keys are not known; empty when they are, or when there is no agent there."""
        self._wire: _Wire | None = None
        self._held: tuple[Held, ...] = ()
        self._good_until = 0.0
        self._listing: asyncio.Task[None] | None = None

    async def keys(self) -> tuple[Held, ...]:
        """In its order. Bounded; an agent that does not answer properly has none."""
        if asyncio.get_running_loop().time() >= self._good_until:
            if self._listing is None:
                self._listing = asyncio.create_task(self._list())
            await asyncio.shield(self._listing)
        return self._held

    async def sign(self, blob: bytes, data: bytes, algorithm: bytes) -> bytes:
        """The signature of `data` by a key it holds. Raises ValueError when there is none."""
        flags = _FLAGS.get(algorithm, 0).to_bytes(4, "big")
        request = bytes([_SIGN_REQUEST]) + _string(blob) + _string(data) + flags
        for again in (True, False):
            wire = self._wire
            if wire is None or wire.lost:
                again = False
                wire = self._wire = await _connected(self.path)
            try:
                async with asyncio.timeout(SIGN_SECONDS):
                    answer = await wire.ask(request)
            except TimeoutError as error:
                wire.close()
                raise ValueError(f"the agent {self.path} does not sign") from error
            except OSError as error:
                if again:  # it was restarted since
                    continue
                raise ValueError(f"the agent {self.path} is gone") from error
            if answer[:1] != bytes([_SIGNATURE]):
                raise ValueError(f"the agent {self.path} refused to sign")
            return _Reader(answer[1:]).string()
        raise AssertionError

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    async def _list(self) -> None:
        """By a connection of its own: on the other one a signature may be waiting for a touch."""
        good_seconds, held, trouble = FRESH_SECONDS, [], ""
        try:
            async with asyncio.timeout(LIST_SECONDS):
                wire = await _connected(self.path)
                try:
                    answer = _Reader(await wire.ask(bytes([_REQUEST_IDENTITIES])))
                finally:
                    wire.close()
            if answer.byte() == _IDENTITIES:
                held = [Held(answer.string(), answer.text()) for _ in range(answer.number())]
        except TimeoutError:
            good_seconds, trouble = STUCK_SECONDS, f"the agent {self.path} does not answer"
        except (OSError, ValueError):
            pass  # none there
        finally:
            self._held, self.trouble, self._listing = tuple(held), trouble, None
            self._good_until = asyncio.get_running_loop().time() + good_seconds


class _Wire(asyncio.Protocol):
    """Answers come in the order of the requests; that of a request which nobody waits for any more is dropped."""

    def __init__(self) -> None:
        self.lost = False
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._received = bytearray()

    async def ask(self, message: bytes) -> bytes:
        """Raises OSError when the agent goes away."""
        if self._transport is None or self.lost:
            raise ConnectionResetError("the agent is gone")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._transport.write(_string(message))
        return await answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while 4 <= (size := 4 + int.from_bytes(self._received[:4], "big")) <= len(self._received):
            message = bytes(self._received[4:size])
            del self._received[:size]
            if self._waiting and not (answer := self._waiting.popleft()).done():
                answer.set_result(message)
        if len(self._received) > MOST_BYTES:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(ConnectionResetError("the agent is gone"))
        self._waiting.clear()

    def close(self) -> None:
        self.lost = True
        if self._transport is not None:
            self._transport.abort()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError("the agent's answer is cut short")
        self._at += size
        return taken

    def byte(self) -> int:
        return self._take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def string(self) -> bytes:
        return self._take(self.number())

    def text(self) -> str:
        return self.string().decode("utf-8", "replace")


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


async def _connected(path: str) -> _Wire:
    _, wire = await asyncio.get_running_loop().create_unix_connection(_Wire, path)
    return wire
