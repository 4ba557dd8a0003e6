"""Logs at a high rate: lines into the screen, keys to paint, memory; beside `kubectl logs -f` into a file.

    python tests/bench/pods_logs.py [--rate 50000] [--seconds 30] [--streams 1]

A process of its own plays the API server and one pod: chunks are rendered ahead, only their timestamp is put in. The
real app runs headless in this process, follows the pod in the screen of logs, and gets keys meanwhile. What was sent is
asked of the server; every line must have been kept or said to be dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TICK_SECONDS = 0.02
KEYS = 150

STATUS = [{"name": "c", "ready": True, "restartCount": 0, "state": {"running": {}}, "image": "b", "imageID": ""}]
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "web", "namespace": "lab", "uid": "u1", "resourceVersion": "1"},
    "spec": {"containers": [{"name": "c", "image": "b"}]},
    "status": {"phase": "Running", "containerStatuses": STATUS},
}
RESOURCES = [
    {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list", "watch"]},
    {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]},
]
FIXED = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": RESOURCES},
}


# -- the server ----------------------------------------------------------------------------------------


class Server:
    """Sends `rate` lines a second to each follower for `seconds`, then ends the log."""

    def __init__(self, rate: int, seconds: float) -> None:
        self.rate, self.seconds, self.sent = rate, seconds, 0
        per_tick = max(1, int(rate * TICK_SECONDS))
        texts = [b"%06d GET /orders/%d 200 took=%dms trace=%032x" % (n, n * 7, n % 90, n * n) for n in range(per_tick)]
        self._ticks = b"".join(b"@@@ " + text + b"\n" for text in texts)
        self._lines = per_tick

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.split(b" ", 2)[1].decode(), writer)
        writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(target)
        if parts.path.endswith("/log"):
            await self._log(parse_qs(parts.query), writer)
            return
        path = parts.path
        found: Any = {"sent": self.sent} if path == "/sent" else FIXED.get(path, POD if "/pods/web" in path else None)
        body = json.dumps(found or {"kind": "Status", "code": 404}).encode()
        state = b"200 OK" if found is not None else b"404 Not Found"
        writer.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (state, len(body), body)
        )
        await writer.drain()

    async def _log(self, query: dict[str, list[str]], writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        stamped = query.get("timestamps") == ["true"]
        began, tick = time.monotonic(), 0
        while tick * TICK_SECONDS < self.seconds:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").encode() + b"000Z " if stamped else b""
            chunk = self._ticks.replace(b"@@@ ", now)
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.sent += self._lines
            await writer.drain()
            tick += 1
            await asyncio.sleep(max(0.0, began + tick * TICK_SECONDS - time.monotonic()))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(3600)


async def serve(rate: int, seconds: float) -> None:
    server = await asyncio.start_server(Server(rate, seconds).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


@asynccontextmanager
async def running_server(arguments: argparse.Namespace, folder: Path, streams: int) -> AsyncIterator[tuple[int, Path]]:
    """(port, kubeconfig)."""
    own = [
        sys.executable,
        __file__,
        "--serve",
        "--rate",
        str(arguments.rate // streams),
        "--seconds",
        str(arguments.seconds),
    ]
    process = await asyncio.create_subprocess_exec(*own, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c", "namespace": "lab"}}],
        "current-context": "c",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    try:
        yield port, path
    finally:
        process.kill()
        await process.wait()


async def sent(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /sent HTTP/1.1\r\n\r\n")
    body = (await reader.readuntil(b"}")).rpartition(b"\r\n\r\n")[2]
    writer.close()
    return int(json.loads(body)["sent"])


# -- the two who read ----------------------------------------------------------------------------------


async def kubectl(arguments: argparse.Namespace, folder: Path) -> None:
    program = shutil.which("kubectl") or shutil.which("kubectl", path=str(Path(sys.executable).parent))
    if program is None:
        print("kubectl        not there")
        return
    async with running_server(arguments, folder, 1) as (port, kubeconfig):
        with (folder / "kubectl.log").open("wb") as file:
            call = [program, "--kubeconfig", str(kubeconfig), "--cache-dir", str(folder), "logs", "-f", "web"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            process = subprocess.Popen(call, stdout=file)
            await asyncio.sleep(arguments.seconds + 2)
            process.terminate()
            await asyncio.to_thread(process.wait)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        lines = await asyncio.to_thread(lambda: (folder / "kubectl.log").read_bytes().count(b"\n"))
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"kubectl        sent {await sent(port):,}  in the file {lines:,}  {took:.1f} CPU s")


async def cockpit(arguments: argparse.Namespace, folder: Path) -> bool:
    from textual import events

    from cockpit.config.settings import PodsSource, Settings
    from cockpit.pods.api.connection import Cluster
    from cockpit.pods.logs.source import Everything, LogQuery, OnePod
    from cockpit.tui.app import Cockpit
    from cockpit.tui.screens.logs import LogsScreen

    os.environ["COCKPIT_STATE_DIR"] = str(folder / "state")
    async with running_server(arguments, folder, arguments.streams) as (port, kubeconfig):
        app = Cockpit(Settings())
        async with app.run_test(size=(160, 45)) as pilot:
            await pilot.pause(1.0)
            gc.freeze()  # as the command line does
            before_mib = rss_mib()
            cluster = Cluster(PodsSource(name="demo", kubeconfig=str(kubeconfig)))
            query = LogQuery(
                tuple(OnePod("demo", "lab", f"web-{n}") for n in range(arguments.streams)), past=Everything()
            )
            screen = LogsScreen({"demo": cluster}, query, "Logs")
            cpu, began = time.process_time(), time.monotonic()
            app.push_screen(screen)
            took, stalls = list[float](), Stalls()
            watching = asyncio.create_task(stalls.watch())
            view = screen.view
            await asyncio.sleep(2)
            opening, stalls.worst = stalls.worst, 0.0
            pause = (arguments.seconds - 4) / KEYS
            for n in range(KEYS):
                key = "k" if n % 30 < 20 else "G" if n % 30 == 29 else "j"
                old, at = view._painted, time.perf_counter()
                app.post_message(events.Key(key, key))
                while view._painted == old and time.perf_counter() - at < 2:
                    await asyncio.sleep(0.001)
                took.append(time.perf_counter() - at)
                await asyncio.sleep(max(0.0, pause - took[-1]))
            while time.monotonic() - began < arguments.seconds + 3:
                await asyncio.sleep(0.1)
            watching.cancel()
            used = time.process_time() - cpu
            # Lines, not what cockpit says of them.
            said = sum(stream.lines for stream in screen.follower.streams)
            length, dropped, kept = await screen._kept.do(lambda ring: (len(ring), ring.dropped, ring.bytes))
            out = await sent(port)
            notices = length + dropped - said
            print(
                f"cockpit        sent {out:,}  kept {length - notices:,}  said to be dropped {dropped:,}  lost "
                f"{out - said:,}  {used:.1f} CPU s"
            )
            took.sort()
            p50, p99, worst = (value * 1000 for value in (statistics.median(took), took[int(KEYS * 0.99)], took[-1]))
            print(f"key to paint   p50 {p50:.0f} ms  p99 {p99:.0f} ms  worst {worst:.0f} ms  ({KEYS} keys)")
            print(f"worst stall    {stalls.worst * 1000:.0f} ms; {opening * 1000:.0f} ms while it opens")
            print(f"memory         {rss_mib() - before_mib:.0f} MiB added for {kept / 2**20:.0f} MiB kept on disk")
            app.exit()
        return out == said and length + dropped >= out


class Stalls:
    """How long the loop did not come round."""

    worst = 0.0

    async def watch(self) -> None:
        while True:
            at = time.perf_counter()
            await asyncio.sleep(0.005)
            self.worst = max(self.worst, time.perf_counter() - at - 0.005)


def rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=50_000, help="lines a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--streams", type=int, default=1, help="pods that share the rate, in order of their timestamps")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.rate, arguments.seconds))
        return 0
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(kubectl(arguments, Path(name)))
        return 0 if asyncio.run(cockpit(arguments, Path(name))) else 1


if __name__ == "__main__":
    sys.exit(main())
