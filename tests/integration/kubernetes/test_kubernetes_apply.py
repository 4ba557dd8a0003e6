"""kubectl apply --server-side: managers, conflicts, what an apply no longer names; and a stale replace."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.demo.kubernetes.simulator import Simulator, simulator
from tests.integration.kubernetes.conftest import Kube


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.02) as running:
        yield running


@pytest.fixture
def kubectl(sim: Simulator, kube: Callable[[Path], Kube]) -> Kube:
    return kube(sim.kubeconfig)


def deployment(image: str = "app:1", **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": image, "env": [{"name": "LEVEL", "value": "info"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"team": "shop"}},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
            **spec,
        },
    }


async def apply(kubectl: Kube, item: dict[str, Any], manager: str, *more: str) -> tuple[int, str]:
    line = ("apply", "--server-side", f"--field-manager={manager}", *more, "-f", "-")
    code, out, err = await kubectl(*line, stdin=json.dumps(item).encode())
    return code, (out if code == 0 else err).decode()


async def read(kubectl: Kube) -> dict[str, Any]:
    code, out, err = await kubectl("get", "deploy", "web", "-o", "json", "--show-managed-fields")
    assert code == 0, err
    shown: dict[str, Any] = json.loads(out)
    return shown


async def test_managers_conflict_share_and_let_go(kubectl: Kube) -> None:
    assert await apply(kubectl, deployment(replicas=1), "ci") == (0, "deployment.apps/web serverside-applied\n")
    made = await read(kubectl)
    (entry,) = [e for e in made["metadata"]["managedFields"] if e["operation"] == "Apply"]
    assert entry["manager"] == "ci" and entry["fieldsV1"]["f:spec"]["f:replicas"] == {}
    assert "f:strategy" not in entry["fieldsV1"]["f:spec"]
    # The same again changes nothing.
    assert (await apply(kubectl, deployment(replicas=1), "ci"))[0] == 0
    assert (await read(kubectl))["metadata"]["generation"] == made["metadata"]["generation"]
    # A change by another's hand is theirs: the next apply of the old value collides, and says with whom.
    assert (await kubectl("scale", "deploy/web", "--replicas=2"))[0] == 0
    assert (await kubectl("set", "image", "deploy/web", "app=app:2"))[0] == 0
    code, said = await apply(kubectl, deployment(replicas=1), "ci")
    assert code != 0 and "Apply failed with 2 conflicts" in said
    assert '.spec.template.spec.containers[name="app"].image' in said and ".spec.replicas" in said
    assert 'conflict with "kubectl-set" using apps/v1' in said
    assert (await read(kubectl))["spec"]["replicas"] == 2
    # Agreement is no conflict, force is an answer to one.
    assert (await apply(kubectl, deployment("app:2", replicas=2), "ci"))[0] == 0
    assert (await apply(kubectl, deployment("app:3", replicas=1), "ops", "--force-conflicts"))[0] == 0
    code, said = await apply(kubectl, deployment("app:2", replicas=1), "ci")
    assert code != 0 and 'conflict with "ops"' in said
    # What the only owner names no more goes; what another owns too stays.
    without = deployment("app:3", replicas=1)
    del without["metadata"]["labels"]
    del without["spec"]["template"]["spec"]["containers"][0]["env"]
    assert (await apply(kubectl, without, "ops"))[0] == 0
    left = await read(kubectl)
    assert left["metadata"]["labels"] == {"team": "shop"}
    assert (await apply(kubectl, without, "ci", "--force-conflicts"))[0] == 0
    left = await read(kubectl)
    assert "labels" not in left["metadata"] or left["metadata"]["labels"] == {}
    assert not left["spec"]["template"]["spec"]["containers"][0].get("env")
    assert left["spec"]["template"]["spec"]["containers"][0]["image"] == "app:3"


async def test_client_side_apply_and_server_side_on_a_custom_resource(kubectl: Kube) -> None:
    code, _, err = await kubectl("apply", "-f", "-", stdin=json.dumps(deployment()).encode())
    assert code == 0, err
    code, out, err = await kubectl("apply", "-f", "-", stdin=json.dumps(deployment("app:2")).encode())
    assert (code, out) == (0, b"deployment.apps/web configured\n"), err
    certificate = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "new"},
        "spec": {"secretName": "new-tls", "issuerRef": {"name": "letsencrypt"}},
    }
    assert (await apply(kubectl, certificate, "ci")) == (0, "certificate.cert-manager.io/new serverside-applied\n")


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("deploy", "cart"),
        ("svc", "cart"),
        ("cm", "storefront-settings"),
        ("cert", "storefront-tls"),
        ("ing", "storefront"),
    ],
)
async def test_a_stale_version_is_not_written_over(kubectl: Kube, resource: str, name: str) -> None:
    _, old, _ = await kubectl("get", resource, name, "-o", "json")
    assert (await kubectl("label", resource, name, "seen=1"))[0] == 0
    code, _, err = await kubectl("replace", "-f", "-", stdin=old)
    assert code != 0 and b"the object has been modified" in err
    _, fresh, _ = await kubectl("get", resource, name, "-o", "json")
    code, out, err = await kubectl("replace", "-f", "-", stdin=fresh.replace(b'"seen": "1"', b'"seen": "2"'))
    assert code == 0 and out.endswith(b"replaced\n"), err
