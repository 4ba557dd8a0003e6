"""The API server's HTTP side: who may ask, what is asked, and the answers that are not one object.

Every path but /healthz, /readyz and /livez demands credentials of this run.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from email.utils import formatdate
from random import Random

import msgspec
from aiohttp import web

from cockpit.demo.kubernetes import kinds, openapi, patch
from cockpit.demo.kubernetes.access import Access
from cockpit.demo.kubernetes.admin import Admin
from cockpit.demo.kubernetes.asks import Ask, flag, number, understand
from cockpit.demo.kubernetes.churn import Churn
from cockpit.demo.kubernetes.credentials import Credentials
from cockpit.demo.kubernetes.discovery import (
    AGGREGATED,
    AUTHORIZATION,
    METRICS,
    Served,
    aggregated,
    fixed,
)
from cockpit.demo.kubernetes.evictions import evict
from cockpit.demo.kubernetes.faults import Fault, Faults
from cockpit.demo.kubernetes.inside import VERBS as INSIDE
from cockpit.demo.kubernetes.inside import Inside
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.lists import Lists, shown_as_table
from cockpit.demo.kubernetes.logs import Line, Logs, follow
from cockpit.demo.kubernetes.metrics import Metrics
from cockpit.demo.kubernetes.objects import Objects
from cockpit.demo.kubernetes.refusals import (
    Refusal,
    bad_request,
    not_allowed,
    not_found,
    too_old,
    unavailable,
    unknown_path,
)
from cockpit.demo.kubernetes.store import Compacted, Store, parse_stamp
from cockpit.demo.kubernetes.streams import Stream
from cockpit.demo.kubernetes.watches import Watch

OPEN_PATHS = frozenset(("/healthz", "/readyz", "/livez"))


class Api:
    """The web application over a store. `bookmark_seconds`: the pause between bookmarks of a quiet watch."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        logs: Logs,
        *,
        bookmark_seconds: float = 60.0,
        seed: int = 1,
    ) -> None:
        self.store, self.objects, self.logs = store, objects, logs
        self.credentials = Credentials()
        self.bookmark_seconds = bookmark_seconds
        self.watch_list = True
        self.aggregated = True  # discovery of all groups at once, where the client asks for it
        self.metrics: Served = "served"
        self.faults = Faults()
        self.streams: set[Stream] = set()
        self.inside = Inside(store)
        self.requests: Counter[str] = Counter()
        self._random = Random(seed)
        self.churn = Churn(store)
        self.skew = 0.0  # seconds that the Date of answers is ahead
        self._lists = Lists(store)
        self._metrics = Metrics(store)
        self.access = Access()
        self.admin = Admin(self)
        self.app = web.Application(client_max_size=4 * 1024 * 1024)
        self.app.on_response_prepare.append(self._dated)
        self.app.router.add_route("*", "/{path:.*}", self._handle)

    def drop_streams(self, *, verbs: Sequence[str] = ("watch", "log"), reset: bool = False) -> int:
        """End open watches and followed logs; the number of them."""
        dropped = [stream for stream in self.streams if stream.verb in verbs]
        for stream in dropped:
            stream.drop(reset=reset)
        return len(dropped)

    def freeze_streams(self, *, verbs: Sequence[str] = ("watch", "log")) -> int:
        """Open watches and followed logs fall silent without an end; the number of them."""
        frozen = [stream for stream in self.streams if stream.verb in verbs]
        for stream in frozen:
            stream.freeze()
        return len(frozen)

    async def _dated(self, request: web.Request, response: web.StreamResponse) -> None:
        if self.skew:
            response.headers["Date"] = formatdate(time.time() + self.skew, usegmt=True)

    # -- one request

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._serve(request)
        except Refusal as refusal:
            headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after is not None else None
            return self._json(refusal.status(), code=refusal.code, headers=headers)
        except Compacted as compacted:
            return self._json(too_old(compacted.asked, compacted.oldest).status(), code=410)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.path in OPEN_PATHS:
            return web.Response(text="ok")
        self.credentials.check(request)
        if request.path.startswith("/_simulator/"):
            return await self.admin.handle(request)
        if (worked_out := await self._worked_out(request)) is not None:
            return worked_out
        ask = understand(request)
        self.requests[ask.verb] += 1
        streaming: Fault | None = None
        for fault in self.faults.strike(ask.verb, request.path_qs):
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
                continue
            answer = await self._struck(request, fault, ask.verb)
            if answer is not None:
                return answer
            streaming = fault
        self.access.check(ask)
        if ask.verb == "watch":
            return await self._watch(request, ask, streaming)
        if ask.verb == "log":
            return await self._log(request, ask, streaming)
        if ask.verb in INSIDE:
            return await self.inside.serve(request, ask)
        response = await self._answer(request, ask)
        if streaming is not None:
            return await self._spoilt(request, response, streaming)
        return response

    async def _worked_out(self, request: web.Request) -> web.StreamResponse | None:
        """What is not stored: discovery, reviews of access, metrics. None for any other path."""
        verb = "discovery" if request.method == "GET" else "review"
        if request.path.startswith(f"/apis/{METRICS}/"):
            verb = "metrics"
        elif verb == "review" and not request.path.startswith(f"/apis/{AUTHORIZATION}/"):
            return None
        answer = await self._computed(request) if verb != "discovery" else self._discovered(request)
        if answer is None:
            return None
        self.requests[verb] += 1
        for fault in self.faults.strike(verb, request.path_qs):
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif (struck := await self._struck(request, fault, verb)) is not None:
                return struck
        return answer

    def _discovered(self, request: web.Request) -> web.Response | None:
        if self.aggregated and "as=APIGroupDiscoveryList" in request.headers.get("Accept", ""):
            whole = aggregated(request.path, metrics=self.metrics)
            if whole is not None:
                return self._json(whole, headers={"Content-Type": AGGREGATED})
        found = fixed(request.path, metrics=self.metrics) or openapi.fixed(request.path)
        return None if found is None else self._json(found)

    async def _computed(self, request: web.Request) -> web.Response:
        """Reviews of access, and metrics."""
        if request.path.startswith(f"/apis/{METRICS}/"):
            if self.metrics != "served":
                raise unknown_path() if self.metrics == "absent" else unavailable()
            if request.method != "GET":
                raise not_allowed()
            return self._json(self._metrics.answer(request.path.removeprefix(f"/apis/{METRICS}/"), request.query))
        sent = patch.decode(await request.read(), request.content_type)
        match request.path.rpartition("/")[2]:
            case "selfsubjectaccessreviews":
                return self._json(self.access.review(sent), code=201)
            case "selfsubjectrulesreviews":
                return self._json(self.access.rules(sent), code=201)
        raise unknown_path()

    async def _struck(self, request: web.Request, fault: Fault, verb: str) -> web.StreamResponse | None:
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
            case "hang" if verb not in ("watch", "log"):
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
            gzipped = "gzip" in request.headers.get("Accept-Encoding", "")
            listed, headers = await self._lists.answer(ask, gzipped=gzipped)
            return self._json(listed, headers=headers)
        if ask.verb == "get":
            item = self.objects.read(ask.kind, ask.namespace, ask.name, ask.sub)
            if ask.as_table and not ask.sub:
                shown = shown_as_table(
                    ask, [item], {"resourceVersion": item["metadata"]["resourceVersion"]}, titled=True
                )
                return self._json(shown)
            return self._json(item)
        body = await request.read()
        content = request.content_type if "Content-Type" in request.headers else "application/json"
        sent = patch.decode(body, content) if body.strip() else {}
        dry = "dryRun" in ask.query
        manager = ask.query.get("fieldManager") or request.headers.get("User-Agent", "").split("/")[0]
        match ask.verb:
            case "create" if ask.sub == "eviction":
                return self._json(evict(self.store, self.objects, ask.namespace, ask.name, sent, dry=dry), code=201)
            case "create":
                created = self.objects.create(ask.kind, ask.namespace, sent, manager=manager, dry=dry)
                return self._json(created, code=201)
            case "update":
                updated = self.objects.update(
                    ask.kind, ask.namespace, ask.name, ask.sub, sent, manager=manager, dry=dry
                )
                return self._json(updated)
            case "patch" if content == "application/apply-patch+yaml" and not ask.sub:
                if not ask.query.get("fieldManager"):
                    raise bad_request("fieldManager is required for apply patch")
                force = flag(ask.query, "force")
                applied, made = self.objects.apply(
                    ask.kind, ask.namespace, ask.name, sent, manager=manager, force=force, dry=dry
                )
                return self._json(applied, code=201 if made else 200)
            case "patch":
                patched = self.objects.patch(
                    ask.kind, ask.namespace, ask.name, ask.sub, sent, content, manager=manager, dry=dry
                )
                return self._json(patched)
        if not ask.name:
            raise not_allowed()
        return self._json(self.objects.delete(ask.kind, ask.namespace, ask.name, sent, ask.query, dry=dry))

    def _json(self, body: Object | bytes, *, code: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body) + b"\n"
        return web.Response(body=data, status=code, headers={"Content-Type": "application/json", **(headers or {})})

    # -- watch

    async def _watch(self, request: web.Request, ask: Ask, fault: Fault | None) -> web.StreamResponse:
        watch = Watch(self.store, ask, watch_list=self.watch_list, bookmark_seconds=self.bookmark_seconds)
        seconds = number(ask.query, "timeoutSeconds") or self._random.uniform(1800, 3600)
        stream = Stream(request, "watch", "application/json", fault)
        self.streams.add(stream)
        try:
            return await stream.run(watch.produce, seconds)
        finally:
            self.streams.discard(stream)

    # -- logs

    async def _log(self, request: web.Request, ask: Ask, fault: Fault | None) -> web.StreamResponse:
        record = self.store.get("pods", ask.namespace, ask.name)
        if record is None:
            raise not_found(kinds.PODS, ask.name)
        pod = record.load()
        container = self.objects.container(pod, ask.query.get("container", ""))
        stamped = flag(ask.query, "timestamps")
        now = self.logs.clock()
        if flag(ask.query, "previous"):
            kept = self.objects.previous_log(pod, record.uid, container)
            if kept is None:
                raise bad_request(f'previous terminated container "{container}" in pod "{ask.name}" not found')
            return web.Response(body=_lines(_chosen(kept, ask, now), stamped), content_type="text/plain")
        log = self.objects.log(pod, record.uid, container)
        log.advance(now)
        chosen = _chosen(list(log.lines), ask, now)
        count = log.count
        text = _lines(chosen, stamped)
        limit = number(ask.query, "limitBytes")
        if not flag(ask.query, "follow"):
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


def _chosen(lines: list[Line], ask: Ask, now: float) -> list[Line]:
    since = number(ask.query, "sinceSeconds")
    moment = now - since if since is not None else parse_stamp(ask.query.get("sinceTime"))
    if moment is not None:
        lines = [line for line in lines if line.at >= moment]
    tail = number(ask.query, "tailLines")
    if tail is not None:
        lines = lines[max(0, len(lines) - tail) :] if tail > 0 else []
    return lines


def _lines(lines: Sequence[Line], stamped: bool) -> bytes:
    return b"".join((line.stamped() if stamped else line.text) + b"\n" for line in lines)
