"""Every kind of the simulator as kubectl sees it, and the controllers behind them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from tests.integration.kubernetes.conftest import Kube

WIDE = {
    "statefulsets": "NAMESPACE NAME READY AGE CONTAINERS IMAGES",
    "daemonsets": (
        "NAMESPACE NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE_SELECTOR AGE CONTAINERS IMAGES SELECTOR"
    ),
    "jobs": "NAMESPACE NAME STATUS COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR",
    "cronjobs": "NAMESPACE NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST_SCHEDULE AGE CONTAINERS IMAGES SELECTOR",
    "services": "NAMESPACE NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR",
    "ingresses": "NAMESPACE NAME CLASS HOSTS ADDRESS PORTS AGE",
    "configmaps": "NAMESPACE NAME DATA AGE",
    "secrets": "NAMESPACE NAME TYPE DATA AGE",
    "persistentvolumeclaims": (
        "NAMESPACE NAME STATUS VOLUME CAPACITY ACCESS_MODES STORAGECLASS VOLUMEATTRIBUTESCLASS AGE VOLUMEMODE"
    ),
    "poddisruptionbudgets": "NAMESPACE NAME MIN_AVAILABLE MAX_UNAVAILABLE ALLOWED_DISRUPTIONS AGE",
    "certificates": "NAMESPACE NAME READY SECRET ISSUER STATUS AGE",
}


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.02) as running:
        yield running


@pytest.fixture
def kubectl(sim: Simulator, kube: Callable[[Path], Kube]) -> Kubectl:
    return Kubectl(kube(sim.kubeconfig))


class Kubectl:
    def __init__(self, kube: Kube) -> None:
        self.kube = kube

    async def __call__(self, line: str, *more: str, stdin: bytes | None = None) -> str:
        code, out, err = await self.kube(*line.split(), *more, stdin=stdin)
        assert code == 0, err.decode()
        return out.decode()

    async def refused(self, line: str) -> str:
        code, _, err = await self.kube(*line.split())
        assert code != 0
        return err.decode()

    async def json(self, line: str) -> Any:
        return json.loads(await self(line, "-o", "json"))


async def test_columns_and_rows_of_every_kind(kubectl: Kubectl) -> None:
    shown = await asyncio.gather(*(kubectl(f"get {resource} -A -o wide") for resource in WIDE))
    for resource, text in zip(WIDE, shown, strict=True):
        header, *rows = text.splitlines()
        assert re.split(r" {2,}", header.strip()) == [c.replace("_", " ") for c in WIDE[resource].split()], resource
        assert rows, resource
    by_kind = dict(zip(WIDE, shown, strict=True))
    assert re.search(r"postgres +2/2 ", by_kind["statefulsets"])
    assert re.search(r"kube-proxy +4 +4 +4 +4 +4 +<none>", by_kind["daemonsets"])
    assert re.search(r"ledger-backup-\d+ +Failed +0/1", by_kind["jobs"])
    assert re.search(r"report-export-\d+ +Complete +1/1 +3m19s", by_kind["jobs"])
    assert re.search(r"ingress-nginx +LoadBalancer +10\.96\.\S+ +198\.51\.100\.20 +443:3\d{4}/TCP", by_kind["services"])
    assert re.search(r"data-postgres-0 +Bound +pvc-\S+ +40Gi +RWO +standard", by_kind["persistentvolumeclaims"])
    assert re.search(r"storefront-tls +True +storefront-tls +letsencrypt", by_kind["certificates"])


@pytest.mark.parametrize("aggregated", [True, False])
async def test_discovery_names_every_kind(sim: Simulator, kubectl: Kubectl, aggregated: bool) -> None:
    sim.api.aggregated = aggregated
    lines = (await kubectl("api-resources --no-headers")).splitlines()
    assert {line.split()[0] for line in lines} >= kinds.KINDS.keys()
    assert any(re.match(r"certificates +cert,certs +cert-manager.io/v1 +true +Certificate", line) for line in lines)
    for word in ("sts", "deploy", "cj", "svc", "ing", "cm", "pvc", "pdb", "cert", "certificates.cert-manager.io"):
        await kubectl(f"get {word} -A")


async def test_a_broken_group_hides_no_other(sim: Simulator, kubectl: Kubectl) -> None:
    sim.api.metrics = "broken"
    assert "postgres" in await kubectl("get sts -n platform")
    assert "not available" in await kubectl.refused("top pods")


async def test_stateful_set_scales_in_order_and_rolls_from_the_last(kubectl: Kubectl) -> None:
    await kubectl("scale sts/postgres -n platform --replicas=3")
    await kubectl("rollout status sts/postgres -n platform --timeout=20s")
    assert "data-postgres-2" in await kubectl("get pvc -n platform")
    before = {p["metadata"]["uid"] for p in (await kubectl.json("get pods -n platform -l app=postgres"))["items"]}
    await kubectl("rollout restart sts/postgres -n platform")
    assert "complete: 3 new pods" in await kubectl("rollout status sts/postgres -n platform --timeout=20s")
    after = (await kubectl.json("get pods -n platform -l app=postgres"))["items"]
    assert [p["metadata"]["name"] for p in after] == ["postgres-0", "postgres-1", "postgres-2"]
    assert not before & {p["metadata"]["uid"] for p in after}
    started = [p["metadata"]["creationTimestamp"] for p in after]
    assert started == sorted(started, reverse=True)
    await kubectl("scale sts/postgres -n platform --replicas=1")
    await kubectl("wait pod/postgres-1 -n platform --for=delete --timeout=20s")


async def test_daemon_set_keeps_one_pod_on_each_node(kubectl: Kubectl) -> None:
    await kubectl("delete pod -n kube-system -l app=kube-proxy")
    await kubectl("rollout restart ds/kube-proxy -n kube-system")
    assert "successfully rolled out" in await kubectl("rollout status ds/kube-proxy -n kube-system --timeout=20s")
    pods = (await kubectl.json("get pods -n kube-system -l app=kube-proxy"))["items"]
    nodes = [n["metadata"]["name"] for n in (await kubectl.json("get nodes"))["items"]]
    assert sorted(p["spec"]["nodeName"] for p in pods) == nodes


async def test_a_cron_job_triggered_by_hand(kubectl: Kubectl) -> None:
    await kubectl("create job --from=cronjob/sync-rates -n payments by-hand")
    await kubectl("wait job/by-hand -n payments --for=condition=complete --timeout=20s")
    (pod,) = (await kubectl.json("get pods -n payments -l job-name=by-hand"))["items"]
    assert pod["status"]["phase"] == "Succeeded" and pod["metadata"]["ownerReferences"][0]["kind"] == "Job"
    assert "done" in await kubectl("logs -n payments job/by-hand")
    await kubectl("delete job by-hand -n payments")
    assert (await kubectl.json("get pods -n payments -l job-name=by-hand"))["items"] == []


async def test_a_job_that_fails_gives_up_after_its_limit(kubectl: Kubectl) -> None:
    container = {"name": "app", "image": "registry.example/pay/backup:1"}
    template = {
        "metadata": {"annotations": {"simulator.cockpit/behaviour": "fail"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "doomed"},
        "spec": {"backoffLimit": 1, "template": template},
    }
    await kubectl("create -f -", stdin=json.dumps(job).encode())
    await kubectl("wait job/doomed --for=condition=failed --timeout=20s")
    assert (await kubectl.json("get job doomed"))["status"]["failed"] == 2


async def test_deployment_history_undo_and_pause(kubectl: Kubectl) -> None:
    await kubectl("set image deploy/cart app=registry.example/shop/cart:5.0.0")
    await kubectl("rollout status deploy/cart --timeout=20s")
    assert re.findall(r"^(\d+) ", await kubectl("rollout history deploy/cart"), re.M) == ["1", "2"]
    await kubectl("rollout undo deploy/cart --to-revision=1")
    await kubectl("rollout status deploy/cart --timeout=20s")
    assert "cart:4.12.0" in await kubectl("get deploy cart -o wide")
    assert re.findall(r"^(\d+) ", await kubectl("rollout history deploy/cart"), re.M) == ["2", "3"]
    await kubectl("rollout pause deploy/cart")
    await kubectl("set image deploy/cart app=registry.example/shop/cart:6.0.0")
    paused = await kubectl.json("get deploy cart")
    assert paused["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    await kubectl("rollout resume deploy/cart")
    await kubectl("rollout status deploy/cart --timeout=20s")
    images = {
        p["spec"]["containers"][0]["image"]
        for p in (await kubectl.json("get pods -l app=cart"))["items"]
        if "deletionTimestamp" not in p["metadata"]
    }
    assert images == {"registry.example/shop/cart:6.0.0"}


async def test_what_kubectl_creates_changes_and_deletes(kubectl: Kubectl) -> None:
    await kubectl("create configmap settings --from-literal=level=info")
    await kubectl("create secret generic word --from-literal=a=b")
    assert (await kubectl.json("get secret word"))["data"] == {"a": "Yg=="}
    await kubectl("patch configmap settings --type=merge -p", '{"data":{"level":"debug"}}')
    await kubectl("label cert storefront-tls team=web")
    await kubectl("annotate svc cart note=x")
    assert (await kubectl.json("get cm settings"))["data"] == {"level": "debug"}
    assert "415" in (refusal := await kubectl.refused("patch cert storefront-tls -p {}")) or "unknown format" in refusal
    await kubectl("delete configmap/settings secret/word")
    assert "not found" in await kubectl.refused("get cm settings")
    for words in ("sts postgres -n platform", "job -n payments", "cj sync-rates -n payments", "svc cart", "pdb cart"):
        await kubectl(f"describe {words}")


async def test_two_sets_of_one_template_settle(kubectl: Kubectl) -> None:
    (old,) = (await kubectl.json("get rs -l app=cart"))["items"]
    kept = ("labels", "ownerReferences", "namespace")
    twin = old | {"metadata": {"name": "cart-twin", **{key: old["metadata"][key] for key in kept}}}
    await kubectl("create -f -", stdin=json.dumps(twin).encode())
    await kubectl("rollout status deploy/cart --timeout=20s")
    cart = await kubectl.json("get deploy cart")
    assert int(cart["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) <= 2


@pytest.mark.parametrize(
    ("resource", "change"),
    [
        ("job/report-export-29114400 -n platform", {"spec": {"selector": {"matchLabels": []}}}),
        ("sts/postgres -n platform", {"spec": {"volumeClaimTemplates": [{}]}}),
        ("ds/kube-proxy -n kube-system", {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": {}}}}}),
        ("cj/sync-rates -n payments", {"spec": {"schedule": 5}}),
        ("svc/cart", {"spec": {"ports": [{"port": "x"}]}}),
        ("pdb/cart", {"spec": {"minAvailable": []}}),
        ("cert/storefront-tls", {"spec": {"issuerRef": "x"}}),
        ("cm/storefront-settings", {"data": {"a": 1}}),
    ],
)
async def test_what_a_controller_could_not_read_is_refused(kubectl: Kubectl, resource: str, change: Any) -> None:
    code, _, err = await kubectl.kube("patch", *resource.split(), "--type=merge", "-p", json.dumps(change))
    assert code != 0 and b"cannot be handled as a" in err, err
