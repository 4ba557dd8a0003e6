"""What goes on inside pods for clients that stay connected: commands and forwarded ports, ended with their pod."""

from __future__ import annotations

import asyncio

from aiohttp import web

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.asks import Ask
from cockpit.demo.kubernetes.containers import Containers
from cockpit.demo.kubernetes.exec import running_container, serve_exec
from cockpit.demo.kubernetes.forward import Ports, check_running, serve_forward
from cockpit.demo.kubernetes.refusals import not_found
from cockpit.demo.kubernetes.store import Record, Store
from cockpit.demo.kubernetes.websockets import Channels

VERBS = ("exec", "portforward")


class Inside:
    """Of one cluster. `close` takes away all that was left behind."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._containers, self._ports = Containers(), Ports()
        self.live: set[Channels] = set()

    async def serve(self, request: web.Request, ask: Ask) -> web.StreamResponse:
        """Raises Refusal."""
        record = self._store.get("pods", ask.namespace, ask.name)
        if record is None:
            raise not_found(kinds.PODS, ask.name)
        pod = record.load()
        gone = asyncio.create_task(self._gone(record))
        try:
            if ask.verb == "exec":
                container = running_container(pod, ask.query.get("container", ""))
                return await serve_exec(request, pod, container, self._containers, self.live, gone)
            check_running(pod)
            return await serve_forward(request, pod, self._ports, self.live, gone)
        finally:
            gone.cancel()

    def cut(self) -> int:
        """Every connection ends as if its cable were cut; how many there were."""
        cut = len(self.live)
        for channels in tuple(self.live):
            channels.abort()
        return cut

    def close(self) -> None:
        self._containers.close()
        self._ports.close()

    async def _gone(self, record: Record) -> None:
        """Wait until the pod is no more."""
        while True:
            version = self._store.version
            now = self._store.get("pods", *record.key)
            if now is None or now.uid != record.uid:
                self._containers.forget(record.uid)
                self._ports.forget(record.uid)
                return
            await self._store.changed(version)
