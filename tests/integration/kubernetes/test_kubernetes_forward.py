"""kubectl port-forward against the simulator: SPDY through a websocket, many connections, much data."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cockpit.demo.kubernetes.simulator import Simulator, simulator

PATIENCE = 30.0
MUCH = bytes(range(256)) * 4096 * 4


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False, pace=0.05) as running:
        for name, phase in (("web-0", "Running"), ("done", "Succeeded")):
            running.put(
                {
                    "metadata": {"namespace": "shop", "name": name},
                    "spec": {"containers": [{"name": "app", "image": "x"}]},
                    "status": {"phase": phase},
                }
            )
        yield running


@asynccontextmanager
async def forwarded(kubectl: Any, pod: str, *ports: str) -> AsyncIterator[list[int]]:
    """The local ports."""
    async with kubectl.begun("port-forward", pod, *ports, stderr=asyncio.subprocess.STDOUT) as process:
        found: list[int] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < len(ports):
                line = (await process.stdout.readline()).decode()
                assert line
                if match := re.search(r"127\.0\.0\.1:(\d+) ->", line):
                    found.append(int(match[1]))
        yield found


async def test_kubectl_forwards(sim: Simulator, kube: Callable[[Path], Any]) -> None:
    async with forwarded(kube(sim.kubeconfig), "web-0", ":80", ":8080") as ports, aiohttp.ClientSession() as http:
        for local, remote in zip(ports, (80, 8080), strict=True):
            async with http.get(f"http://127.0.0.1:{local}/") as answer:
                assert await answer.text() == f"web-0 port {remote}\n"

        async def echoed() -> bytes:
            async with http.post(f"http://127.0.0.1:{ports[0]}/", data=io.BytesIO(MUCH)) as answer:
                return await answer.read()

        async with asyncio.timeout(PATIENCE):
            for body in await asyncio.gather(*(echoed() for _ in range(4))):
                assert hashlib.sha256(body).digest() == hashlib.sha256(MUCH).digest()


async def test_kubectl_is_refused(sim: Simulator, kube: Callable[[Path], Any]) -> None:
    kubectl = kube(sim.kubeconfig)
    async with asyncio.timeout(PATIENCE):
        code, _, err = await kubectl("port-forward", "done", ":80")
    assert code == 1 and b"not running" in err
    async with forwarded(kubectl, "web-0", ":1") as (port,), aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"http://127.0.0.1:{port}/")
