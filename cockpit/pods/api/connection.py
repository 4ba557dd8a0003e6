"""HTTP to one API server: authentication, time-outs, and every failure as one of `model.errors` (see `refusals`).

A 401 is one refresh of the credential and one more try, then Denied("login needed").
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from cockpit.config.settings import PodsSource
from cockpit.model import clock, errors
from cockpit.pods.api.kubeconfig import Access, open_access
from cockpit.pods.api.pace import Pace
from cockpit.pods.api.plugin import EXPIRY_SKEW_SECONDS, Credential, LoginNeeded, read_credential
from cockpit.pods.api.refusals import TlsRefused, refusal, translated
from cockpit.pods.api.sockets import Resolver, keepalive_socket

if TYPE_CHECKING:
    from types import ModuleType

    import aiohttp

CONNECT_SECONDS = 10.0
NAME_SECONDS = 5.0
"""For the name of the server, before the connection."""
ANSWER_SECONDS = 60.0
"""Between two reads of an ordinary answer. Streams state their own."""
JSON = "application/json"
TABLE = f"{JSON};as=Table;v=v1;g=meta.k8s.io,{JSON}"
"""The server's own rows, with the metadata of each object; the objects themselves where it makes no Tables."""
BODY_BYTES = 512 * 1024 * 1024
"""A page of a list at most: 500 objects of etcd's 1 MiB."""
SAID_BYTES = 65536
"""Of an answer that says no."""
MESSAGE_BYTES = 4 * 1024 * 1024
"""Of a websocket; servers send some 32 KB at a time."""
CLOSE_SECONDS = 2.0
"""For the other side to agree that a websocket ends."""

X = TypeVar("X")


def _import() -> ModuleType:
    import aiohttp

    return aiohttp


class Cluster:
    """One kubeconfig context. Connections are shared by the watch, views and actions, and closed by the last user."""

    def __init__(self, source: PodsSource) -> None:
        self.source = source
        self._connection: Connection | None = None
        self._users = 0
        self._opening = asyncio.Lock()
        self._credential: Credential | None = None
        self._context = source.context
        self.unstreamed: set[str] = set()
        """Group versions whose server has said that it does not stream lists (WatchList)."""
        self.login_needed: LoginNeeded | None = None
        """What to run on a terminal: the credential plugin gave nothing the last time it was asked."""

    @property
    def name(self) -> str:
        return self.source.name

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        """The connection while it is used. Raises `model.errors`. The kubeconfig is read anew for each new one."""
        self._users += 1
        try:
            async with self._opening:
                if self._connection is None:
                    self._connection = Connection(await asyncio.to_thread(_import), self, await self.access())
            yield self._connection
        finally:
            self._users -= 1
            if not self._users and self._connection is not None:
                closing, self._connection = self._connection, None
                await closing.close()

    async def access(self) -> Access:
        """Read the kubeconfig and get a credential; a plugin runs only when its last one has expired."""
        try:
            access, self._credential = await open_access(
                self.source.kubeconfig, self._context, where=self.name, credential=self._credential
            )
        except LoginNeeded as error:
            self.login_needed = error
            raise
        self.login_needed = None
        # Whoever changes the current context elsewhere must not turn this table, and its actions, to another cluster.
        self._context = access.context
        return access

    def logged_in(self, printed: bytes) -> None:
        """Take what the plugin printed when it was run on a terminal. Raises errors.Denied."""
        self._credential = read_credential(printed, f"{self.name}: the login")
        self.login_needed = None

    def forget_credential(self) -> None:
        """The server refused it: the next login asks the plugin."""
        self._credential = None


