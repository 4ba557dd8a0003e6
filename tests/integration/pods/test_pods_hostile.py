"""A server that is no API server at all: bytes cut anywhere, lines without end, objects that make no sense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from cockpit.config.settings import PodsSource, Settings
from cockpit.listing.cells import row
from cockpit.model import health
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.watch import reflector
from cockpit.session.pane import Pane
from cockpit.session.pods import build

SOON = 30.0
Watch = Callable[[web.StreamResponse], Awaitable[None]]


def pod(name: str, uid: str = "", **body: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": name, "uid": uid or name, "resourceVersion": "8"}, **body}


def event(kind: str, item: Any) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


@asynccontextmanager
async def pane_of(folder: Path, items: Any, watch: Watch) -> AsyncIterator[Pane[Pod]]:
    """The pane on a server with this list; `watch` writes the stream, which then stays open."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response({"metadata": {"resourceVersion": "7"}, "items": items})
        if "sendInitialEvents" in request.query:
            return web.json_response({"kind": "Status", "code": 422, "message": "no such option"}, status=422)
        response = web.StreamResponse()
        await response.prepare(request)
        await watch(response)
        await asyncio.Event().wait()
        return response

    app = web.Application()
    app.router.add_get("/api/v1/pods", handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kubeconfig = folder / "config"
    cluster = {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    context = {"name": "it", "context": {"cluster": "it"}}
    config = {"current-context": "it", "contexts": [context], "clusters": [{"name": "it", "cluster": cluster}]}
    kubeconfig.write_text(yaml.safe_dump(config))
    pane = build(Settings(pods=[PodsSource(name="it", kubeconfig=str(kubeconfig))]))
    running = asyncio.create_task(pane.feed.run())
    try:
        yield pane
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await runner.cleanup()


def names(pane: Pane[Pod]) -> list[str]:
    return sorted(item.name for item in pane.feed.items.values())


async def test_bytes_one_by_one_with_split_letters(tmp_path: Path) -> None:
    data = event("ADDED", pod("straße")).replace(b"\\u00df", "ß".encode()) + b"\n\n" + event("DELETED", pod("web"))

    async def watch(response: web.StreamResponse) -> None:
        for place in range(len(data)):
            await response.write(data[place : place + 1])

    async with pane_of(tmp_path, [pod("web")], watch) as pane:
        assert await pane.feed.until(lambda: names(pane) == ["straße"], SOON), names(pane)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"type":"ADDED","object":{"x":"' + b"x" * 5000, "a line of more than"),
        (b"<html>\n", "not a watch event"),
        (b'"ADDED"\n', "not a watch event"),
        (b'{"type":"ADDED"}\n', "not a watch event"),
        (b"\xff\xfe\n", "not a watch event"),
        (event("ADDED", 3), "not a pod"),
        (event("ADDED", pod("bad", status={"phase": ["x"]})), "not a pod"),
        (event("NOVEL", pod("web-3")), "of type 'NOVEL'"),
        (event("ERROR", {"code": 500, "message": "etcd is gone"}), "etcd is gone"),
        (event("ERROR", "what"), "500"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_nonsense_in_the_stream_is_told_and_what_is_known_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, said: str
) -> None:
    monkeypatch.setattr(reflector, "EVENT_BYTES", 4096)

    async def watch(response: web.StreamResponse) -> None:
        await response.write(event("ADDED", pod("web-2")) + data)

    def told() -> bool:
        state = pane.feed.overall
        return isinstance(state, health.Stale) and said in state.why

    async with pane_of(tmp_path, [pod("web")], watch) as pane:
        assert await pane.feed.until(told, SOON), pane.feed.overall
        pane.feed.retry()
        assert await pane.feed.until(lambda: names(pane) == ["web", "web-2"], SOON), names(pane)


async def test_a_bookmark_without_sense_is_a_sign_of_life(tmp_path: Path) -> None:
    async def watch(response: web.StreamResponse) -> None:
        await response.write(event("BOOKMARK", 3) + event("BOOKMARK", {"metadata": {}}) + event("ADDED", pod("web-2")))

    async with pane_of(tmp_path, [pod("web")], watch) as pane:
        assert await pane.feed.until(lambda: names(pane) == ["web", "web-2"], SOON), pane.feed.overall


async def test_escape_sequences_never_reach_the_screen(tmp_path: Path) -> None:
    evil = "\x1b]52;c;ZXZpbA==\x07\u202e[red]"
    item = pod(evil, uid="e", spec={"nodeName": evil}, status={"phase": evil, "reason": evil, "podIP": evil})

    async def watch(response: web.StreamResponse) -> None:
        await response.write(b"\n")

    async with pane_of(tmp_path, [item], watch) as pane:
        assert await pane.feed.until(lambda: len(pane.feed.items) == 1, SOON), pane.feed.overall
        drawn = "".join(cell.text for cell in row(pane.columns, next(iter(pane.feed.items.values())), 0.0))
        assert "\x1b" not in drawn
        assert "\u202e" not in drawn


async def test_a_list_without_items_is_empty(tmp_path: Path) -> None:
    async def watch(response: web.StreamResponse) -> None:
        await response.write(event("ADDED", pod("web")))

    async with pane_of(tmp_path, None, watch) as pane:
        assert await pane.feed.until(lambda: names(pane) == ["web"], SOON), pane.feed.overall
