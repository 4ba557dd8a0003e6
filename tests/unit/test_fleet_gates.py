"""What bounds connections on their way, what is read once for many, and which connections may go."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cockpit.fleet.engine import slot
from cockpit.fleet.engine.fresh import Fresh
from cockpit.fleet.engine.gates import SLICE_SECONDS, Adaptive, Pacer
from cockpit.fleet.engine.names import Resolver
from cockpit.fleet.engine.slot import Making, Slot, most_connections, spare
from cockpit.fleet.introduce import levels
from cockpit.fleet.machine import Machine


async def test_work_is_done_in_order_and_the_loop_turns_between_slices() -> None:
    pacer, done, turns = Pacer(), list[int](), 0

    def work(number: int) -> None:
        until = time.perf_counter() + SLICE_SECONDS / 2
        while time.perf_counter() < until:
            pass
        done.append(number)

    for number in range(12):
        pacer.do(work, number)
    while len(done) < 12:
        await asyncio.sleep(0)
        turns += 1
    assert done == list(range(12))
    assert turns >= 4


async def test_a_turn_that_is_not_waited_for_stops_nobody() -> None:
    pacer = Pacer()
    left, kept = asyncio.create_task(pacer.turn()), asyncio.create_task(pacer.turn())
    await asyncio.sleep(0)
    left.cancel()
    async with asyncio.timeout(20):
        await kept
        await pacer.turn()


async def test_a_server_is_asked_for_more_until_it_fails_and_for_half_then() -> None:
    gate = Adaptive(4, least=2, most=16)
    for _ in range(20):
        gate.worked()
    assert gate.limit == 16
    gate.failed()
    assert gate.limit == 8
    for _ in range(8):
        gate.worked()
    assert 8.8 < gate.limit < 9.1
    for _ in range(9):
        gate.failed()
    assert gate.limit == 2


@given(ends=some.lists(some.sampled_from(["worked", "failed", "nothing", "cancelled"]), min_size=1, max_size=40))
def test_never_more_than_allowed_are_on_their_way_and_none_is_forgotten(ends: list[str]) -> None:
    async def run() -> None:
        gate, inside, seen = Adaptive(3, least=1, most=5), 0, 0

        async def one(end: str) -> None:
            nonlocal inside, seen
            async with gate.one():
                inside += 1
                assert inside <= 5
                try:
                    await asyncio.sleep(0)
                finally:
                    inside -= 1
                seen += 1
                if end in ("worked", "failed"):
                    getattr(gate, end)()

        tasks = [asyncio.create_task(one(end)) for end in ends]
        await asyncio.sleep(0)
        for task, end in zip(tasks, ends, strict=True):
            if end == "cancelled":
                task.cancel()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks, return_exceptions=True)
            async with gate.one():
                pass
        assert seen >= len([end for end in ends if end != "cancelled"])

    asyncio.run(run())


async def test_what_many_want_at_once_is_read_once_and_again_when_asked() -> None:
    reads: list[str] = []
    go = threading.Event()

    def load(key: str) -> int:
        go.wait(20)
        reads.append(key)
        return len(reads)

    fresh = Fresh(load, 60.0)
    waiting = [asyncio.create_task(fresh.get("a")) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    go.set()
    assert await asyncio.gather(*waiting[1:]) == [1] * 4
    assert await fresh.get("a") == 1
    assert await fresh.get("a", anew=True) == 2
    assert await fresh.get("a") == 2


async def test_a_failed_read_is_told_to_all_and_not_kept() -> None:
    tries = 0

    def load(key: str) -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("once")
        return tries

    fresh = Fresh(load, 60.0)
    failures = await asyncio.gather(fresh.get("a"), fresh.get("a"), return_exceptions=True)
    assert [type(failure) for failure in failures] == [OSError] * 2
    assert await fresh.get("a") == 2


class FakeLink:
    alive = True


class FakeRunning:
    def __init__(self, *, over: bool) -> None:
        self.channel = self
        self.ending = self
        self.known, self.lost = over, ""


def kept(used_at: float, *running: FakeRunning, hop: Slot | None = None) -> Slot:
    one = Slot(Machine("s", "n", "n"))
    one.link: Any = FakeLink()
    one.used_at, one.hop = used_at, hop
    one.running.update(running)
    return one


def test_connections_go_that_are_idle_for_long_or_too_many_the_longest_idle_first() -> None:
    busy, over = FakeRunning(over=False), FakeRunning(over=True)
    bastion = kept(0.0)
    working, idle, ended = kept(1.0, busy), kept(2.0, hop=bastion), kept(3.0, over)
    dead = Slot(Machine("s", "n", "n"))
    slots = [ended, dead, working, idle, bastion]
    assert spare(slots, 10.0, 9) == []
    assert spare(slots, 10.0, 3) == [idle]
    assert spare(slots, 10.0, 0) == [idle, ended]
    assert spare(slots, 11.0 + slot.IDLE_SECONDS, 9) == [idle, ended]
    idle.link = None
    assert spare([bastion, idle], 10.0 + slot.IDLE_SECONDS, 9) == [bastion]


async def test_a_connection_that_nobody_waits_for_any_more_is_given_up_and_may_be_begun_again() -> None:
    one = Slot(Machine("s", "n", "n"))
    begun = 0

    async def make() -> Any:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()

    for number in (1, 2):
        one.making = Making(one, make(), ask=True)
        waiting = [asyncio.create_task(one.making.link()) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task = one.making.task
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert one.making is not None and not task.done()
        waiting[1].cancel()
        await asyncio.wait([*waiting, task])
        assert one.making is None and task.cancelled() and begun == number


def test_so_many_connections_are_kept_as_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [256, 600]
    monkeypatch.setattr(slot.resource, "getrlimit", lambda _: tuple(limits))
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(slot.resource, "setrlimit", lambda _, wanted: asked.append(wanted))
    assert most_connections() == 300 and asked == [(600, 600)]
    limits[:] = [1 << 20, 1 << 20]
    assert most_connections() == slot.MOST and len(asked) == 1

    def denied(_: int, __: object) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(slot.resource, "setrlimit", denied)
    limits[:] = [64, 4096]
    assert most_connections() == 32


@pytest.mark.parametrize("address", ["10.0.0.1", "::1"])
async def test_an_address_is_not_looked_up(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.fleet.engine.names.socket.getaddrinfo", None)
    ((_, _, _, _, place),) = await Resolver().addresses(address, 22)
    assert place == (address, 22)


def test_hops_are_met_before_the_hosts_behind_them_and_each_once() -> None:
    first, second = Machine("s", "first", "1"), Machine("s", "second", "2")
    near, far, bare = (
        Machine("s", "near", "3", jumps=(first,)),
        Machine("s", "far", "4", jumps=(first, second)),
        Machine("s", "bare", "5"),
    )
    names = [[machine.name for machine in level] for level in levels([far, near, bare, near])]
    assert names == [["first", "bare"], ["second", "near"], ["far"]]
