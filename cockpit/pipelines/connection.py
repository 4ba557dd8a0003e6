"""To a `cockpit serve`: requests, answers as structs, failures as `model.errors`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from cockpit.config import secrets
from cockpit.config.settings import PipelineSource
from cockpit.feeds import http
from cockpit.model import errors
from cockpit.pipelines.run import Run
from cockpit.pipelines.wire import UNREADABLE, Failure, RunInfo

if TYPE_CHECKING:
    import httpx

ANSWER_BYTES = 16 << 20
T = TypeVar("T")


class NothingDone(errors.Unreachable):
    """No connection, or 503: the server has changed nothing."""


class Reply(msgspec.Struct, frozen=True):
    body: bytes
    headers: Mapping[str, str]


class Connection:
    """One open client; made by `connect`."""

    def __init__(self, source: PipelineSource, client: httpx.AsyncClient) -> None:
        self._source = source
        self._client = client

    async def get(self, path: str, kind: type[T], **params: str | int) -> T:
        return self._decode(await self.send("GET", path, params=params), kind)

    async def post(self, path: str, body: msgspec.Struct, kind: type[T], **headers: str) -> T:
        """Raises NothingDone when nothing can have happened; another Unreachable and Malformed leave it in doubt."""
        sent = {"Content-Type": "application/json", **headers}
        return self._decode(await self.send("POST", path, content=msgspec.json.encode(body), headers=sent), kind)

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        """A whole answer with a good status, up to 16 MiB."""
        import httpx

        where = self._source.name
        read = bytearray()
        try:
            with http.translated(where):
                async with self._client.stream(method, path, **options) as response:
                    async for chunk in response.aiter_bytes():
                        read += chunk
                        if len(read) > ANSWER_BYTES:
                            raise errors.Malformed(f"{where}: the answer is longer than {ANSWER_BYTES >> 20} MiB")
        except errors.SourceError as error:
            if isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
                raise NothingDone(str(error)) from error
            raise
        if response.status_code >= 400:
            # Our server says why in one field; only that belongs into the message.
            said = _said(bytes(read))
            try:
                http.check(httpx.Response(response.status_code, text=said, headers=_kept(response.headers)), where)
            except errors.Unreachable as error:
                raise (NothingDone(str(error)) if response.status_code == 503 else error) from None
        return Reply(bytes(read), response.headers)

    def _decode(self, reply: Reply, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except UNREADABLE as error:
            raise errors.Malformed(f"{self._source.name}: not an answer of cockpit serve: {error}") from error


@asynccontextmanager
async def connect(source: PipelineSource) -> AsyncIterator[Connection]:
    """Raises `errors.Denied` when the token cannot be read, `errors.Refused` for a bad url."""
    token = await secrets.resolve(
        env=source.token_env, file=source.token_file, command=source.token_command, what=f"{source.name}: token"
    )
    if not token:
        raise errors.Denied(f'{source.name}: no token; write token_env = "COCKPIT_TOKEN" under its [[pipelines]]')
    client = await http.open_client(source.url.rstrip("/"), token=token)
    try:
        yield Connection(source, client)
    finally:
        async with asyncio.timeout(5):
            await client.aclose()


def run_of(source: PipelineSource, info: RunInfo) -> Run:
    """The item for a run on the wire."""
    return Run(
        source=source.name,
        id=str(info.id),
        repository=info.repository,
        name=info.name,
        number=info.number,
        ref=info.ref.removeprefix("refs/heads/"),
        sha=info.sha,
        phase=info.phase,
        result=info.result,
        reason=info.reason,
        event=info.event,
        actor=info.actor,
        attempt=info.attempt,
        created_at=info.created_at.timestamp(),
        started_at=info.started_at.timestamp() if info.started_at else None,
        finished_at=info.finished_at.timestamp() if info.finished_at else None,
        url=f"{_without_user(source.url)}/api/v1/runs/{info.id}",
        production=source.production,
        read_only=source.read_only,
    )


def _without_user(url: str) -> str:
    parts = urlsplit(url.rstrip("/"))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _said(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=Failure).error
    except UNREADABLE:
        return body[: http.MESSAGE_CHARS].decode(errors="replace")


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {"Retry-After": headers["Retry-After"]} if "Retry-After" in headers else {}
