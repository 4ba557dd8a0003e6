"""The simulator's own paths, under `/_simulator/`, with the same bearer token. Bodies and answers are JSON.

POST   /_simulator/faults        a fault, as in faults.py: {"kind": "status", "verb": "list", "status": 429}
DELETE /_simulator/faults        no more faults
POST   /_simulator/drop          end open watches and logs: {"verbs": ["watch"], "reset": true}
POST   /_simulator/freeze        open watches and logs fall silent and stay open (half-open connections)
POST   /_simulator/skew          {"seconds": 3600}: how far the Date of answers is ahead
POST   /_simulator/expire        compact the whole history: every version that a client holds is too old (410)
POST   /_simulator/watch-list    {"enabled": false}: a server older than 1.34, which refuses sendInitialEvents
POST   /_simulator/token         a new token for this run; the kubeconfig is rewritten, the old token is refused
POST   /_simulator/token-expiry  {"seconds": 30}: the token is refused from then on
POST   /_simulator/certificate   a new client certificate, in the kubeconfig instead of the token
POST   /_simulator/churn         {"rate": 5000, "seconds": 60}: so many changes of synthetic pods a second
POST   /_simulator/deny          {"verb": "delete", "resource": "pods", "namespace": "shop", "sub": ""} as in access.py
DELETE /_simulator/deny          everything is allowed again
POST   /_simulator/metrics       {"served": "absent"}: metrics.k8s.io is "served", "absent" or "broken" (503)
POST   /_simulator/discovery     {"aggregated": false}: whole groups at once are not served
GET    /_simulator/state         version, oldest version, open streams, waiting faults, requests by verb
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from aiohttp import web

from cockpit.demo.kubernetes.access import Denial
from cockpit.demo.kubernetes.discovery import Served
from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.refusals import bad_request, not_allowed, unknown_path

if TYPE_CHECKING:
    from cockpit.demo.kubernetes.http import Api


class Admin:
    """Fault switches over HTTP. `calls`: actions of whoever owns the kubeconfig."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.calls: dict[str, Callable[[], Awaitable[object]]] = {}

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        action = request.path.removeprefix("/_simulator/")
        method = request.method
        if action == "state" and method == "GET":
            return web.json_response(self._state())
        if action == "faults" and method == "DELETE":
            self._api.faults.clear()
        elif action == "deny" and method == "DELETE":
            self._api.access.denials.clear()
        elif method != "POST":
            raise not_allowed()
        elif action == "deny":
            try:
                self._api.access.denials.append(msgspec.json.decode(body, type=Denial))
            except msgspec.MsgspecError as error:
                raise bad_request(f"not a denial: {error}") from None
        elif action == "metrics":
            served = self._options(body).get("served", "served")
            if served not in get_args(Served):
                raise bad_request(f"metrics are one of {', '.join(get_args(Served))}")
            self._api.metrics = served
        elif action == "discovery":
            self._api.aggregated = bool(self._options(body).get("aggregated", True))
        elif action == "faults":
            try:
                self._api.faults.add(msgspec.json.decode(body, type=Fault))
            except msgspec.MsgspecError as error:
                raise bad_request(f"not a fault: {error}") from None
        elif action == "drop":
            options = self._options(body)
            verbs = tuple(options.get("verbs", ("watch", "log")))
            self._api.drop_streams(verbs=verbs, reset=bool(options.get("reset")))
        elif action == "freeze":
            self._api.freeze_streams()
        elif action == "skew":
            self._api.skew = self._number(body, "seconds", 0.0)
        elif action == "expire":
            self._api.store.expire()
        elif action == "watch-list":
            self._api.watch_list = bool(self._options(body).get("enabled", True))
        elif action == "token-expiry":
            self._api.credentials.expires = time.time() + self._number(body, "seconds", 0.0)
        elif action == "churn":
            self._api.churn.start(self._number(body, "rate", 100.0), self._number(body, "seconds", 10.0))
        elif action in self.calls:
            await self.calls[action]()
        else:
            raise unknown_path()
        return web.json_response({})

    @staticmethod
    def _options(body: bytes) -> dict[str, Any]:
        try:
            return msgspec.json.decode(body or b"{}", type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise bad_request(f"the body is no JSON object: {error}") from None

    def _number(self, body: bytes, name: str, otherwise: float) -> float:
        value = self._options(body).get(name, otherwise)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise bad_request(f"{name} is no number: {value!r}")
        return float(value)

    def _state(self) -> dict[str, Any]:
        api = self._api
        return {
            "version": api.store.version,
            "oldest": api.store.oldest,
            "streams": len(api.streams),
            "faults": len(api.faults.waiting),
            "churned": api.churn.done,
            "requests": dict(api.requests),
        }
