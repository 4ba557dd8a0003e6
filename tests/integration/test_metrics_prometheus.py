"""Against a real Prometheus: its own figures each second, an alert that fires, six hours of backfilled samples."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from array import array
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import msgspec
import pytest

from cockpit.alerts.alert import Alert
from cockpit.config.settings import MetricQuery, MetricsSource, Settings
from cockpit.feeds.feed import Feed
from cockpit.metrics import answer, samples, selector
from cockpit.metrics.catalogue import PrometheusCatalogue
from cockpit.metrics.panel import Labels, Panel, Position, unchanged
from cockpit.metrics.prometheus import PrometheusAdapter
from cockpit.metrics.samples import Ring
from cockpit.model import errors, health
from cockpit.session import alerts, metrics

USER, PASSWORD = "cockpit", "p4ssw0rd"
SECONDS = 25.0
"""A first alert takes up to 11 s: discovery is throttled at the start."""
BEGIN = (int(time.time()) - 6 * 3600) // 60 * 60
"""Of the backfill, which lasts two hours, a sample each 15 s."""
BACKFILLED = 2 * 3600
RULES = {
    "alert": "ServiceDown",
    "expr": "up == 0",
    "for": "1s",
    "labels": {"severity": "critical"},
    "annotations": {"summary": "{{ $labels.instance }} is down"},
}


class Prometheus:
    """A real one on a port of its own, with basic authentication."""

    def __init__(self, program: str, folder: Path) -> None:
        self.folder = folder
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free, socket.socket() as closed:
            free.bind(("127.0.0.1", 0))
            closed.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
            dead = closed.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = folder / "token"
        self.token.write_text(PASSWORD)
        self.password(PASSWORD)
        own = {"basic_auth": {"username": USER, "password": PASSWORD}}
        (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "test", "rules": [RULES]}]}))
        (folder / "prometheus.yml").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                    "rule_files": ["rules.yml"],
                    "scrape_configs": [
                        {"job_name": "prometheus", "static_configs": [{"targets": [f"127.0.0.1:{self.port}"]}], **own},
                        {"job_name": "dead", "static_configs": [{"targets": [f"127.0.0.1:{dead}"]}]},
                    ],
                }
            )
        )

    def password(self, password: str) -> None:
        """Prometheus reads its web configuration anew with each request."""
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()
        fresh = self.folder / "web.new"
        fresh.write_text(json.dumps({"basic_auth_users": {USER: hashed}}))
        fresh.rename(self.folder / "web.yml")

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.config.file={self.folder / 'web.yml'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )
        headers = {"Authorization": "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                with urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/ready", headers=headers), timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def source(self, *queries: MetricQuery, **changed: Any) -> MetricsSource:
        source = MetricsSource(
            name="prom", url=self.url, username=USER, token_file=str(self.token), interval=0.2, queries=list(queries)
        )
        return msgspec.structs.replace(source, **changed)


def backfilled(at: int, series: int) -> float | None:
    """Counters with resets, missing scrapes, a NaN and an infinity, growing at odd rates."""
    step = (at - BEGIN) // 15
    if (step * 7 + series) % 23 == 0 or (series == 3 and 100 < step < 160):
        return None
    if series == 5 and step in (30, 31):
        return math.nan
    if series == 6 and step == 40:
        return math.inf
    return (step % (50 + 13 * series)) * (0.1 + series / 3) + (step % 3) * 1e-3


@pytest.fixture(scope="module")
def prometheus(need: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program = need("prometheus", "apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    lines = ["# TYPE filled_total counter"]
    for series in range(8):
        for at in range(BEGIN, BEGIN + BACKFILLED, 15):
            value = backfilled(at, series)
            if value is not None:
                text = {math.inf: "+Inf"}.get(value, repr(value)).replace("nan", "NaN")
                lines.append(f'filled_total{{i="{series}",kind="a\\"b\\\\{{}}[[1,\\"2\\"]]"}} {text} {at}.{series:03}')
    (folder / "data.om").write_text("\n".join([*lines, "# EOF", ""]))
    made = subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "data.om"), str(folder / "data")],
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    server = Prometheus(program, folder)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running(feed: Feed[Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def feed_of(source: MetricsSource) -> Feed[Panel]:
    return Feed([PrometheusAdapter(source)], backoff_seconds=(0.1, 0.3))


def panel(feed: Feed[Panel], title: str) -> Panel:
    return feed.items[f"prom/{title}"]


async def test_live_values_come_and_move(prometheus: Prometheus) -> None:
    source = prometheus.source(
        MetricQuery(title="up", query="up", range="5m"),
        MetricQuery(title="now", query="time()", range="1m"),
        MetricQuery(title="wrong", query="sum(up", range="1m"),
        MetricQuery(title="text", query='"hello"', range="1m"),
        MetricQuery(title="none", query="no_such_metric", range="1m"),
        MetricQuery(title="zero", query="0/0", range="1m"),
    )
    feed = feed_of(source)
    async with running(feed):
        assert await feed.until(
            lambda: len(feed.items) == 6 and {s.value for s in panel(feed, "up").series} == {0.0, 1.0}, SECONDS
        )
        assert isinstance(feed.overall, health.Live)
        jobs = {dict(series.labels)["job"]: series for series in panel(feed, "up").series}
        assert await feed.until(lambda: all(len(s.times) > 1 for s in panel(feed, "up").series), SECONDS)
        assert jobs["prometheus"].value == 1.0 and jobs["dead"].value == 0.0
        first = panel(feed, "now").last
        assert first is not None and abs(first - time.time()) < SECONDS
        assert await feed.until(lambda: (panel(feed, "now").last or 0) > first + 0.5, SECONDS)
        wrong = panel(feed, "wrong")
        assert wrong.position == Position(1, 7) and wrong.error is not None and "parse error" in wrong.error
        assert panel(feed, "none").series == () and panel(feed, "none").error is None
        zero = panel(feed, "zero").series[0]
        assert zero.value is not None and math.isnan(zero.value) and zero.low is None
        assert dict(panel(feed, "text").series[0].labels) == {"string": "hello"}


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("sum(up", Position(1, 7)),
        ('up{job="größe"} +\n  * 2', Position(2, 3)),
        ('up{job="größe"}} ', Position(1, 16)),
        ("", Position(1, 1)),
    ],
)
async def test_a_parse_error_stands_at_its_place(prometheus: Prometheus, query: str, position: Position | None) -> None:
    found = await PrometheusAdapter(prometheus.source()).explore(query, 600.0)
    assert found.error is not None and found.position == position, found.error


async def test_an_execution_error_is_the_panels(prometheus: Prometheus) -> None:
    found = await PrometheusAdapter(prometheus.source()).explore(
        '{__name__=~"filled_total|up"} * on() vector(1)', 6 * 3600.0
    )
    assert found.error is not None and "matching" in found.error, found
    assert found.position is None and found.series == ()


async def test_a_range_vector_and_a_long_query_are_answered(prometheus: Prometheus) -> None:
    adapter = PrometheusAdapter(prometheus.source())
    assert "range vector" in ((await adapter.explore("up[5m]", 60.0)).error or "")
    long = await adapter.explore(" or ".join(['up{job="prometheus"}'] * 300), 60.0)
    assert long.error is None, long.error


async def test_incremental_equals_whole(prometheus: Prometheus) -> None:
    now = [BEGIN + 3700.0]
    queries = [
        MetricQuery(title="raw", query="filled_total", range="1h"),
        MetricQuery(title="rate", query="rate(filled_total[2m])", range="30m"),
        MetricQuery(title="few", query="filled_total > 30", range="15m"),
    ]
    source = prometheus.source(*queries, interval=0.0)
    kept = aiter(PrometheusAdapter(source, wall=lambda: now[0]).watch())
    shown: dict[str, Panel] = {}
    for move in (0, 15, 1, 100, 14, 400, 0, 900, 200):
        now[0] += move
        change = await anext(kept)
        shown.update({item.key: item for item in getattr(change, "items", ())})
        whole = aiter(PrometheusAdapter(source, wall=lambda: now[0]).watch())
        for item in getattr(await anext(whole), "items", ()):
            assert unchanged(shown[item.key], item), (now[0], item.title)
            assert item.series
        await whole.aclose()  # type: ignore[attr-defined]
    await kept.aclose()  # type: ignore[attr-defined]


async def test_an_unchanged_answer_is_a_confirm(prometheus: Prometheus) -> None:
    source = prometheus.source(MetricQuery(title="raw", query="filled_total", range="1h"), interval=0.0)
    stream = aiter(PrometheusAdapter(source, wall=lambda: BEGIN + 4000.0).watch())
    kinds = [type(await anext(stream)).__name__ for _ in range(3)]
    await stream.aclose()  # type: ignore[attr-defined]
    assert kinds == ["Reset", "Confirm", "Confirm"]


async def by_library(prometheus: Prometheus, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
    """A range query as prometheus-api-client gives it."""
    first, last = (datetime.fromtimestamp(instant, UTC) for instant in (start, end))
    catalogue = PrometheusCatalogue(prometheus.source())
    found: list[dict[str, Any]] = await catalogue._call(
        lambda client: client.custom_query_range(query, first, last, f"{step:g}")
    )
    return found


async def test_the_library_reads_the_same(prometheus: Prometheus) -> None:
    end, span = BEGIN + 3600.0, 3600.0
    found = await PrometheusAdapter(prometheus.source(), wall=lambda: end).explore("filled_total", span)
    theirs = await by_library(prometheus, "filled_total", end - span, end, found.step_seconds)
    expected = {
        tuple(sorted(one["metric"].items())): [(float(t), float(v)) for t, v in one["values"]] for one in theirs
    }
    assert len(expected) == 8
    for series in found.series:
        assert bits(series.points) == bits(expected[series.labels])


def bits(points: list[tuple[float, float]]) -> list[tuple[float, bytes]]:
    return [(at, b"nan" if math.isnan(value) else struct.pack("d", value)) for at, value in points]


async def raw(prometheus: Prometheus, query: str, at: float) -> dict[Labels, Ring]:
    """The very samples that the server has."""
    async with httpx.AsyncClient(auth=(USER, PASSWORD)) as client:
        reply = await client.get(f"{prometheus.url}/api/v1/query", params={"query": query, "time": f"{at:.3f}"})
    data = answer.envelope(reply.content, "prom").data
    assert data is not None
    rings: dict[Labels, Ring] = {}
    for column in (await answer.matrix(data, 1000, "prom"))[0]:
        ring = rings[column.labels] = Ring()
        ring.times, ring.values = array("d", column.times), array("d", column.values)
    return rings


@pytest.mark.parametrize(
    "query", ["rate(filled_total[1m])", "rate(filled_total[5m])", 'rate(filled_total{i=~"[36]"}[47s])']
)
async def test_our_rate_is_the_servers_to_the_last_bit(prometheus: Prometheus, query: str) -> None:
    end, span = BEGIN + BACKFILLED - 0.0, 3600.0
    expected = await PrometheusAdapter(prometheus.source(), wall=lambda: end).explore(query, span)
    expression = selector.parse(query)
    rings = await raw(prometheus, "filled_total[2h]", end)
    chosen = [(labels, ring) for labels, ring in rings.items() if expression.selector.admits(labels)]
    step = expected.step_seconds
    steps = [expected.end - step * back for back in range(int(span // step), -1, -1)]
    ours = {column.labels: column for column in samples.evaluate(chosen, expression, steps)}
    assert len(ours) == len(expected.series) > 1
    for series in expected.series:
        column = ours[series.labels]
        assert bits(list(zip(column.times, column.values, strict=True))) == bits(series.points)


async def test_our_selector_is_the_servers(prometheus: Prometheus) -> None:
    end = BEGIN + BACKFILLED + 240.0
    expected = await PrometheusAdapter(prometheus.source(), wall=lambda: end).explore("filled_total", 3600.0)
    rings = await raw(prometheus, "filled_total[3h]", end)
    steps = [expected.end - 15.0 * back for back in range(240, -1, -1)]
    ours = {c.labels: c for c in samples.evaluate(list(rings.items()), selector.parse("filled_total"), steps)}
    for series in expected.series:
        column = ours[series.labels]
        assert bits(list(zip(column.times, column.values, strict=True))) == bits(series.points)


async def test_the_catalogue_knows_names_labels_and_values(prometheus: Prometheus) -> None:
    catalogue = PrometheusCatalogue(prometheus.source())
    deadline = time.monotonic() + SECONDS
    while "prometheus_http_requests_total" not in (found := await catalogue.metrics()):
        assert time.monotonic() < deadline
        catalogue = PrometheusCatalogue(prometheus.source())
    about = found["prometheus_http_requests_total"]
    assert about.kind == "counter" and "HTTP requests" in about.help
    assert {"job", "instance", "kind"} <= set(await catalogue.labels())
    assert list(await catalogue.values("job")) in (["dead", "prometheus"], ["prometheus"])
    assert list(await catalogue.values("../no label")) == []
    with pytest.raises(errors.Refused, match="parse error"):
        await by_library(prometheus, "sum(", 0, 60, 15)
    token = prometheus.folder / "wrong"
    token.write_text("wrong")
    with pytest.raises(errors.Denied, match="check the token"):
        await PrometheusCatalogue(prometheus.source(token_file=str(token))).metrics()


async def test_a_wrong_password_is_denied_and_a_rotated_one_is_read_anew(prometheus: Prometheus) -> None:
    token = prometheus.folder / "rotated"
    token.write_text("wrong")
    feed = feed_of(prometheus.source(MetricQuery(title="now", query="time()"), token_file=str(token)))
    async with running(feed):
        assert await feed.until(lambda: isinstance(feed.overall, health.Denied), SECONDS)
        assert "401" in getattr(feed.overall, "why", "") and "wrong" not in getattr(feed.overall, "why", "")
    token.write_text(PASSWORD)
    feed = feed_of(prometheus.source(MetricQuery(title="now", query="time()"), token_file=str(token)))
    async with running(feed):
        assert await feed.until(lambda: isinstance(feed.overall, health.Live), SECONDS)
        try:
            token.write_text("n3w")
            prometheus.password("n3w")
            was = panel(feed, "now").last or 0.0
            assert await feed.until(lambda: (panel(feed, "now").last or 0.0) > was + 1, SECONDS)
            assert isinstance(feed.overall, health.Live)
        finally:
            prometheus.password(PASSWORD)


async def test_alerts_fire(prometheus: Prometheus) -> None:
    feed = alerts.build(Settings(metrics=[prometheus.source()]))
    async with running(feed):
        # the other target fails too while the test above rotates the password that it is scraped with
        def dead() -> list[Alert]:
            return [a for a in feed.items.values() if a.firing and dict(a.labels)["job"] == "dead"]

        assert await feed.until(lambda: bool(dead()), SECONDS)
        said = alerts.summary(dead(), time.time())
        assert (said.firing, said.worst) == (1, "critical")
        assert said.oldest_seconds is not None and 0 <= said.oldest_seconds < 600
        assert dead()[0].name == "ServiceDown" and dead()[0].summary.endswith(" is down")


async def test_a_killed_prometheus_is_stale_and_comes_back(need: Callable[[str, str], str], tmp_path: Path) -> None:
    server = Prometheus(need("prometheus", "apt-get install prometheus"), tmp_path)
    server.start()
    feed = feed_of(server.source(MetricQuery(title="now", query="time()", range="1m")))
    try:
        async with running(feed):
            assert await feed.until(lambda: isinstance(feed.overall, health.Live) and len(feed.items) == 1, SECONDS)
            await asyncio.to_thread(server.kill)
            assert await feed.until(lambda: isinstance(feed.overall, health.Stale), SECONDS)
            assert len(feed.items) == 1, "the last good panels stay"
            was = panel(feed, "now").last or 0.0
            await asyncio.to_thread(server.start)
            assert await feed.until(lambda: isinstance(feed.overall, health.Live), SECONDS)
            assert await feed.until(lambda: (panel(feed, "now").last or 0.0) > was, SECONDS)
    finally:
        server.kill()


async def test_the_pane_explores_and_completes(prometheus: Prometheus) -> None:
    pane = metrics.build(Settings(metrics=[prometheus.source()]))
    found = await pane.explore("prom", "sum(filled_total)", "7h")
    assert found.error is None and len(found.series) == 1 and len(found.series[0].times) > 50
    got = [one.text for one in await pane.complete("prom", "rate(fill", 9)]
    assert got == ["filled_total"]
    with pytest.raises(errors.Refused, match="write it like"):
        await pane.explore("prom", "up", "soon")
