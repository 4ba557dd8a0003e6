"""What is found on a machine without any configuration."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from cockpit.config.settings import Settings
from cockpit.fleet import discover as fleet
from cockpit.metrics import discover as metrics
from cockpit.pipelines import discover as pipelines
from cockpit.pods import discover as pods
from cockpit.session import discover


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_prometheus_is_told_from_anything_else() -> None:
    async def prometheus(request: web.Request) -> web.Response:
        assert request.path == "/api/v1/status/buildinfo"
        return web.json_response({"status": "success", "data": {"version": "2.42.0"}})

    async def other(_: web.Request) -> web.Response:
        return web.Response(text="<html>")

    async with answering(prometheus) as url:
        (source,) = await metrics.sources(url)
        assert source.url == url
    async with answering(other) as url:
        assert await metrics.sources(url) == []
    assert await metrics.sources(url) == []


async def test_a_silent_port_costs_a_moment_only() -> None:
    never = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with answering(silent) as url:
        await metrics.sources(url)  # the client is imported once
        started = time.monotonic()
        assert await metrics.sources(url) == [] and await pipelines.sources(url) == []
        assert time.monotonic() - started < 5
        never.set()


async def test_a_server_that_wants_its_token_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def locked(_: web.Request) -> web.Response:
        return web.Response(status=401)

    async with answering(locked) as url:
        monkeypatch.setenv("COCKPIT_TOKEN", "x")
        (source,) = await pipelines.sources(url)
        assert source.token_env == "COCKPIT_TOKEN"


def test_contexts_of_several_kubeconfigs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_text("contexts: [{name: a}, {name: b}, {name: 3}, nonsense]")
    (tmp_path / "two").write_text("contexts: [{name: b}, {name: c}]\ncurrent-context: c")
    (tmp_path / "bad").write_text("{[")
    path = ":".join(str(tmp_path / name) for name in ("one", "bad", "none", "two"))
    monkeypatch.setenv("KUBECONFIG", path)
    assert [(s.name, s.context, s.kubeconfig) for s in pods.sources()] == [(n, n, path) for n in ("c", "a", "b")]
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert pods.sources() == []


def test_an_empty_home_has_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert discover.quick() == Settings()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host a\n")
    assert fleet.inventories() == ["~/.ssh/config"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@github.com:acme/shop.git", "github.com/acme/shop"),
        ("https://me:hunter2@git.example:8443/acme/shop.git", "git.example/acme/shop"),
        ("ssh://git@git.example/acme/shop", "git.example/acme/shop"),
        ("/srv/git/shop.git", ""),
        ("../shop", ""),
    ],
)
def test_the_git_remote_without_its_secret(tmp_path: Path, url: str, expected: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert pipelines.remote(inner) == expected
