"""The CI server's addresses: `POST /webhooks/github`, and `/api/v1` behind the bearer token.

GET  /api/v1/repositories
GET  /api/v1/runs?repository=&limit=&before=      newest first; ETag
GET  /api/v1/runs/ID                              with attempts and steps
GET  /api/v1/runs/ID/log?attempt=&offset=&wait=   bytes; X-Next-Offset, X-Log-Final
GET  /api/v1/events?after=N&wait=SECONDS          runs that changed since, as soon as there are any
POST /api/v1/runs                                 TriggerRequest; Idempotency-Key
POST /api/v1/runs/ID/cancel, .../rerun            AttemptRequest
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

from cockpit.config.settings import Repository
from cockpit.pipelines.wire import (
    IDEMPOTENCY_KEY,
    LOG_FINAL,
    NEXT_OFFSET,
    AttemptRequest,
    RepositoryInfo,
    RepositoryList,
    Taken,
    TriggerRequest,
)
from cockpit.server.ci import log as logs
from cockpit.server.ci import webhook
from cockpit.server.ci.checkout import full_ref, valid_sha
from cockpit.server.ci.engine import Engine
from cockpit.server.ci.ledger import Delivery, NewRun
from cockpit.server.ci.store import Store
from cockpit.server.ci.webhook import Rejected
from cockpit.server.http import answer, body, decoded, number, refuse

LIST_MOST = 500
WAIT_SECONDS = 60
LOOK_SECONDS = 0.2
"""Between two looks at a log that someone waits for."""
BODIES = 4
"""Webhook bodies in memory at a time."""
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class CiApi:
    """The handlers. `webhook_secrets` by repository."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        data: Path,
        repositories: Mapping[str, Repository],
        webhook_secrets: Mapping[str, str],
        check: Callable[[web.Request], None],
    ) -> None:
        self._store = store
        self._engine = engine
        self._data = data
        self._repositories = repositories
        self._secrets = webhook_secrets
        self._check = check
        self._bodies = asyncio.Semaphore(BODIES)

    def routes(self) -> list[web.RouteDef]:
        guarded: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
            ("GET", "/repositories", self.list_repositories),
            ("GET", "/events", self.events),
            ("GET", "/runs", self.list_runs),
            ("POST", "/runs", self.trigger),
            ("GET", r"/runs/{id:\d{1,18}}", self.show),
            ("GET", r"/runs/{id:\d{1,18}}/log", self.log),
            ("POST", r"/runs/{id:\d{1,18}}/cancel", self.cancel),
            ("POST", r"/runs/{id:\d{1,18}}/rerun", self.rerun),
        ]
        return [
            web.post("/webhooks/github", self.github),
            *(web.route(method, f"/api/v1{path}", self._guarded(handler)) for method, path, handler in guarded),
        ]

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def checked(request: web.Request) -> web.StreamResponse:
            self._check(request)
            return await handler(request)

        return checked

    async def github(self, request: web.Request) -> web.Response:
        """202 with the new run, 200 with the known one or with why there is none."""
        webhook.check_headers(request.headers)
        async with self._bodies:
            raw = await body(request, webhook.MOST_BYTES)
            verdict = await asyncio.to_thread(webhook.read, request.headers, raw, self._secrets)
        match verdict:
            case webhook.Ignored(delivery=delivery, why=why):
                await self._store.write(lambda ledger: ledger.ignore(delivery, why, time.time()))
                return answer(200, {"ignored": why})
            case webhook.Wanted(delivery=delivery, run=run):
                return await self._accept(run, delivery)

    async def _accept(self, new: NewRun, delivery: Delivery) -> web.Response:
        run, fresh = await self._store.write(lambda ledger: ledger.accept(new, delivery, time.time()))
        return answer(202 if fresh else 200, Taken(run=run, existing=not fresh))

    async def trigger(self, request: web.Request) -> web.Response:
        asked = await decoded(request, TriggerRequest)
        repository = self._repositories.get(asked.repository)
        if repository is None:
            raise Rejected(404, f"{asked.repository[:100]!r} is not in [[server.repositories]]")
        ref = full_ref(asked.ref or repository.branch)
        if ref is None:
            raise Rejected(400, f"{asked.ref[:100]!r} is not a valid ref")
        if asked.sha and not valid_sha(asked.sha):
            raise Rejected(400, "sha must be a whole commit id")
        key = request.headers.get(IDEMPOTENCY_KEY) or secrets.token_hex(16)
        if not _KEY.fullmatch(key):
            raise Rejected(400, f"{IDEMPOTENCY_KEY} must be 1 to 200 visible ASCII characters")
        new = NewRun(repository=repository.name, ref=ref, sha=asked.sha, event="manual", actor=_one_line(asked.actor))
        return await self._accept(new, Delivery(provider="api", id=key))

    async def cancel(self, request: web.Request) -> web.Response:
        run = int(request.match_info["id"])
        asked = await decoded(request, AttemptRequest)
        actor = _one_line(asked.actor)
        info = await self._store.write(lambda ledger: ledger.cancel(run, asked.attempt, actor, time.time()))
        self._engine.cancel(run)
        return answer(202, Taken(run=info))

    async def rerun(self, request: web.Request) -> web.Response:
        run = int(request.match_info["id"])
        asked = await decoded(request, AttemptRequest)
        actor = _one_line(asked.actor)
        info = await self._store.write(lambda ledger: ledger.rerun(run, asked.attempt, actor, time.time()))
        return answer(202, Taken(run=info))

    async def list_repositories(self, request: web.Request) -> web.Response:
        known = (RepositoryInfo(name=one.name, branch=one.branch) for one in self._repositories.values())
        return answer(200, RepositoryList(repositories=tuple(known)))

    async def list_runs(self, request: web.Request) -> web.Response:
        limit = number(request, "limit", 100, LIST_MOST)
        before = number(request, "before", 0, 1 << 60)
        repository = request.query.get("repository", "")
        found = await self._store.read(lambda ledger: ledger.runs(repository, limit, before))
        tag = f'"{found.epoch}-{found.last}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return answer(200, found, ETag=tag)

    async def events(self, request: web.Request) -> web.Response:
        after = number(request, "after", 0, 1 << 60)
        deadline = time.monotonic() + number(request, "wait", 0, WAIT_SECONDS)
        while True:
            changed = self._store.changed
            found = await self._store.read(lambda ledger: ledger.changes(after, LIST_MOST))
            left = deadline - time.monotonic()
            # A number from the future is of another database: told at once, so that the reader starts anew.
            if found.runs or found.last < after or left <= 0 or self._store.closing:
                return answer(200, found)
            try:
                async with asyncio.timeout(left):
                    await changed.wait()
            except TimeoutError:
                continue

    async def show(self, request: web.Request) -> web.Response:
        run = int(request.match_info["id"])
        return answer(200, await self._store.read(lambda ledger: ledger.detail(run)))

    async def log(self, request: web.Request) -> web.Response:
        """The bytes from `offset` on; with `wait`, as soon as there are any or the log is final."""
        run = int(request.match_info["id"])
        offset = number(request, "offset", 0, 1 << 60)
        detail = await self._store.read(lambda ledger: ledger.detail(run))
        attempt = number(request, "attempt", 0, 1 << 30) or detail.run.attempt
        if attempt > detail.run.attempt:
            raise Rejected(404, f"run {run} has no attempt {attempt}")
        deadline = time.monotonic() + number(request, "wait", 0, WAIT_SECONDS)
        while True:
            # Looked at before the file: once it is over, nothing is written any more.
            phase = await self._store.read(lambda ledger: ledger.attempt_phase(run, attempt))
            piece = await asyncio.to_thread(logs.read, logs.path(self._data, run, attempt), offset)
            if offset > piece.size:
                return refuse(416, f"the log ends at {piece.size}", **{NEXT_OFFSET: str(piece.size)})
            following = offset + len(piece.data)
            final = phase == "finished" and following == piece.size
            if piece.data or final or self._store.closing or time.monotonic() >= deadline:
                break
            await asyncio.sleep(LOOK_SECONDS)
        headers = {NEXT_OFFSET: str(following), LOG_FINAL: str(final).lower(), "X-Content-Type-Options": "nosniff"}
        return web.Response(body=piece.data, content_type="text/plain", charset="utf-8", headers=headers)


def _one_line(actor: str) -> str:
    return " ".join(actor.split())[:100]
