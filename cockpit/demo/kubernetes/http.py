"""The API server's HTTP side: who may ask, what is asked, and the answers that are not one object.

Every path but /healthz, /readyz and /livez demands the bearer token of this run.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import time
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
from aiohttp import web

from cockpit.demo.kubernetes import kinds, patch, table
from cockpit.demo.kubernetes.admin import Admin
from cockpit.demo.kubernetes.faults import Fault, Faults
from cockpit.demo.kubernetes.kinds import Kind, Object
from cockpit.demo.kubernetes.logs import Line, Logs, follow
from cockpit.demo.kubernetes.objects import Objects, with_kind
from cockpit.demo.kubernetes.refusals import (
    Refusal,
    bad_request,
    invalid,
    not_allowed,
    not_found,
    too_new,
    unauthorized,
    unknown_path,
)
from cockpit.demo.kubernetes.selectors import Accepts, selector
from cockpit.demo.kubernetes.store import Compacted, Event, Record, Store, parse_stamp
from cockpit.demo.kubernetes.streams import Stream

GZIP_FROM = 128 * 1024  # as kube-apiserver: larger answers are compressed, at level 1
OPEN_PATHS = frozenset(("/healthz", "/readyz", "/livez"))
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64", "goVersion": "go1.26.1"}
INITIAL_END = "k8s.io/initial-events-end"


class Ask(msgspec.Struct):
    """One request, understood. `name` and `sub` are empty for a collection."""

    kind: Kind
    verb: str
    namespace: str
    name: str
    sub: str
    query: dict[str, str]
    as_table: bool
    metadata_only: bool


def _flag(query: dict[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")


def _number(query: dict[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"invalid value for {name}: {text!r}") from None


def locate(path: str) -> tuple[Kind, str, str, str] | None:
    """Kind, namespace, name and subresource of a path, None where it is no resource's."""
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "v1"]:
        version, rest = "v1", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        version, rest = "/".join(parts[1:3]), parts[3:]
    else:
        return None
    namespace = ""
    if rest and rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    if not rest or len(rest) > 3:
        return None
    kind = kinds.find(version, rest[0])
    if kind is None or (namespace and not kind.namespaced):
        return None
    name, sub = [*rest[1:], "", ""][:2]
    if name and kind.namespaced and not namespace:
        return None
    return kind, namespace, name, sub


def understand(request: web.Request) -> Ask:
    """Raises Refusal for what no API server knows either."""
    found = locate(request.path)
    if found is None:
        raise unknown_path()
    kind, namespace, name, sub = found
    if sub and sub not in kind.subresources:
        raise unknown_path()
    query = dict(request.query)
    method = request.method
    if method == "GET":
        verb = "get" if name else "watch" if _flag(query, "watch") else "list"
        verb = "log" if sub == "log" else verb
    else:
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method, "")
        if not verb or (verb == "create") == bool(name) or sub == "log":
            raise not_allowed()
    accept = request.headers.get("Accept", "")
    as_table = metadata_only = False
    for choice in accept.split(",") if accept else ("*/*",):
        kind_of, *parameters = (part.strip() for part in choice.split(";"))
        if kind_of not in ("application/json", "application/*", "*/*", "text/plain"):
            continue
        wanted = dict(p.partition("=")[::2] for p in parameters).get("as", "")
        as_table, metadata_only = wanted == "Table", wanted.startswith("PartialObjectMetadata")
        if as_table or metadata_only or not wanted:
            break
    else:
        raise Refusal(406, "NotAcceptable", "only the following media types are accepted: application/json")
    return Ask(kind, verb, namespace, name, sub, query, as_table, metadata_only)


