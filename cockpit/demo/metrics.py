"""The demo's metrics: a real Prometheus with node-exporter where they are installed, else a `/metrics` page of our own.

    python -m cockpit.demo.metrics STATE_DIR [--target URL ...]

Loopback is shared with the other users of the box, so each server demands a password made for this run. Prometheus and
node-exporter check it themselves (web configuration with a bcrypt hash): a proxy in front of them would leave their own
ports open.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import ctypes
import hmac
import json
import os
import secrets
import shutil
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cockpit.demo import child, figures

USER = "cockpit"
READY_SECONDS = 30.0
STOP_SECONDS = 4.0
RESTART_SECONDS = 3.0
"""A server that was killed comes back after this: the demo shows a service that fails and returns."""
SEARCH = os.environ.get("PATH", os.defpath) + ":/usr/local/bin:/usr/sbin"

DEMO_QUERIES: tuple[dict[str, str], ...] = (
    {
        "title": "cpu by mode",
        "query": 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[15s]))',
        "unit": "cores",
        "range": "5m",
    },
    {"title": "load", "query": "node_load1", "unit": "", "range": "5m"},
    {"title": "memory available", "query": "node_memory_MemAvailable_bytes", "unit": "B", "range": "5m"},
    {
        "title": "http requests",
        "query": "sum by (handler) (rate(prometheus_http_requests_total[15s])) > 0",
        "unit": "req/s",
        "range": "5m",
    },
    {
        "title": "http p95",
        "query": "histogram_quantile(0.95, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[30s])))",
        "unit": "s",
        "range": "5m",
    },
    {"title": "targets up", "query": "sum by (job) (up)", "unit": "", "range": "5m"},
)
DIRECT_QUERIES: tuple[dict[str, str], ...] = (
    {
        "title": "cpu",
        "query": 'rate(node_cpu_seconds_total{mode=~"user|system|iowait"}[30s])',
        "unit": "cores",
        "range": "5m",
    },
    {"title": "load", "query": "node_load1", "unit": "", "range": "5m"},
    {"title": "memory available", "query": "node_memory_MemAvailable_bytes", "unit": "B", "range": "5m"},
    {"title": "http requests", "query": "rate(cockpit_http_requests_total[30s])", "unit": "req/s", "range": "5m"},
    {"title": "page read in", "query": "scrape_duration_seconds", "unit": "s", "range": "5m"},
)
EXPORTER = (
    "--log.level=error",
    "--collector.disable-defaults",
    *(f"--collector.{name}" for name in ("cpu", "meminfo", "loadavg", "filesystem", "netdev", "uname", "time")),
)
RULES = [
    {
        "alert": "ServiceDown",
        "expr": "up == 0",
        "for": "5s",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.instance }} of {{ $labels.job }} does not answer"},
    },
    {
        "alert": "RecentlyStarted",
        "expr": 'time() - process_start_time_seconds{job="prometheus"} < 300',
        "labels": {"severity": "info"},
        "annotations": {"summary": "{{ $labels.job }} started less than five minutes ago"},
    },
]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m cockpit.demo.metrics")
    parser.add_argument("state", type=Path, help="a folder for this run; what is in it is removed")
    parser.add_argument("--target", action="append", default=[], help="another /metrics page to scrape; repeatable")
    options = parser.parse_args(arguments)
    child.die_with_parent()
    asyncio.run(serve(options.state, options.target))


async def serve(state: Path, targets: Sequence[str]) -> None:
    """Until stdin ends or SIGTERM comes; then nothing is left of `state`."""
    await asyncio.to_thread(_empty, state)
    prometheus = shutil.which("prometheus", path=SEARCH)
    exporter = shutil.which("prometheus-node-exporter", path=SEARCH) or shutil.which("node_exporter", path=SEARCH)
    try:
        if prometheus is not None and exporter is not None:
            await _serve_prometheus(state, prometheus, exporter, targets)
        else:
            await _serve_directly(state)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _empty(state: Path) -> None:
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)


async def _serve_prometheus(state: Path, prometheus: str, exporter: str, targets: Sequence[str]) -> None:
    password = secrets.token_urlsafe(24)
    # held, never listened on: a port that stays closed as long as the demo runs, so its alert really fires
    with _held_port() as closed:
        ports = _free_ports()
        await asyncio.to_thread(_write_configuration, state, password, ports, closed.getsockname()[1], targets)
        web = f"--web.config.file={state / 'web.yml'}"
        own_end = _killed_with_us()
        async with asyncio.TaskGroup() as group:
            kept = [
                group.create_task(
                    _keep(own_end, exporter, f"--web.listen-address=127.0.0.1:{ports[1]}", web, *EXPORTER)
                ),
                group.create_task(
                    _keep(
                        own_end,
                        prometheus,
                        f"--web.listen-address=127.0.0.1:{ports[0]}",
                        web,
                        f"--web.external-url=http://127.0.0.1:{ports[0]}",
                        f"--config.file={state / 'prometheus.yml'}",
                        f"--storage.tsdb.path={state / 'data'}",
                        "--storage.tsdb.retention.time=1d",
                        "--storage.tsdb.retention.size=200MB",
                        "--log.level=warn",
                    )
                ),
            ]
            url = f"http://127.0.0.1:{ports[0]}"
            version = await _ready(url, password)
            await child.ready_until_orphaned(
                {
                    "url": url,
                    "direct": False,
                    "username": USER,
                    "token_file": str(state / "password"),
                    "says": f"prometheus {version} with node-exporter",
                    "queries": DEMO_QUERIES,
                }
            )
            for task in kept:
                task.cancel()


def _write_configuration(
    state: Path, password: str, ports: tuple[int, int], closed_port: int, targets: Sequence[str]
) -> None:
    """JSON is YAML. The cost of the hash is the least: the password is random and as long as a key."""
    import bcrypt

    secret = state / "password"
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()
    own = {"basic_auth": {"username": USER, "password_file": str(secret)}}
    jobs: list[dict[str, Any]] = [
        {"job_name": "prometheus", "static_configs": [{"targets": [f"127.0.0.1:{ports[0]}"]}], **own},
        {"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}], **own},
        {"job_name": "checkout", "static_configs": [{"targets": [f"127.0.0.1:{closed_port}"]}]},
    ]
    for number, url in enumerate(targets, start=1):
        parts = urlsplit(url)
        place = {"scheme": parts.scheme or "http", "metrics_path": parts.path or "/metrics"}
        jobs.append({"job_name": f"service-{number}", **place, "static_configs": [{"targets": [parts.netloc]}]})
    files: dict[str, Any] = {
        "web.yml": {"basic_auth_users": {USER: hashed}},
        "rules.yml": {"groups": [{"name": "demo", "rules": RULES}]},
        "prometheus.yml": {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"},
            "rule_files": [str(state / "rules.yml")],
            "scrape_configs": jobs,
        },
    }
    for name, content in files.items():
        _write(state / name, json.dumps(content))
    _write(secret, password)


def _write(path: Path, text: str) -> None:
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


async def _keep(own_end: Callable[[], None], *command: str) -> None:
    """Run a server until cancelled; one that ended by itself is started again."""
    while True:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
            preexec_fn=own_end,
        )
        try:
            await process.wait()
        finally:
            await _stop(process)
        await asyncio.sleep(RESTART_SECONDS)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _killed_with_us() -> Callable[[], None]:
    """To run in a child between fork and exec: the kernel kills it when we die, however we die (prctl(2)).

    The library is opened here, before the fork: opening it in the child could wait for a lock that another thread held.
    """
    if sys.platform != "linux":
        return lambda: None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(child.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


async def _ready(url: str, password: str) -> str:
    """Wait until Prometheus answers queries; its version. Ends the program when it does not come up."""
    import httpx

    version = ""
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(READY_SECONDS),
            httpx.AsyncClient(base_url=url, auth=(USER, password), trust_env=False) as client,
        ):
            while not version:
                with suppress(httpx.TransportError):
                    ready = await client.get("/-/ready")
                    if ready.status_code == 200:
                        said = (await client.get("/api/v1/status/buildinfo")).json()
                        version = str(said["data"]["version"]).partition("+")[0]
                        break
                await asyncio.sleep(0.05)
    if not version:
        raise SystemExit(f"prometheus was not ready within {READY_SECONDS:.0f} s")
    return version


def _held_port() -> socket.socket:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


def _free_ports() -> tuple[int, int]:
    with _held_port() as one, _held_port() as other:
        return one.getsockname()[1], other.getsockname()[1]


async def _serve_directly(state: Path) -> None:
    from aiohttp import web

    password = secrets.token_urlsafe(24)
    await asyncio.to_thread(_write, state / "password", password)
    expected = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()
    answers: Counter[int] = Counter()

    async def metrics(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
            answers[401] += 1
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        answers[200] += 1
        return web.Response(text=await asyncio.to_thread(figures.page, answers))

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        await child.ready_until_orphaned(
            {
                "url": f"http://{host}:{port}/metrics",
                "direct": True,
                "username": USER,
                "token_file": str(state / "password"),
                "says": "no prometheus here: cockpit reads a /metrics page of its own directly; "
                "apt-get install prometheus prometheus-node-exporter for more",
                "queries": DIRECT_QUERIES,
            }
        )
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
