"""Forwarded ports, on the simulator: much data, many connections, a pod that is replaced, a cut in the middle."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.model import errors
from cockpit.pods.actions import forward
from cockpit.pods.actions.forward import Ports, forward_job, parsed
from cockpit.pods.api.connection import Cluster
from cockpit.tasks.action import State, Target
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.task import Task

PATIENCE = 30.0
MUCH = os.urandom(1 << 20) * 16


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.05) as running:
        yield running


@pytest.fixture
async def tasks(tmp_path: Path) -> AsyncIterator[TaskManager]:
    async with TaskManager.open(tmp_path / "state") as manager:
        yield manager


def web(sim: Simulator) -> str:
    """A running pod of the deployment."""
    pods = [record.load() for record in sim.store.all("pods")]
    return next(
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["namespace"] == "shop"
        and pod["status"].get("phase") == "Running"
        and "deletionTimestamp" not in pod["metadata"]
        and any(owner["kind"] == "ReplicaSet" for owner in pod["metadata"].get("ownerReferences", ()))
    )


@asynccontextmanager
async def forwarded(
    sim: Simulator, tasks: TaskManager, name: str, *words: str
) -> AsyncIterator[tuple[Task, list[int]]]:
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))
    listening: asyncio.Future[list[Ports]] = asyncio.get_running_loop().create_future()
    job = forward_job(
        cluster,
        Target(f"pods/demo/{name}", f"shop/{name}"),
        "shop",
        name,
        [parsed(word) for word in words],
        listening=lambda ports: listening.set_result(list(ports)),
    )
    task = tasks.submit(job)
    ended = asyncio.create_task(task.done())
    async with asyncio.timeout(PATIENCE):
        await asyncio.wait((listening, ended), return_when=asyncio.FIRST_COMPLETED)
        assert listening.done(), task.record.why
        yield task, [each.local for each in await listening]
        tasks.cancel(task.id)
        await task.done()


async def until(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not check():
            await asyncio.sleep(0.02)


def said(task: Task) -> str:
    return "\n".join(line.decode() for _, line in task.output.lines())


async def test_several_ports_and_much_data_both_ways(sim: Simulator, tasks: TaskManager) -> None:
    name = web(sim)
    async with forwarded(sim, tasks, name, ":80", ":8080") as (task, ports), aiohttp.ClientSession() as http:
        for local, remote in zip(ports, (80, 8080), strict=True):
            async with http.get(f"http://127.0.0.1:{local}/") as answer:
                assert await answer.text() == f"{name} port {remote}\n"

        async def echoed() -> bytes:
            async with http.post(f"http://127.0.0.1:{ports[0]}/", data=io.BytesIO(MUCH)) as answer:
                return hashlib.sha256(await answer.read()).digest()

        assert set(await asyncio.gather(*(echoed() for _ in range(3)))) == {hashlib.sha256(MUCH).digest()}
        await until(lambda: re.search(r" 48M in", task.record.targets[0].why))
    record = await task.done()
    assert record.state is State.CANCELLED
    with closing(socket.socket()) as probe:
        assert probe.connect_ex(("127.0.0.1", ports[0])) != 0
    assert sim.api.inside.live == set()


async def test_a_replaced_pod_is_followed(sim: Simulator, tasks: TaskManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "LOOK_SECONDS", 0.05)
    name = web(sim)
    async with forwarded(sim, tasks, name, ":80") as (task, (port,)), aiohttp.ClientSession() as http:
        sim.remove("shop", name)
        await until(lambda: "new connections go to" in said(task))
        async with http.get(f"http://127.0.0.1:{port}/") as answer:
            now = (await answer.text()).split()[0]
    assert now != name
    assert f"pod {name} is gone; new connections go to {now}" in said(task)


async def test_the_first_connection_after_it_finds_the_new_pod_too(sim: Simulator, tasks: TaskManager) -> None:
    name = web(sim)
    async with forwarded(sim, tasks, name, ":80") as (_, (port,)), aiohttp.ClientSession() as http:
        sim.remove("shop", name)
        async with http.get(f"http://127.0.0.1:{port}/") as answer:
            assert (await answer.text()).split()[0] != name


async def test_a_cut_resets_the_connection_and_the_next_one_works(sim: Simulator, tasks: TaskManager) -> None:
    name = web(sim)
    async with forwarded(sim, tasks, name, ":80") as (task, (port,)), aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            async with http.get(f"http://127.0.0.1:{port}/bytes/4000000000") as answer:
                await answer.content.readexactly(1000)
                sim.api.inside.cut()
                await answer.read()
        await until(lambda: "was lost" in said(task))
        await sim.rotate_token()
        async with http.get(f"http://127.0.0.1:{port}/") as answer:
            assert await answer.text() == f"{name} port 80\n"


async def test_a_port_where_nothing_listens_is_said(sim: Simulator, tasks: TaskManager) -> None:
    async with forwarded(sim, tasks, web(sim), ":1") as (task, (port,)), aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"http://127.0.0.1:{port}/")
        await until(lambda: "connection refused" in said(task))


async def test_a_reader_that_stalls_holds_up_the_pod_and_nobody_else(sim: Simulator, tasks: TaskManager) -> None:
    async with forwarded(sim, tasks, web(sim), ":80") as (task, (port,)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /bytes/4000000000 HTTP/1.1\r\n\r\n")
        await reader.readexactly(100_000)
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 200
        writer.close()
    assert "1 open" in said(task) or "0 open" in said(task)


async def test_a_taken_port_and_bad_words_are_refused(sim: Simulator, tasks: TaskManager) -> None:
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(errors.Refused, match=f"port {number} .* is taken; .* :80 "):
            forward_job(cluster, Target("k", "n"), "shop", "x", [Ports(number, 80)])
    for word in ("", "x", "80:", "1:2:3", "70000", "8080:0", "-1:80", "²:80"):
        with pytest.raises(errors.Refused):
            parsed(word)


async def test_headless_prints_the_addresses_and_ends_with_ctrl_c(sim: Simulator, tmp_path: Path) -> None:
    config = tmp_path / "cockpit.toml"
    config.write_text(f'[[pods]]\nname = "demo"\nkubeconfig = "{sim.kubeconfig}"\n')
    name = web(sim)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cockpit", "--config", str(config), "pods", "port-forward", f"shop/{name}", ":80"),
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            assert process.stdout is not None
            line = (await process.stdout.readline()).decode().split()
            assert line[:2] == ["Forwarding", "from"] and line[3:] == ["->", "80"]
            async with aiohttp.ClientSession() as http, http.get(f"http://{line[2]}/") as answer:
                assert await answer.text() == f"{name} port 80\n"
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_storm_of_short_connections_leaves_nothing_open(sim: Simulator, tasks: TaskManager) -> None:
    name = web(sim)
    async with forwarded(sim, tasks, name, ":80") as (task, (port,)):

        async def short(number: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            if number % 3:
                assert name.encode() in await reader.readuntil(b"port 80\n")
            if number % 2:
                writer.transport.abort()
            writer.close()

        await asyncio.gather(*(short(number) for number in range(40)))
        sim.remove("shop", name)  # the pod cannot be told that they have ended; its own end closes them
        await until(lambda: task.record.targets[0].why.startswith("0 open of 40"))


async def test_an_answer_that_ends_is_whole_though_the_asker_goes_on(sim: Simulator, tasks: TaskManager) -> None:
    async with forwarded(sim, tasks, web(sim), ":80") as (_, (port,)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /bytes/3000000 HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"nonsense\r\n\r\n")  # the pod ends the connection over it
        assert len(await reader.readexactly(3_000_000)) == 3_000_000
        writer.close()