class Api:
    """The web application over a store. `bookmark_seconds`: the pause between bookmarks of a quiet watch."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        logs: Logs,
        *,
        token: str,
        bookmark_seconds: float = 60.0,
        seed: int = 1,
    ) -> None:
        self.store, self.objects, self.logs = store, objects, logs
        self.token = token
        self.bookmark_seconds = bookmark_seconds
        self.watch_list = True
        self.faults = Faults()
        self.streams: set[Stream] = set()
        self.requests: Counter[str] = Counter()
        self._random = Random(seed)
        self.admin = Admin(self)
        self.app = web.Application(client_max_size=4 * 1024 * 1024)
        self.app.router.add_route("*", "/{path:.*}", self._handle)

    def drop_streams(self, *, verbs: Sequence[str] = ("watch", "log"), reset: bool = False) -> int:
        """End open watches and followed logs; the number of them."""
        dropped = [stream for stream in self.streams if stream.verb in verbs]
        for stream in dropped:
            stream.drop(reset=reset)
        return len(dropped)

    # -- one request

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._serve(request)
        except Refusal as refusal:
            headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after is not None else None
            return self._json(refusal.status(), code=refusal.code, headers=headers)
        except Compacted as compacted:
            return self._json(
                Refusal(410, "Expired", f"too old resource version: {compacted.asked} ({compacted.oldest})").status(),
                code=410,
            )

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.path in OPEN_PATHS:
            return web.Response(text="ok")
        presented = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), self.token.encode()):
            raise unauthorized()
        if request.path.startswith("/_simulator/"):
            return await self.admin.handle(request)
        if request.method == "GET" and (found := self._fixed(request.path)) is not None:
            return self._json(found)
        ask = understand(request)
        self.requests[ask.verb] += 1
        streaming: Fault | None = None
        for fault in self.faults.strike(ask.verb, request.path_qs):
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
                continue
            answer = await self._struck(request, fault, ask)
            if answer is not None:
                return answer
            streaming = fault
        if ask.verb == "watch":
            return await self._watch(request, ask, streaming)
        if ask.verb == "log":
            return await self._log(request, ask, streaming)
        response = await self._answer(request, ask)
        if streaming is not None:
            return await self._spoilt(request, response, streaming)
        return response

    async def _struck(self, request: web.Request, fault: Fault, ask: Ask) -> web.StreamResponse | None:
        """A fault's own answer; None where the usual answer goes out spoilt."""
        match fault.kind:
            case "status":
                reason = {401: "Unauthorized", 403: "Forbidden", 410: "Expired", 429: "TooManyRequests"}
                name = reason.get(fault.status, "InternalError" if fault.status >= 500 else "Unknown")
                raise Refusal(fault.status, name, "a fault was asked for", retry_after=fault.retry_after)
            case "html":
                page = f"<html><head><title>{fault.status}</title></head>\n<body><h1>Bad Gateway</h1>\n</body></html>\n"
                return web.Response(status=fault.status, text=page, content_type="text/html")
            case "empty":
                return web.Response(body=b"", content_type="application/json")
            case "hang" if ask.verb not in ("watch", "log"):
                await asyncio.Event().wait()
        return None

    async def _spoilt(self, request: web.Request, response: web.Response, fault: Fault) -> web.StreamResponse:
        body = response.body if isinstance(response.body, bytes) else b""
        headers = {"Content-Type": "application/json"}
        if "Content-Encoding" in response.headers:
            headers["Content-Encoding"] = response.headers["Content-Encoding"]
        spoilt = web.StreamResponse(status=response.status, headers=headers)
        await spoilt.prepare(request)
        if fault.kind == "slow":
            for start in range(0, len(body), max(64, len(body) // 50)):
                await spoilt.write(body[start : start + max(64, len(body) // 50)])
                await asyncio.sleep(fault.seconds)
        else:
            await spoilt.write(body[: len(body) // 2])
            if fault.kind == "cut" and request.transport is not None:
                await asyncio.sleep(0)
                request.transport.abort()
                return spoilt
        await spoilt.write_eof()
        return spoilt

    async def _answer(self, request: web.Request, ask: Ask) -> web.Response:
        if ask.verb == "list":
            return await self._list(request, ask)
        if ask.verb == "get":
            item = self.objects.read(ask.kind, ask.namespace, ask.name, ask.sub)
            if ask.as_table and not ask.sub:
                shown = self._table(ask, [item], {"resourceVersion": item["metadata"]["resourceVersion"]}, titled=True)
                return self._json(shown)
            return self._json(item)
        body = await request.read()
        content = request.content_type if "Content-Type" in request.headers else "application/json"
        sent = patch.decode(body, content) if body.strip() else {}
        dry = "dryRun" in ask.query
        match ask.verb:
            case "create":
                created = self.objects.create(ask.kind, ask.namespace, sent, dry=dry)
                return self._json(created, code=201)
            case "update":
                return self._json(self.objects.update(ask.kind, ask.namespace, ask.name, ask.sub, sent, dry=dry))
            case "patch":
                manager = ask.query.get("fieldManager") or request.headers.get("User-Agent", "").split("/")[0]
                changed, made = self.objects.patch(
                    ask.kind, ask.namespace, ask.name, ask.sub, sent, content, manager=manager, dry=dry
                )
                return self._json(changed, code=201 if made else 200)
        if not ask.name:
            raise not_allowed()
        return self._json(self.objects.delete(ask.kind, ask.namespace, ask.name, sent, ask.query, dry=dry))

    def _json(self, body: Object | bytes, *, code: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body) + b"\n"
        return web.Response(body=data, status=code, content_type="application/json", headers=headers)

    # -- list

    def _continued(self, token: str) -> tuple[int, tuple[str, str]]:
        try:
            parsed = msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[int, str, str])
        except (ValueError, msgspec.MsgspecError):
            raise bad_request("continue key is not valid") from None
        return parsed[0], (parsed[1], parsed[2])

    @staticmethod
    def _token(version: int, after: tuple[str, str]) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode((version, *after))).decode()

    def _version_asked(self, ask: Ask) -> tuple[int, bool]:
        """The version that a list must show, and whether paging applies (never at "0", as from the watch cache)."""
        text, match = ask.query.get("resourceVersion", ""), ask.query.get("resourceVersionMatch", "")
        if match and not text:
            raise bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided")
        asked = _number(ask.query, "resourceVersion") or 0
        if asked > self.store.version:
            raise too_new(asked, self.store.version)
        if match == "Exact":
            if text == "0":
                raise bad_request('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"')
            return asked, True
        return self.store.version, text != "0"

    async def _list(self, request: web.Request, ask: Ask) -> web.Response:
        accepts = selector(ask.kind, ask.query.get("labelSelector", ""), ask.query.get("fieldSelector", ""))
        limit = _number(ask.query, "limit") or 0
        after: tuple[str, str] | None = None
        if ask.query.get("continue"):
            if ask.query.get("resourceVersion", "") not in ("", "0"):
                raise bad_request("specifying resource version is not allowed when using continue")
            version, after = self._continued(ask.query["continue"])
            version = self.store.version if version < 0 else version
            if version < self.store.oldest:
                raise Refusal(
                    410,
                    "Expired",
                    "The provided continue parameter is too old to display a consistent list result. You can start a "
                    "new list without the continue parameter, or use the continue token in this response to retrieve "
                    "the remainder of the results. Continuing with the provided token results in an inconsistent list.",
                    carry_on=self._token(-1, after),
                )
        else:
            version, paged = self._version_asked(ask)
            limit = limit if paged else 0
        page, left = self._page(ask, version, after, limit, accepts)
        metadata: Object = {"resourceVersion": str(version)}
        if left:
            metadata["continue"] = self._token(version, page[-1].key)
            if accepts is None:
                metadata["remainingItemCount"] = left
        if ask.as_table and len(page) > 1000:
            body = await asyncio.to_thread(self._listed, ask, page, metadata)
        else:
            body = self._listed(ask, page, metadata)
        headers = None
        if len(body) >= GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, 1)
            headers = {"Content-Encoding": "gzip"}
        return self._json(body, headers=headers)

    def _page(
        self, ask: Ask, version: int, after: tuple[str, str] | None, limit: int, accepts: Accepts | None
    ) -> tuple[list[Record], int]:
        """One page and how many records come after it (of those, none is known to match a selector)."""
        view = self.store.view(ask.kind.resource, version)
        records = view.records
        start, end = view.span(ask.namespace, after)
        if not limit and accepts is None:
            return records[start:end], 0
        page: list[Record] = []
        for at in range(start, end):
            if accepts is None or accepts(records[at]):
                if limit and len(page) == limit:
                    return page, end - at
                page.append(records[at])
        return page, 0

    def _listed(self, ask: Ask, page: Sequence[Record], metadata: Object) -> bytes:
        if ask.as_table:
            return msgspec.json.encode(self._table(ask, [r.load() for r in page], metadata, titled=True))
        if ask.metadata_only:
            head: Object = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
            items = b",".join(msgspec.json.encode({"metadata": record.load()["metadata"]}) for record in page)
        else:
            head = {"kind": f"{ask.kind.kind}List", "apiVersion": ask.kind.group_version, "metadata": metadata}
            items = b",".join(record.body for record in page)
        return msgspec.json.encode(head)[:-1] + b',"items":[' + items + b"]}\n"

    def _table(self, ask: Ask, items: Sequence[Object], metadata: Object, *, titled: bool) -> Object:
        include = ask.query.get("includeObject", "Metadata")
        return table.table(ask.kind, items, metadata, time.time(), include=include, titled=titled)

    # -- watch

    async def _watch(self, request: web.Request, ask: Ask, fault: Fault | None) -> web.StreamResponse:
        accepts = selector(ask.kind, ask.query.get("labelSelector", ""), ask.query.get("fieldSelector", ""))
        text = ask.query.get("resourceVersion", "")
        initial = _flag(ask.query, "sendInitialEvents")
        match = ask.query.get("resourceVersionMatch", "")
        if initial:
            if not self.watch_list:
                why = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
                raise invalid(ask.kind, "", "sendInitialEvents", why)
            if match != "NotOlderThan":
                why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                raise invalid(ask.kind, "", "resourceVersionMatch", why)
        elif match:
            why = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            raise invalid(ask.kind, "", "resourceVersionMatch", why)
        asked = _number(ask.query, "resourceVersion") or 0
        if asked > self.store.version:
            raise too_new(asked, self.store.version)
        watch = _Watch(self, ask, accepts, bookmarks=_flag(ask.query, "allowWatchBookmarks"))
        replay = initial or text in ("", "0")
        seconds = _number(ask.query, "timeoutSeconds") or self._random.uniform(1800, 3600)
        stream = Stream(request, "watch", "application/json", fault)
        self.streams.add(stream)
        try:
            return await stream.run(
                lambda out: watch.produce(out, None if replay else asked, mark_initial=initial), seconds
            )
        finally:
            self.streams.discard(stream)

    # -- logs

    async def _log(self, request: web.Request, ask: Ask, fault: Fault | None) -> web.StreamResponse:
        record = self.store.get("pods", ask.namespace, ask.name)
        if record is None:
            raise not_found(kinds.PODS, ask.name)
        pod = record.load()
        container = self.objects.container(pod, ask.query.get("container", ""))
        stamped = _flag(ask.query, "timestamps")
        now = self.logs.clock()
        if _flag(ask.query, "previous"):
            kept = self.objects.previous_log(pod, record.uid, container)
            if kept is None:
                raise bad_request(f'previous terminated container "{container}" in pod "{ask.name}" not found')
            return web.Response(body=_lines(_chosen(kept, ask, now), stamped), content_type="text/plain")
        log = self.objects.log(pod, record.uid, container)
        log.advance(now)
        chosen = _chosen(list(log.lines), ask, now)
        count = log.count
        text = _lines(chosen, stamped)
        limit = _number(ask.query, "limitBytes")
        if not _flag(ask.query, "follow"):
            return web.Response(body=text if limit is None else text[:limit], content_type="text/plain")

        async def produce(out: Stream) -> None:
            if text:
                await out.write(text)
            async for lines in follow(log, count, self.logs.clock):
                await out.write(_lines(lines, stamped))

        stream = Stream(request, "log", "text/plain", fault)
        self.streams.add(stream)
        try:
            return await stream.run(produce, None)
        finally:
            self.streams.discard(stream)

    # -- what never changes

    def _fixed(self, path: str) -> Object | None:
        groups: list[Object] = [
            {
                "name": "apps",
                "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
                "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
            }
        ]
        match path.rstrip("/"):
            case "/version":
                return dict(VERSION)
            case "/api":
                return {"kind": "APIVersions", "versions": ["v1"]}
            case "/apis":
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case "/apis/apps":
                return {"kind": "APIGroup", "apiVersion": "v1", **groups[0]}
            case "/api/v1" | "/apis/apps/v1" as root:
                version = root.removeprefix("/apis/").removeprefix("/api/")
                entries = [
                    e for kind in kinds.KINDS.values() if kind.group_version == version for e in kind.discovery()
                ]
                return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": entries}
        return None


def _chosen(lines: list[Line], ask: Ask, now: float) -> list[Line]:
    since = _number(ask.query, "sinceSeconds")
    moment = now - since if since is not None else parse_stamp(ask.query.get("sinceTime"))
    if moment is not None:
        lines = [line for line in lines if line.at >= moment]
    tail = _number(ask.query, "tailLines")
    if tail is not None:
        lines = lines[max(0, len(lines) - tail) :] if tail > 0 else []
    return lines


def _lines(lines: Sequence[Line], stamped: bool) -> bytes:
    return b"".join((line.stamped() if stamped else line.text) + b"\n" for line in lines)


class _Watch:
    """What one watch sends."""

    BATCH = 64 * 1024  # bytes joined into one write

    def __init__(self, api: Api, ask: Ask, accepts: Accepts | None, *, bookmarks: bool) -> None:
        self._api, self._ask, self._accepts, self._bookmarks = api, ask, accepts, bookmarks
        self._titled = False

    def _wanted(self, record: Record) -> bool:
        return (not self._ask.namespace or record.namespace == self._ask.namespace) and (
            self._accepts is None or self._accepts(record)
        )

    async def produce(self, out: Stream, version: int | None, *, mark_initial: bool) -> None:
        """From `version`, or from the present state as ADDED events when it is None."""
        store = self._api.store
        if version is None:
            version = store.version
            records = store.view(self._ask.kind.resource, version).records
            await self._send(out, (self._line("ADDED", r) for r in records if self._wanted(r)))
            if mark_initial and self._bookmarks:
                await out.write(self._bookmark(version, initial_end=True))
        loop = asyncio.get_running_loop()
        due = loop.time() + self._api.bookmark_seconds
        while True:
            try:
                events = store.since(version)
            except Compacted as compacted:
                refusal = Refusal(410, "Expired", f"too old resource version: {compacted.asked} ({compacted.oldest})")
                await out.write(msgspec.json.encode({"type": "ERROR", "object": refusal.status()}) + b"\n")
                return
            if events:
                version = events[-1].record.version
                await self._send(out, filter(None, map(self._event, events)))
            if self._bookmarks and loop.time() >= due:
                await out.write(self._bookmark(version))
                due = loop.time() + self._api.bookmark_seconds
            try:
                async with asyncio.timeout_at(due if self._bookmarks else None):
                    await store.changed(version)
            except TimeoutError:
                continue

    async def _send(self, out: Stream, lines: Any) -> None:
        batch: list[bytes] = []
        size = 0
        for line in lines:
            batch.append(line)
            size += len(line)
            if size >= self.BATCH:
                await out.write(b"".join(batch))
                await asyncio.sleep(0)
                batch, size = [], 0
        if batch:
            await out.write(b"".join(batch))

    def _event(self, event: Event) -> bytes | None:
        """An object that leaves the selection is deleted to this watcher, one that enters is added."""
        if event.record.resource != self._ask.kind.resource:
            return None
        before = event.before is not None and self._wanted(event.before)
        if event.gone:
            return self._line("DELETED", event.record) if before else None
        if self._wanted(event.record):
            return self._line("MODIFIED" if before else "ADDED", event.record)
        if before and event.before is not None:
            return self._line("DELETED", Store.restamped(event.before, event.record.version))
        return None

    def _line(self, what: str, record: Record) -> bytes:
        ask = self._ask
        if ask.as_table:
            shown = self._api._table(
                ask, [record.load()], {"resourceVersion": str(record.version)}, titled=not self._titled
            )
            self._titled = True
            return msgspec.json.encode({"type": what, "object": shown}) + b"\n"
        if ask.metadata_only:
            partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
            return (
                msgspec.json.encode({"type": what, "object": partial | {"metadata": record.load()["metadata"]}}) + b"\n"
            )
        return b'{"type":"' + what.encode() + b'","object":' + with_kind(ask.kind, record.body) + b"}\n"

    def _bookmark(self, version: int, *, initial_end: bool = False) -> bytes:
        metadata: Object = {"resourceVersion": str(version), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {INITIAL_END: "true"}
        kind = self._ask.kind
        shown: Object = {"kind": kind.kind, "apiVersion": kind.group_version, "metadata": metadata}
        if self._ask.as_table:
            shown = table.table(kind, [], metadata, 0.0, include="None", titled=not self._titled)
        return msgspec.json.encode({"type": "BOOKMARK", "object": shown}) + b"\n"
