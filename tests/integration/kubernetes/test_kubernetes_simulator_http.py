"""The simulator's answers byte by byte where kubectl does not look: versions, watches, refusals and faults."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator, simulator

PODS = "/api/v1/namespaces/shop/pods"
PATIENCE = 20.0


def pod(name: str, *, phase: str = "Running", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "shop", "name": name, "labels": labels},
        "spec": {"nodeName": "worker-1", "containers": [{"name": "app", "image": "x"}]},
        "status": {"phase": phase},
    }


class Client:
    def __init__(self, sim: Simulator, session: aiohttp.ClientSession) -> None:
        self.sim, self.session = sim, session

    async def __call__(
        self, path: str, *, method: str = "GET", body: Any = None, accept: str = "", content: str = "", **query: str
    ) -> tuple[int, Any]:
        headers = {"Accept": accept} if accept else {}
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = content or "application/json"
        url = self.sim.url + path
        async with self.session.request(method, url, params=query, headers=headers, data=data) as response:
            text = await response.text()
            parsed = json.loads(text) if response.content_type == "application/json" and text else text
            return response.status, parsed

    @asynccontextmanager
    async def watch(self, path: str = PODS, accept: str = "", **query: str) -> AsyncIterator[Any]:
        """A function that reads the next event, None at the end."""
        headers = {"Accept": accept} if accept else {}
        params = {"watch": "true", **query}
        async with self.session.get(self.sim.url + path, params=params, headers=headers) as response:
            assert response.status == 200, await response.text()

            async def event() -> Any:
                async with asyncio.timeout(PATIENCE):
                    line = await response.content.readline()
                return json.loads(line) if line else None

            yield event


@asynccontextmanager
async def talk(sim: Simulator) -> AsyncIterator[Client]:
    context = ssl.create_default_context(cadata=sim.authority.pem.decode())
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {sim.token}"}) as session:
        yield Client(sim, session)


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False, pace=0.05, bookmark_seconds=0.2) as running:
        for number in range(7):
            running.put(pod(f"web-{number}", app="web", odd=str(number % 2)))
        yield running


@pytest.fixture
async def api(sim: Simulator) -> AsyncIterator[Client]:
    async with talk(sim) as client:
        yield client


def names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


# -- who may ask


async def test_token_is_demanded_everywhere_but_for_health(sim: Simulator) -> None:
    context = ssl.create_default_context(cadata=sim.authority.pem.decode())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        for path, code in (("/readyz", 200), ("/healthz", 200), (PODS, 401), ("/_simulator/state", 401), ("/x", 401)):
            async with session.get(sim.url + path) as response:
                assert response.status == code
        async with session.get(sim.url + PODS, headers={"Authorization": "Bearer é"}) as response:
            assert response.status == 401


def test_kubeconfig_is_private(sim: Simulator) -> None:
    assert sim.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sim.folder.iterdir()] == ["kubeconfig"]


# -- lists


async def test_pages_show_one_version_while_pods_change(sim: Simulator, api: Client) -> None:
    _, page = await api(PODS, limit="3")
    assert names(page) == ["web-0", "web-1", "web-2"] and page["metadata"]["remainingItemCount"] == 4
    sim.remove("shop", "web-4")
    sim.put(pod("web-3b"))
    seen = names(page)
    while token := page["metadata"].get("continue"):
        _, page = await api(PODS, limit="3", **{"continue": token})
        seen += names(page)
    assert seen == [f"web-{number}" for number in range(7)]
    _, now = await api(PODS)
    assert names(now) == ["web-0", "web-1", "web-2", "web-3", "web-3b", "web-5", "web-6"]


async def test_expired_continue_token_offers_an_inconsistent_one(sim: Simulator, api: Client) -> None:
    _, page = await api(PODS, limit="3")
    sim.expire()
    code, refusal = await api(PODS, limit="3", **{"continue": page["metadata"]["continue"]})
    assert (code, refusal["reason"]) == (410, "Expired")
    code, rest = await api(PODS, **{"continue": refusal["metadata"]["continue"]})
    assert code == 200 and names(rest) == ["web-3", "web-4", "web-5", "web-6"]


async def test_resource_version_of_a_list(sim: Simulator, api: Client) -> None:
    old = sim.store.version
    sim.remove("shop", "web-0")
    _, latest = await api(PODS, resourceVersion=str(old), resourceVersionMatch="NotOlderThan")
    assert "web-0" not in names(latest)
    _, exact = await api(PODS, resourceVersion=str(old), resourceVersionMatch="Exact")
    assert "web-0" in names(exact) and exact["metadata"]["resourceVersion"] == str(old)
    _, cached = await api(PODS, resourceVersion="0", limit="2")
    assert len(names(cached)) == 6
    code, refusal = await api(PODS, resourceVersion="999999")
    assert (code, refusal["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")
    sim.expire()
    code, refusal = await api(PODS, resourceVersion=str(old), resourceVersionMatch="Exact")
    assert (code, refusal["reason"]) == (410, "Expired")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "many"},
        {"continue": "nonsense"},
        {"labelSelector": "a=b=c"},
        {"labelSelector": "a in b"},
        {"fieldSelector": "spec.color=red"},
        {"resourceVersion": "0", "resourceVersionMatch": "Exact"},
        {"resourceVersionMatch": "Exact"},
    ],
)
async def test_nonsense_is_a_bad_request(api: Client, query: dict[str, str]) -> None:
    code, refusal = await api(PODS, **query)
    assert (code, refusal["kind"], refusal["reason"]) == (400, "Status", "BadRequest")


async def test_table_and_metadata_lists(api: Client) -> None:
    _, table = await api(PODS, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
    assert table["kind"] == "Table" and table["rows"][0]["cells"][0] == "web-0"
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    _, listed = await api(PODS, accept="application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
    assert set(listed["items"][0]) == {"metadata"}
    code, _ = await api(PODS, accept="application/vnd.kubernetes.protobuf")
    assert code == 406


# -- watches


async def test_watch_from_a_version_replays_what_came_after(sim: Simulator, api: Client) -> None:
    version = sim.store.version
    sim.put(pod("web-0", app="web", odd="0", phase="Failed"))
    sim.remove("shop", "web-1")
    sim.put(pod("late"))
    async with api.watch(resourceVersion=str(version)) as event:
        seen = [await event() for _ in range(3)]
        assert [(e["type"], e["object"]["metadata"]["name"]) for e in seen] == [
            ("MODIFIED", "web-0"),
            ("DELETED", "web-1"),
            ("ADDED", "late"),
        ]
        versions = [int(e["object"]["metadata"]["resourceVersion"]) for e in seen]
        assert versions == sorted(versions) and versions[0] > version
        sim.put(pod("later"))
        assert (await event())["object"]["metadata"]["name"] == "later"


async def test_watch_without_a_version_begins_with_what_is_there(api: Client) -> None:
    async with api.watch() as event:
        assert {(await event())["object"]["metadata"]["name"] for _ in range(7)} == {f"web-{n}" for n in range(7)}


async def test_watch_list_ends_its_initial_events_with_a_bookmark(sim: Simulator, api: Client) -> None:
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with api.watch(**query) as event:
        assert [(await event())["type"] for _ in range(7)] == ["ADDED"] * 7
        mark = await event()
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert mark["object"]["metadata"]["resourceVersion"] == str(sim.store.version)
    sim.api.watch_list = False
    code, refusal = await api(PODS, watch="true", **query)
    assert (code, refusal["reason"]) == (422, "Invalid")


async def test_quiet_watch_sends_bookmarks_that_can_be_resumed_from(sim: Simulator, api: Client) -> None:
    async with api.watch(resourceVersion=str(sim.store.version), allowWatchBookmarks="true") as event:
        sim.namespace("elsewhere")
        mark = await event()
        while mark["object"]["metadata"]["resourceVersion"] != str(sim.store.version):
            mark = await event()
        assert mark["type"] == "BOOKMARK" and mark["object"]["kind"] == "Pod"


async def test_selector_makes_leaving_a_deletion_and_entering_an_addition(sim: Simulator, api: Client) -> None:
    async with api.watch(resourceVersion=str(sim.store.version), labelSelector="odd=1") as event:
        sim.put(pod("web-1", odd="0"))
        gone = await event()
        assert (gone["type"], gone["object"]["metadata"]["name"]) == ("DELETED", "web-1")
        assert gone["object"]["metadata"]["labels"]["odd"] == "1"
        assert gone["object"]["metadata"]["resourceVersion"] == str(sim.store.version)
        sim.put(pod("web-0", odd="1"))
        assert (await event())["type"] == "ADDED"
        sim.put(pod("web-2", odd="0"))
        sim.remove("shop", "web-0")
        assert (await event())["type"] == "DELETED"


async def test_too_old_watch_gets_an_error_event(sim: Simulator, api: Client) -> None:
    version = sim.store.version
    async with api.watch(resourceVersion=str(version)) as open_one:
        sim.expire()
        assert (await open_one())["object"]["code"] == 410
        assert await open_one() is None
    async with api.watch(resourceVersion=str(version)) as event:
        error = await event()
        assert (error["type"], error["object"]["kind"], error["object"]["code"]) == ("ERROR", "Status", 410)
        assert await event() is None


async def test_history_is_compacted_at_its_cap(tmp_path: Path) -> None:
    async with simulator(tmp_path, scenery=False, history=20) as sim, talk(sim) as api:
        sim.put(pod("web"))
        version = sim.store.version
        for _ in range(40):
            sim.put(pod("web"))
        async with api.watch(resourceVersion=str(version)) as event:
            assert (await event())["type"] == "ERROR"


async def test_watch_ends_at_its_time(sim: Simulator, api: Client) -> None:
    async with api.watch(resourceVersion=str(sim.store.version), timeoutSeconds="1") as event:
        assert await event() is None


async def test_table_watch_names_its_columns_once(sim: Simulator, api: Client) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    async with api.watch(accept=accept, fieldSelector="metadata.name=web-0") as event:
        first = await event()
        assert first["object"]["columnDefinitions"][0]["name"] == "Name"
        sim.put(pod("web-0"))
        second = await event()
        assert (second["type"], second["object"]["columnDefinitions"]) == ("MODIFIED", [])


async def test_client_that_goes_frees_its_stream(sim: Simulator, api: Client) -> None:
    async with api.watch(resourceVersion=str(sim.store.version)):
        assert len(sim.api.streams) == 1
    async with asyncio.timeout(PATIENCE):
        while sim.api.streams:
            await asyncio.sleep(0.01)


# -- writes


async def test_delete_minds_the_uid(sim: Simulator, api: Client) -> None:
    body = {"preconditions": {"uid": "another"}}
    code, refusal = await api(f"{PODS}/web-0", method="DELETE", body=body)
    assert (code, refusal["reason"]) == (409, "Conflict")
    _, found = await api(f"{PODS}/web-0")
    body = {"preconditions": {"uid": found["metadata"]["uid"]}}
    code, dying = await api(f"{PODS}/web-0", method="DELETE", body=body)
    assert code == 200 and dying["metadata"]["deletionGracePeriodSeconds"] == 30
    async with api.watch(fieldSelector="metadata.name=web-0") as event:
        assert (await event())["object"]["metadata"]["deletionTimestamp"]
        assert (await event())["type"] == "DELETED"
    code, refusal = await api(f"{PODS}/web-0", method="DELETE")
    assert (code, refusal["reason"]) == (404, "NotFound")


async def test_dry_run_changes_nothing(sim: Simulator, api: Client) -> None:
    version = sim.store.version
    assert (await api(f"{PODS}/web-0", method="DELETE", dryRun="All"))[0] == 200
    patch = {"metadata": {"labels": {"app": "other"}}}
    merge = "application/merge-patch+json"
    code, shown = await api(f"{PODS}/web-0", method="PATCH", body=patch, content=merge, dryRun="All")
    assert code == 200 and shown["metadata"]["labels"]["app"] == "other"
    assert sim.store.version == version


async def test_update_with_an_old_version_conflicts(sim: Simulator, api: Client) -> None:
    _, found = await api(f"{PODS}/web-0")
    sim.put(pod("web-0", app="changed"))
    code, refusal = await api(f"{PODS}/web-0", method="PUT", body=found)
    assert (code, refusal["reason"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"{PODS}/none", 404),
        ("GET", "/api/v1/endpoints", 404),
        ("GET", f"{PODS}/web-0/proxy", 404),
        ("DELETE", PODS, 405),
        ("POST", f"{PODS}/web-0", 405),
        ("DELETE", "/api/v1/namespaces/shop", 405),
        ("POST", PODS, 400),
        ("POST", "/api/v1/namespaces/nowhere/pods", 404),
    ],
)
async def test_refusals(api: Client, method: str, path: str, code: int) -> None:
    body = {"kind": "Pod", "metadata": {"name": "new"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    if path == PODS and method == "POST":
        body = {"kind": "Secret"}
    answered, refusal = await api(path, method=method, body=None if method == "GET" else body)
    assert (answered, refusal["kind"]) == (code, "Status")


async def test_bodies_that_are_not_read(api: Client) -> None:
    code, _ = await api(PODS, method="POST", body={}, content="application/vnd.kubernetes.protobuf")
    assert code == 415
    code, _ = await api(f"{PODS}/web-0", method="PATCH", body={}, content="application/json")
    assert code == 415


ODD = (None, -1, 10**20, 1e308, "x", [], {}, [1], [None], {"a": 1}, True)
PLACES = (
    "metadata",
    "metadata.labels",
    "metadata.labels.a",
    "metadata.name",
    "metadata.ownerReferences",
    "spec",
    "spec.containers",
    "spec.initContainers",
    "spec.terminationGracePeriodSeconds",
    "spec.replicas",
    "spec.selector.matchLabels",
    "spec.strategy",
    "spec.strategy.rollingUpdate.maxSurge",
    "spec.template",
    "spec.template.metadata.labels",
    "spec.template.spec.containers",
    "spec.template.spec.volumes",
    "status",
)


@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
async def test_no_body_is_too_odd(api: Client, kind: str) -> None:
    """Whatever is sent, the answer is no 500, and the cluster goes on."""
    troubles: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: troubles.append(about))
    base = PODS if kind == "Pod" else "/apis/apps/v1/namespaces/shop/deployments"
    labels = {"app": "odd"}
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "i"}]}
    if kind == "Deployment":
        spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}
    await api(base, method="POST", body={"kind": kind, "metadata": {"name": "plain"}, "spec": spec})
    for number, (place, odd) in enumerate((place, odd) for place in PLACES for odd in ODD):
        body: Any = odd
        for step in reversed(place.split(".")):
            body = {step: body}
        made = {"kind": kind, "metadata": {"name": f"odd-{number}"}, "spec": spec}
        made.update({key: {**made.get(key, {}), **v} if isinstance(v, dict) else v for key, v in body.items()})
        assert (await api(base, method="POST", body=made))[0] < 500, (place, odd)
        for content in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
            code, _ = await api(f"{base}/plain", method="PATCH", body=body, content=content)
            assert code < 500, (place, odd)
        assert (await api(f"{base}/plain", method="DELETE", body=body, dryRun="All"))[0] < 500
    for listed in ("pods", "deployments"):
        version = "/api/v1/" if listed == "pods" else "/apis/apps/v1/"
        assert (await api(version + listed, accept="application/json;as=Table;v=v1;g=meta.k8s.io"))[0] == 200
    assert troubles == []


# -- the service


async def test_service_says_where_it_is_and_ends_with_its_parent(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cockpit.demo.kubernetes",
        str(tmp_path / "state"),
        "--pods=300",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdin is not None
    async with asyncio.timeout(PATIENCE):
        facts = json.loads(await process.stdout.readline())
    assert set(facts) == {"kubeconfig", "context", "url"}
    kubeconfig = Path(facts["kubeconfig"])
    assert kubeconfig.parent == tmp_path / "state" and kubeconfig.stat().st_mode & 0o777 == 0o600
    assert facts["url"].startswith("https://127.0.0.1:")
    process.stdin.close()
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0


# -- logs


async def test_log_queries(sim: Simulator, api: Client) -> None:
    for number in range(5):
        sim.log("shop", "web-0", "app", f"line {number}")
    sim.log("shop", "web-0", "app", b"not \xff utf-8")
    assert (await api(f"{PODS}/web-0/log", tailLines="3", limitBytes="14"))[1] == "line 3\nline 4\n"
    assert (await api(f"{PODS}/web-0/log", tailLines="0"))[1] == ""
    assert (await api(f"{PODS}/web-0/log", sinceTime="2099-01-01T00:00:00Z"))[1] == ""
    code, refusal = await api(f"{PODS}/web-0/log", container="none")
    assert code == 400 and "container none is not valid for pod web-0" in refusal["message"]


# -- faults


async def test_status_and_html_faults_strike_as_often_as_asked(sim: Simulator, api: Client) -> None:
    sim.faults.add(Fault("status", verb="list", status=429, retry_after=3, times=2))
    for _ in range(2):
        async with api.session.get(sim.url + PODS) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "3")
    assert (await api(PODS))[0] == 200
    sim.faults.add(Fault("html", path="web-0", status=502))
    assert (await api(PODS))[0] == 200
    code, text = await api(f"{PODS}/web-0")
    assert code == 502 and "<html>" in text


async def test_truncated_and_cut_answers(sim: Simulator, api: Client) -> None:
    sim.faults.add(Fault("truncate", verb="list"))
    with pytest.raises(json.JSONDecodeError):
        await api(PODS)
    sim.faults.add(Fault("cut", verb="list"))
    with pytest.raises(aiohttp.ClientError):
        await api(PODS)
    sim.faults.add(Fault("truncate", verb="watch"))
    async with api.watch() as event:
        with pytest.raises(json.JSONDecodeError):
            await event()
    sim.faults.add(Fault("cut", verb="watch"))
    async with api.watch() as event:
        with pytest.raises((aiohttp.ClientError, json.JSONDecodeError)):
            await event()
    sim.faults.add(Fault("garbage", verb="watch"))
    async with api.watch() as event:
        with pytest.raises(json.JSONDecodeError):
            await event()
        assert (await event())["type"] == "ADDED"


async def test_slow_and_delayed_answers_are_whole(sim: Simulator, api: Client) -> None:
    sim.faults.add(Fault("delay", verb="list", seconds=0.01))
    sim.faults.add(Fault("slow", verb="list", seconds=0.0005))
    assert len(names((await api(PODS))[1])) == 7
    sim.faults.add(Fault("slow", verb="watch", seconds=0.0001))
    async with api.watch() as event:
        assert (await event())["type"] == "ADDED"


async def test_hang_and_empty(sim: Simulator, api: Client) -> None:
    sim.faults.add(Fault("hang", verb="watch"))
    async with api.session.get(sim.url + PODS, params={"watch": "1"}) as response:
        assert response.status == 200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await response.content.readline()
    sim.faults.add(Fault("empty", verb="watch"))
    async with api.watch() as event:
        assert await event() is None


async def test_dropped_streams(sim: Simulator, api: Client) -> None:
    async with api.watch(resourceVersion=str(sim.store.version)) as event:
        assert sim.drop_streams() == 1
        assert await event() is None
    async with api.watch(resourceVersion=str(sim.store.version)) as event:
        assert sim.drop_streams(reset=True) == 1
        with pytest.raises(aiohttp.ClientError):
            await event()


async def test_admin_paths(sim: Simulator, api: Client) -> None:
    assert (await api("/_simulator/faults", method="POST", body={"kind": "status", "status": 500}))[0] == 200
    assert (await api(PODS))[0] == 500
    assert (await api("/_simulator/faults", method="POST", body={"kind": "nonsense"}))[0] == 400
    assert (await api("/_simulator/faults", method="DELETE"))[0] == 200
    oldest = sim.store.oldest
    assert (await api("/_simulator/expire", method="POST"))[0] == 200
    assert sim.store.oldest > oldest
    assert (await api("/_simulator/watch-list", method="POST", body={"enabled": False}))[0] == 200
    assert sim.api.watch_list is False
    assert (await api("/_simulator/drop", method="POST", body={"verbs": ["watch"]}))[0] == 200
    assert (await api("/_simulator/state"))[1]["oldest"] == sim.store.oldest
    assert (await api("/_simulator/token", method="POST"))[0] == 200
    assert (await api(PODS))[0] == 401


# -- many


async def test_many_pods(tmp_path: Path) -> None:
    async with simulator(tmp_path, scenery=False, pods=600) as sim, talk(sim) as api:
        seen, query = [], {"limit": "250"}
        while True:
            _, page = await api("/api/v1/pods", **query)
            seen += [item["metadata"]["uid"] for item in page["items"]]
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        assert len(seen) == len(set(seen)) == 600
        _, one = await api("/api/v1/pods", labelSelector="app=load-0001", limit="1")
        space, name = one["items"][0]["metadata"]["namespace"], one["items"][0]["metadata"]["name"]
        assert (await api(f"/api/v1/namespaces/{space}/pods/{name}", method="DELETE"))[0] == 200


# -- what the cluster does by itself


async def test_a_scripted_pod_stays_as_it_was_put_until_it_is_deleted(sim: Simulator, api: Client) -> None:
    dying = pod("dying")
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    sim.put(dying)
    sim.put({"metadata": {"namespace": "shop", "name": "bare"}})
    await api(f"{PODS}/web-0", method="DELETE")
    await api(f"{PODS}/bare", method="DELETE")
    async with api.watch(fieldSelector="metadata.name=web-0") as event:
        while (await event())["type"] != "DELETED":
            pass
    _, listed = await api(PODS)
    assert "dying" in names(listed) and "bare" not in names(listed)


async def test_cron_brings_pods_that_complete_and_go(tmp_path: Path) -> None:
    jobs = "/api/v1/namespaces/payments/pods"
    async with (
        simulator(tmp_path, pace=0.005, cron_jobs=True) as sim,
        talk(sim) as api,
        api.watch(jobs, labelSelector="app=sync-rates") as event,
    ):
        phases: set[str] = set()
        while (change := await event())["type"] != "DELETED":
            phases.add(change["object"]["status"]["phase"])
        assert phases == {"Pending", "Running", "Succeeded"}


async def test_service_names_what_keeps_it_from_starting(sim: Simulator, tmp_path: Path) -> None:
    port = sim.url.rpartition(":")[2]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cockpit.demo.kubernetes", str(tmp_path / "other"), "--port", port),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        _, err = await process.communicate()
    assert process.returncode == 1 and err.startswith(b"the simulated Kubernetes API cannot start:")
    assert b"Traceback" not in err
