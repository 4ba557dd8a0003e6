"""Whatever happens to the connection, the table becomes what a fresh list says, and never shows what never was."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.faults import Fault, FaultKind
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.feeds.feed import Feed
from cockpit.model import clock, health
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.watch import reflector
from cockpit.pods.watch.adapter import ObjectsAdapter

SOON = 20.0
KINDS = sorted(set(get_args(FaultKind)) - {"hang"})

faults = st.builds(
    Fault,
    kind=cast("Any", st.sampled_from(KINDS)),
    verb=st.sampled_from(["list", "watch"]),
    status=st.sampled_from([410, 429, 500, 502, 504]),
    seconds=st.sampled_from([0.0, 0.002]),
    retry_after=st.just(0),
)
puts = st.tuples(st.just("put"), st.integers(0, 9), st.integers(0, 2))
steps = st.one_of(
    puts,
    puts,
    st.tuples(st.just("remove"), st.integers(0, 9)),
    st.tuples(st.just("fault"), faults),
    st.tuples(st.just("cut short")),
    st.tuples(st.just("drop"), st.booleans()),
    st.tuples(st.just("expire")),
    st.tuples(st.just("again")),
    st.tuples(st.just("clock"), st.sampled_from([-3600.0, 3.0, 400.0, 86400.0])),
    st.tuples(st.just("pause"), st.sampled_from([0.005, 0.03])),
)


class Story:
    """One cluster, one table, and every (object, state) that the cluster ever had."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.ever: set[tuple[str, str]] = set()
        self.steady_ahead = self.wall_ahead = 0.0
        self.number = 0
        self.source = PodsSource(name="demo", kubeconfig=str(sim.kubeconfig))

    def feed(self) -> Feed[Pod]:
        adapter = ObjectsAdapter(Cluster(self.source), PODS)
        return Feed([adapter], backoff_seconds=(0.01, 0.05), steady=lambda: clock.steady())

    def put(self, name: int, generation: int) -> None:
        self.number += 1
        uid, phase = f"{name}-{generation}", f"S{self.number}"
        self.ever.add((f"demo/{uid}", phase))
        metadata = {"namespace": "shop", "name": f"web-{name}", "uid": uid}
        self.sim.put({"metadata": metadata, "spec": {"containers": []}, "status": {"phase": phase}})

    async def take(self, step: tuple[Any, ...], feed: Feed[Pod]) -> None:
        sim = self.sim
        match step:
            case "put", name, generation:
                self.put(name, generation)
            case "remove", name:
                sim.remove("shop", f"web-{name}")
            case "fault", fault:
                sim.faults.add(Fault(fault.kind, fault.verb, "", fault.status, fault.seconds, fault.retry_after))
            case "drop", reset:
                sim.drop_streams(reset=reset)
            case ("expire",):
                sim.expire()
            case ("again",):
                feed.retry()
            case "clock", seconds:
                self.wall_ahead += seconds
                self.steady_ahead += max(0.0, seconds)  # a machine that slept; this clock is never set back
            case "pause", seconds:
                await asyncio.sleep(seconds)
            case ("cut short",):
                # The next list or stream is slow, and dropped while it is under way.
                sim.expire()
                sim.faults.add(Fault("slow", seconds=0.001))
                sim.drop_streams(reset=True)
                feed.retry()
                await asyncio.sleep(0.04)
                sim.drop_streams(reset=True)
            case _:
                raise AssertionError(step)
        await asyncio.sleep(0)


async def converges(
    folder: Path, story_steps: list[tuple[Any, ...]], streamed: bool, patch: pytest.MonkeyPatch
) -> None:
    async with simulator(folder, scenery=False, tls=False, bookmark_seconds=0.05) as sim:
        sim.api.watch_list = streamed
        story = Story(sim)
        steady, wall = clock.steady, clock.wall
        patch.setattr(clock, "steady", lambda: steady() + story.steady_ahead)
        patch.setattr(clock, "wall", lambda: wall() + story.wall_ahead)
        for name in range(6):
            story.put(name, 0)
        feed, strange = story.feed(), set[tuple[str, str]]()

        def check(rows: Mapping[str, Pod]) -> None:
            strange.update({(key, pod.status) for key, pod in rows.items()} - story.ever)
            paths = [pod.path for pod in feed.items.values()]
            assert len(paths) == len(set(paths)), "an object that was replaced is still there"

        async def look() -> None:
            async for delta in feed.follow(period=0.001):
                check(delta.upserts)

        tasks = [asyncio.create_task(feed.run()), asyncio.create_task(look())]
        try:
            for step in story_steps:
                await story.take(step, feed)
            sim.faults.clear()
            fresh = await listed(story)
            async with asyncio.timeout(SOON):
                while not isinstance(feed.overall, health.Live) or dict(feed.items) != fresh:
                    feed.retry()
                    await asyncio.sleep(0.005)
                    assert not any(task.done() for task in tasks)
            assert not strange
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def listed(story: Story) -> dict[str, Pod]:
    """What a client sees that comes now."""
    feed = story.feed()
    running = asyncio.create_task(feed.run())
    try:
        assert await feed.until(lambda: isinstance(feed.overall, health.Live), SOON)
        return dict(feed.items)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "listed"])
# Not shrunk: each story that fails waits out its time, and the first one says enough.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(story=st.lists(steps, min_size=20, max_size=45))
def test_the_table_converges_to_a_fresh_list(streamed: bool, story: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reflector, "PAGE", 3)
        patch.setattr(reflector, "SHORT_WATCH_PAUSE_SECONDS", 0.01)
        asyncio.run(converges(Path(folder), story, streamed, patch))