class Connection:
    """An authenticated HTTP client of one cluster. Paths start with "/"; bodies are JSON."""

    def __init__(self, library: ModuleType, cluster: Cluster, access: Access) -> None:
        self._http = library
        self._cluster = cluster
        self._access, self._read_at, self._read_wall = access, clock.steady(), clock.wall()
        self._current = self._session(access)
        self._users = Counter((self._current,))
        """By session, the connection itself being one of the current one's: the last one closes it."""
        self._refreshing = asyncio.Lock()
        self._pace = Pace()

    async def close(self) -> None:
        """Ends all its requests."""
        for session in tuple(self._users):
            await session.close()

    @property
    def cluster(self) -> Cluster:
        return self._cluster

    async def get(self, path: str, kind: type[X], query: Mapping[str, str] | None = None, *, accept: str = JSON) -> X:
        """An object, decoded. Raises `model.errors`."""
        body = await self.body(path, query, accept=accept)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise errors.Malformed(f"{self._cluster.name}: {path}: {error}") from error

    async def body(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = JSON) -> bytes:
        """A whole answer, at most BODY_BYTES."""
        async with self.stream(path, query, read_seconds=ANSWER_SECONDS, compressed=True, accept=accept) as response:
            with self._translated(sent=False):
                body = await _at_most(response, BODY_BYTES)
        if len(body) > BODY_BYTES:
            raise errors.Malformed(f"{self._cluster.name}: {path}: more than {BODY_BYTES >> 20} MiB")
        return body

    async def send(self, method: str, path: str, body: object, *, content_type: str = JSON) -> bytes:
        """An effect, on a TCP connection of its own: a kept one may be dead, and then aiohttp would send it twice.

        Raises UnknownOutcome when it may have happened; any other error of the tree says that it has not.
        """
        data, headers = msgspec.json.encode(body), {"Content-Type": content_type}
        for last in (False, True):
            access = await self._fresh()
            async with self._session(access) as session:
                try:
                    with self._translated(sent=True):
                        response = await self._request(
                            session, access, method, path, None, ANSWER_SECONDS, headers, data
                        )
                        async with response:
                            answer = await _at_most(response, BODY_BYTES)
                except TlsRefused:
                    if last:
                        raise
                    await self._refresh(access)
                    continue
            if response.status == 401 and not last:
                await self._refresh(access)
            elif response.status in (200, 201, 202):
                break
            else:
                raise self._refusal(response, answer, sent=True)
        return answer

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        query: Mapping[str, str] | None,
        *,
        read_seconds: float | None,
        compressed: bool = False,
        accept: str = JSON,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A streamed answer with status 200. Leaving ends the request; read it with `chunks`."""
        headers = {"Accept-Encoding": "gzip" if compressed else "identity", "Accept": accept}
        for last in (False, True):
            access = await self._fresh()
            async with self._held() as session:
                try:
                    with self._translated(sent=False):
                        async with asyncio.timeout(ANSWER_SECONDS):
                            response = await self._request(
                                session, access, "GET", path, query, read_seconds, headers, None
                            )
                except TlsRefused:
                    if last:
                        raise
                    await self._refresh(access)
                    continue
                try:
                    if response.status == 401 and not last:
                        await self._refresh(access)
                        continue
                    if response.status != 200:
                        with self._translated(sent=False):
                            said = await _at_most(response, SAID_BYTES)
                        raise self._refusal(response, said, sent=False)
                    yield response
                finally:
                    response.close()
                return

    @asynccontextmanager
    async def websocket(
        self, path: str, query: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A websocket of one of the protocols, on a TCP connection of its own. Leaving closes it; see `websocket.py`.

        Raises `model.errors`, with what the server said: nothing has happened then.
        """
        for last in (False, True):
            access, said = await self._fresh(), bytearray()
            async with self._session(access, _keeps_refusal(self._http, said)) as session:
                try:
                    with self._translated(sent=False):
                        async with asyncio.timeout(ANSWER_SECONDS):
                            socket = await session.ws_connect(
                                access.server + path,
                                params=query,
                                protocols=protocols,
                                headers=self._headers(access),
                                proxy=access.proxy,
                                server_hostname=access.server_name,
                                max_msg_size=MESSAGE_BYTES,
                                timeout=self._http.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                            )
                except errors.Unreachable as error:
                    cause = error.__cause__
                    if not isinstance(cause, self._http.WSServerHandshakeError):
                        raise
                    if cause.status == 401 and not last:
                        await self._refresh(access)
                        continue
                    after = (cause.headers or {}).get("Retry-After", "")
                    raise refusal(cause.status, bytes(said), where=self._cluster.name, retry_after=after) from cause
                async with socket:
                    yield socket
                return

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Around reads and writes of a websocket: what goes wrong is one of `model.errors`."""
        with self._translated(sent=False):
            yield

    async def chunks(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        """What arrives, as it arrives. Raises `model.errors`; ends when the server ends it properly."""
        with self._translated(sent=False):
            async for chunk in response.content.iter_any():
                yield chunk

    async def _request(
        self,
        session: aiohttp.ClientSession,
        access: Access,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        read_seconds: float | None,
        headers: Mapping[str, str],
        data: bytes | None,
    ) -> aiohttp.ClientResponse:
        options: dict[str, Any] = {"server_hostname": access.server_name} if access.server_name else {}
        return await session.request(
            method,
            access.server + path,
            params=query or {},
            headers={**self._headers(access), **headers},
            data=data,
            timeout=self._http.ClientTimeout(
                total=None, connect=NAME_SECONDS + CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=read_seconds
            ),
            allow_redirects=False,
            proxy=access.proxy,
            **options,
        )

    @staticmethod
    def _headers(access: Access) -> dict[str, str]:
        own = {"Accept": JSON, "User-Agent": "cockpit"}
        if access.authorization:
            own["Authorization"] = access.authorization
        return own

    async def _fresh(self) -> Access:
        """How to ask now: files that a credential came from are read anew in time, a plugin's is replaced in time."""
        await self._pace.turn()
        access = self._access
        if self._due():
            async with self._refreshing:
                if self._due():
                    await self._renew()
            access = self._access
        return access

    def _due(self) -> bool:
        lasts, expires_at = self._access.lasts_seconds, self._access.expires_at
        # One that had expired when it came would be asked for with each request: the server has the word then.
        if expires_at is not None and self._read_wall < expires_at - EXPIRY_SKEW_SECONDS <= clock.wall():
            return True
        return lasts is not None and clock.steady() - self._read_at > lasts

    async def _refresh(self, refused: Access) -> None:
        """Log in again, once for all requests that were refused at the same time."""
        async with self._refreshing:
            if self._access is refused:
                self._cluster.forget_credential()
                await self._renew()

    async def _renew(self) -> None:
        """Another certificate is another session; what runs on the old one goes on until it ends by itself.

        So no stream breaks: the server ends a watch within ten minutes, and what follows is on the new session.
        """
        fresh = await self._cluster.access()
        before, self._access = self._access, fresh
        self._read_at, self._read_wall = clock.steady(), clock.wall()
        if fresh.material != before.material:
            old, self._current = self._current, self._session(fresh)
            self._users[self._current] += 1
            await self._leave(old)

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[aiohttp.ClientSession]:
        session = self._current
        self._users[session] += 1
        try:
            yield session
        finally:
            await self._leave(session)

    async def _leave(self, session: aiohttp.ClientSession) -> None:
        self._users[session] -= 1
        if not self._users[session]:
            del self._users[session]
            await session.close()

    def _session(self, access: Access, *traces: aiohttp.TraceConfig) -> aiohttp.ClientSession:
        """Without trust_env: a `default` line in ~/.netrc would clash with the token."""
        http = self._http
        tls = access.tls if access.tls is not None else True
        connector = http.TCPConnector(
            limit=0, ssl=tls, ttl_dns_cache=30, socket_factory=keepalive_socket, resolver=Resolver()
        )
        session: aiohttp.ClientSession = http.ClientSession(
            connector=connector,
            cookie_jar=http.DummyCookieJar(),
            trust_env=False,
            read_bufsize=2**18,
            trace_configs=list(traces),
        )
        return session

    def _translated(self, *, sent: bool) -> AbstractContextManager[None]:
        return translated(self._http, where=self._cluster.name, server=self._access.server, sent=sent)

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes, *, sent: bool) -> errors.SourceError:
        after = response.headers.get("Retry-After", "")
        return refusal(response.status, body, where=self._cluster.name, sent=sent, retry_after=after)


def _keeps_refusal(http: ModuleType, said: bytearray) -> aiohttp.TraceConfig:
    """aiohttp forgets the body of an answer that is no websocket; it says what was wrong."""

    async def keep(_: object, __: object, params: aiohttp.TraceRequestEndParams) -> None:
        if params.response.status != 101:
            said.extend(await _at_most(params.response, SAID_BYTES))

    trace: aiohttp.TraceConfig = http.TraceConfig()
    trace.on_request_end.append(keep)
    return trace


async def _at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body; of one over the limit, a little more than the limit."""
    chunks: list[bytes] = []
    held = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        held += len(chunk)
        if held > limit:
            break
    return b"".join(chunks)
