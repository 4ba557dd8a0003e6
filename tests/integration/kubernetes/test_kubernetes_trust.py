"""Credentials that end or change: tokens with an expiry, client certificates."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from cockpit.demo.kubernetes.simulator import Simulator, simulator
from tests.integration.kubernetes.conftest import Kube


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False) as running:
        running.put({"metadata": {"namespace": "shop", "name": "web-0"}, "spec": {"containers": []}, "status": {}})
        yield running


@pytest.fixture
def kubectl(sim: Simulator, kube: Callable[[Path], Kube]) -> Kube:
    return kube(sim.kubeconfig)


async def test_a_token_that_has_expired_is_refused_until_the_next(sim: Simulator, kubectl: Kube) -> None:
    sim.expire_token(3600)
    assert (await kubectl("get", "pods"))[0] == 0
    sim.expire_token()
    code, _, err = await kubectl("get", "pods")
    assert code != 0 and b"logged in to the server" in err
    await sim.rotate_token()
    assert (await kubectl("get", "pods"))[0] == 0


async def test_a_client_certificate_stands_for_the_token(sim: Simulator, kubectl: Kube, tmp_path: Path) -> None:
    first = await sim.issue_certificate()
    text = sim.kubeconfig.read_text()
    assert "client-certificate-data" in text and "token" not in text
    code, out, err = await kubectl("get", "pods", "-o", "name")
    assert (code, out) == (0, b"pod/web-0\n"), err
    await sim.issue_certificate()
    assert (await kubectl("get", "pods"))[0] == 0
    assert await _status(sim, first, tmp_path) == 401
    assert sim.client is not None and await _status(sim, sim.client, tmp_path) == 200


async def _status(sim: Simulator, client: tuple[bytes, bytes], folder: Path) -> int:
    assert sim.authority is not None
    context = ssl.create_default_context(cadata=sim.authority.pem.decode())
    pair = folder / "client.pem"
    pair.write_bytes(client[1] + client[0])
    context.load_cert_chain(pair)
    async with aiohttp.ClientSession() as session, session.get(f"{sim.url}/api/v1/pods", ssl=context) as response:
        return response.status


async def test_a_certificate_of_nobody_is_no_credential(sim: Simulator, tmp_path: Path) -> None:
    await sim.issue_certificate()
    assert sim.authority is not None
    stranger = sim.authority.client("stranger")[:2]
    assert await _status(sim, stranger, tmp_path) == 401
