"""One HTTP service with a secret, for adapters that poll: capped answers, one time-out, the secret read anew."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping, Set
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from cockpit.config import secrets
from cockpit.config.problems import masked
from cockpit.config.settings import Secret
from cockpit.feeds import http
from cockpit.model import errors

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

MOST_BYTES = 64 * 2**20
"""An answer beyond this is refused before it fills the memory."""
SAID_BYTES = 4096
"""Of an error answer, for the message."""


class Answer(Struct, frozen=True):
    status: int
    body: bytearray
    retry_after: str = ""
    """The header of that name."""


class Service:
    """An async context manager; leaving it closes the connections.

    The secret is resolved when the service is entered, and once more when it is refused (a rotated token).
    """

    def __init__(self, name: str, url: str, secret: Secret, *, username: str = "") -> None:
        """`name` stands before every message. With `username` the secret is a basic-auth password."""
        self.name = name
        self._where = f"{name}: {_host(url)}"
        self._url = url if url.endswith("/") else url + "/"
        self._secret = secret
        self._username = username
        self._client: httpx.AsyncClient | None = None
        self._authorization = ""
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Service:
        self._authorization = await self._resolve()
        self._client = await http.open_client(self._url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def ask(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        seconds: float,
        form: bool = False,
        passing: Set[int] = frozenset(),
        most_bytes: int = MOST_BYTES,
    ) -> Answer:
        """The answer to GET `path` (relative to the url, or absolute), or to POST with `params` as a form.

        `passing` are error statuses that the caller reads itself; any other raises `model.errors`. Cancelling closes
        the connection.
        """
        sent = self._authorization
        answer = await self._once(path, params, seconds, form, most_bytes)
        if answer.status == 401 and await self._renewed(sent):
            answer = await self._once(path, params, seconds, form, most_bytes)
        if answer.status not in passing:
            import httpx

            said, headers = bytes(answer.body[:SAID_BYTES]), {"Retry-After": answer.retry_after}
            http.check(httpx.Response(answer.status, content=said, headers=headers), self.name)
        return answer

    async def _once(
        self, path: str, params: Mapping[str, str] | None, seconds: float, form: bool, most_bytes: int
    ) -> Answer:
        client = self._client
        if client is None:
            raise RuntimeError("the service is not open")
        headers = {"Authorization": self._authorization} if self._authorization else {}
        body = bytearray()
        try:
            with http.translated(self._where):
                async with (
                    asyncio.timeout(seconds),
                    client.stream(
                        "POST" if form else "GET",
                        path,
                        params=None if form else params,
                        data=dict(params or {}) if form else None,
                        headers=headers,
                    ) as response,
                ):
                    async for chunk in response.aiter_bytes():
                        body += chunk
                        if len(body) > most_bytes:
                            raise errors.Malformed(
                                f"{self.name}: the answer is larger than {most_bytes // 2**20} MiB; ask for less"
                            )
                    log.debug("%s: %s: HTTP %d, %d bytes", self._where, masked(path), response.status_code, len(body))
                    return Answer(response.status_code, body, response.headers.get("Retry-After", ""))
        except TimeoutError as error:
            raise errors.Unreachable(f"{self._where}: no answer within {seconds:g} s") from error

    async def _renewed(self, refused: str) -> bool:
        """Whether there is another secret now than the one that was refused."""
        async with self._renewing:
            if self._authorization == refused:
                self._authorization = await self._resolve()
            return self._authorization != refused

    async def _resolve(self) -> str:
        secret = self._secret
        value = await secrets.resolve(
            env=secret.token_env, file=secret.token_file, command=secret.token_command, what=f"{self.name}: token"
        )
        if self._username:
            return "Basic " + base64.b64encode(f"{self._username}:{value}".encode()).decode()
        return http.bearer(value, self.name) if value else ""


def _host(url: str) -> str:
    """For messages: a url may hold a password."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
