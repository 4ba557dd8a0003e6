"""Servers that are no Prometheus, or not a healthy one; and a `/metrics` page that is read directly."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import MetricQuery, MetricsSource, Settings
from cockpit.feeds.feed import Feed
from cockpit.feeds.service import Service
from cockpit.metrics import prometheus
from cockpit.metrics.catalogue import DirectCatalogue, PrometheusCatalogue
from cockpit.metrics.direct import DirectAdapter
from cockpit.metrics.panel import Panel
from cockpit.metrics.prometheus import PrometheusAdapter
from cockpit.model import errors, health
from cockpit.session import metrics

SECONDS = 20.0
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def answering(status: str, body: bytes, length: int | None = None, headers: str = "") -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        size = len(body) if length is None else length
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}Connection: close\r\n\r\n".encode() + body
        )
        await writer.drain()

    return handle


async def hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def trickling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte at a time: each read is quick, the answer never comes."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not reader.at_eof():
        writer.write(b"{")
        await writer.drain()
        await asyncio.sleep(0.02)


def source(url: str, **changed: Any) -> MetricsSource:
    return MetricsSource(name="prom", url=url, interval=0.05, **changed)


async def failure(handler: Handler) -> errors.SourceError:
    async with serving(handler) as url:
        with pytest.raises(errors.SourceError) as caught:
            await PrometheusAdapter(source(url)).explore("up", 60.0)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("prom: ")
    return caught.value


NESTED = b'{"status":"success","data":{"resultType":"vector","result":' + b"[" * 100_000


@pytest.mark.parametrize(
    ("handler", "kind", "text"),
    [
        (answering("200 OK", b"\x00\xffgarbage\n" * 1_000_000), errors.Malformed, "check the url"),
        (answering("200 OK", b"<!DOCTYPE html>"), errors.Malformed, "check the url"),
        (answering("200 OK", NESTED), errors.Malformed, "check the url"),
        (answering("200 OK", b'{"status":"success"', 5000), errors.Malformed, ""),
        (answering("200 OK", b"{}" * 10, 10**12), errors.Malformed, ""),
        (answering("503 Service Unavailable", b"Service Unavailable"), errors.Unreachable, "503"),
        (answering("500 Oops", b"x" * 10**6), errors.Unreachable, "500"),
        (answering("404 Not Found", b"404 page not found"), errors.NotFound, "404"),
        (answering("401 Unauthorized", b""), errors.Denied, "token"),
        (answering("403 Forbidden", b"no"), errors.Denied, "403"),
        (answering("302 Found", b"", headers="Location: http://127.0.0.1:1/\r\n"), errors.Refused, "302"),
        (answering("400 Bad Request", b"not json"), errors.Malformed, "check the url"),
    ],
)
async def test_what_is_no_prometheus_is_said_in_one_line(handler: Handler, kind: type[Exception], text: str) -> None:
    error = await failure(handler)
    assert type(error) is kind and text in str(error), repr(error)
    assert len(str(error)) < 600


async def test_nobody_there_is_unreachable_at_once() -> None:
    async with serving(hanging) as url:
        pass
    started = time.monotonic()
    with pytest.raises(errors.Unreachable):
        await PrometheusAdapter(source(url)).explore("up", 60.0)
    with pytest.raises(errors.Unreachable):
        await PrometheusCatalogue(source(url)).metrics()
    assert time.monotonic() - started < 5, "the library's own retries would take 6 s"


@pytest.mark.parametrize("handler", [hanging, trickling])
async def test_a_server_that_hangs_is_left(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "QUERY_SECONDS", 0.2)
    monkeypatch.setattr(prometheus, "GRACE_SECONDS", 0.1)
    error = await failure(handler)
    assert isinstance(error, errors.Unreachable) and "no answer within 0.3 s" in str(error)


async def test_a_cancelled_query_closes_its_connection() -> None:
    closed, asked = asyncio.Event(), asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"timeout=20s" in head
        asked.set()
        await reader.read()
        closed.set()

    async with serving(watch) as url, asyncio.timeout(SECONDS):
        query = asyncio.create_task(PrometheusAdapter(source(url)).explore("up", 60.0))
        await asked.wait()
        query.cancel()
        await closed.wait()
        with pytest.raises(asyncio.CancelledError):
            await query


async def test_an_answer_without_end_is_refused() -> None:
    async with serving(answering("200 OK", b"x" * 3_000_000)) as url, Service("prom", url, source(url)) as service:
        with pytest.raises(errors.Malformed, match="larger than 1 MiB"):
            await service.ask("x", seconds=10.0, most_bytes=2**20)


async def test_a_query_that_takes_too_long_is_the_panels_error() -> None:
    body = json.dumps({"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"})
    async with serving(answering("503 Service Unavailable", body.encode())) as url:
        found = await PrometheusAdapter(source(url)).explore("up", 60.0)
    assert found.error == "query timed out in expression evaluation"


async def test_a_token_goes_as_a_bearer(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    heads: list[bytes] = []

    async def remember(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async with serving(remember) as url:
        with pytest.raises(errors.Denied) as caught:
            await PrometheusAdapter(source(url, token_file=str(token))).explore("up", 60.0)
    assert b"Authorization: Bearer s3cret\r\n" in heads[0] and "s3cret" not in str(caught.value)


class Page:
    """A `/metrics` page whose counter grows with each look."""

    def __init__(self) -> None:
        self.looks = 0
        self.body: bytes | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.looks += 1
        body = self.body
        if body is None:
            body = (
                f'# HELP looks_total Looks.\n# TYPE looks_total counter\nlooks_total{{a="b"}} {self.looks}\n'.encode()
            )
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()


async def test_a_page_is_read_directly() -> None:
    page = Page()
    queries = [
        MetricQuery(title="looks", query='looks_total{a=~"b|c"}', range="1m"),
        MetricQuery(title="rate", query="rate(looks_total[1m])", range="1m"),
        MetricQuery(title="sum", query="sum(looks_total)", range="1m"),
        MetricQuery(title="up", query="up", range="1m"),
    ]
    async with serving(page) as url:
        adapter = DirectAdapter(source(url, direct=True, queries=queries))
        feed: Feed[Panel] = Feed([adapter], backoff_seconds=(0.05, 0.1))
        task = asyncio.create_task(feed.run())
        try:
            assert await feed.until(lambda: bool(feed.items) and bool(feed.items["prom/rate"].series), SECONDS)
            shown = feed.items
            assert all(panel.direct for panel in shown.values())
            assert dict(shown["prom/rate"].series[0].labels) == {"a": "b"}
            assert shown["prom/rate"].last and shown["prom/rate"].last > 0
            assert "needs a Prometheus" in (shown["prom/sum"].error or "")
            assert shown["prom/up"].last == 1.0
            assert (await DirectCatalogue(adapter).metrics())["looks_total"].kind == "counter"
            assert list(await DirectCatalogue(adapter).values("a")) == ["b"]
            assert (await adapter.explore('looks_total{a="b"', 60.0)).position is not None

            page.body = b"<html>"
            assert await feed.until(lambda: isinstance(feed.overall, health.Stale), SECONDS)
            assert "line 1 of the page" in getattr(feed.overall, "why", "")
            assert (await adapter.explore("looks_total", 60.0)).last is None, "it ended with the page"
            page.body = None
            assert await feed.until(lambda: isinstance(feed.overall, health.Live), SECONDS)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_large_page_does_not_stop_the_loop() -> None:
    page = Page()
    page.body = b"".join(b'x{i="%d",pod="web-%d"} %d.5\n' % (i, i % 97, i) for i in range(15_000))
    async with serving(page) as url:
        adapter = DirectAdapter(source(url, direct=True))
        found = await adapter.explore('x{pod="web-5"}', 60.0)
        assert len(found.series) == 155 and found.more == 0
        whole = await adapter.explore("x", 60.0)
        assert (len(whole.series), whole.more) == (1000, 14_000)
        for query in ('rate(x{pod="web-5"}[1m])', "rate(x[1m])"):
            first = await adapter.explore(query, 60.0)
            assert (first.series, first.more) == ((), 0), "a page that was read once has no rate yet"


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize(
    "url", ["localhost:9090", "ftp://x", "http://[::1", "", "http://", "http://exa mple", "http://a:99999"]
)
async def test_a_url_that_is_none_is_refused_in_one_line(url: str, direct: bool) -> None:
    pane = metrics.build(Settings(metrics=[source(url, direct=direct)]))
    with pytest.raises(errors.SourceError) as caught:
        await pane.explore("prom", "up")
    assert "\n" not in str(caught.value)
    if not direct:
        with pytest.raises(errors.SourceError):
            await pane.complete("prom", "u", 1)


async def test_leaving_does_not_wait_for_the_librarys_thread() -> None:
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    code = (
        "import asyncio, sys; from cockpit.config.settings import *; from cockpit.metrics.catalogue import *\n"
        "async def main():\n"
        "    catalogue = PrometheusCatalogue(MetricsSource(name='prom', url=sys.argv[1]))\n"
        "    task = asyncio.create_task(catalogue.metrics())\n"
        "    await asyncio.to_thread(sys.stdin.read)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    async with serving(hang) as url:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, url, stdin=asyncio.subprocess.PIPE)
        assert process.stdin is not None
        async with asyncio.timeout(SECONDS):
            await asked.wait()
        started = time.monotonic()
        process.stdin.close()
        assert await process.wait() == 0
        assert time.monotonic() - started < 5, "the request itself would take 10 s"
