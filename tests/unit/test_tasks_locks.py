"""Property: whatever the schedule, locks exclude, share, serve in order and leave nothing behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.tasks.locks import Locks

KEYS = "abcd"


@dataclass(slots=True)
class Claim:
    arrives: int
    exclusive: frozenset[str]
    shared: frozenset[str]
    holds: int
    cancelled_after: int | None
    number: int = -1
    state: str = "new"
    log: list[str] = field(default_factory=list)

    def conflicts(self, other: Claim) -> bool:
        mine, theirs = self.exclusive | self.shared, other.exclusive | other.shared
        return bool(self.exclusive & theirs or mine & other.exclusive)


keys = st.frozensets(st.sampled_from(KEYS), max_size=3)
claims = st.lists(
    st.builds(
        Claim,
        arrives=st.integers(0, 6),
        exclusive=keys,
        shared=keys,
        holds=st.integers(0, 4),
        cancelled_after=st.none() | st.integers(0, 8),
    ),
    min_size=1,
    max_size=10,
)


async def play(schedule: list[Claim]) -> None:
    locks = Locks()
    arrived: list[Claim] = []

    def older(claim: Claim) -> list[Claim]:
        return [c for c in arrived if c.number < claim.number and c.state in ("waiting", "holding")]

    async def live(claim: Claim) -> None:
        for _ in range(claim.arrives):
            await asyncio.sleep(0)
        claim.number, claim.state = len(arrived), "waiting"
        arrived.append(claim)
        try:
            async with locks.hold(exclusive=claim.exclusive, shared=claim.shared):
                holders = [c for c in arrived if c.state == "holding"]
                assert not [c for c in holders if claim.conflicts(c)], "mutual exclusion"
                assert not [c for c in older(claim) if claim.conflicts(c)], "order of arrival"
                claim.state = "holding"
                for _ in range(claim.holds):
                    await asyncio.sleep(0)
                claim.state = "left"
        finally:
            claim.state = "left"

    async def watch() -> None:
        """Who waits at rest waits for somebody older: nothing is held back without need, so shared is shared."""
        waited: dict[int, int] = {}
        while any(c.state != "left" for c in schedule):
            for claim in arrived:
                free = claim.state == "waiting" and not any(claim.conflicts(c) for c in older(claim))
                waited[claim.number] = waited.get(claim.number, 0) + 1 if free else 0
                assert waited[claim.number] < 4, "held back although nothing older conflicts"
            await asyncio.sleep(0)

    async def end(claim: Claim, task: asyncio.Task[None]) -> None:
        if claim.cancelled_after is None:
            return
        for _ in range(claim.arrives + claim.cancelled_after):
            await asyncio.sleep(0)
        task.cancel()

    async with asyncio.timeout(20):
        tasks = [asyncio.create_task(live(claim)) for claim in schedule]
        enders = [asyncio.create_task(end(claim, task)) for claim, task in zip(schedule, tasks, strict=True)]
        results = await asyncio.gather(*tasks, *enders, watch(), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
    assert locks.idle, "something leaked"
    served = [c for c in schedule if c.cancelled_after is None]
    assert all(c.state == "left" and c.number >= 0 for c in served)


def test_any_schedule_holds() -> None:
    with asyncio.Runner() as runner:

        @settings(max_examples=2000, deadline=None, database=None)
        @given(claims)
        def holds(schedule: list[Claim]) -> None:
            runner.run(play(schedule))

        holds()


async def test_readers_share_and_a_writer_between_them_keeps_its_place() -> None:
    locks = Locks()
    order: list[str] = []
    release = asyncio.Event()

    async def take(name: str, **held: set[str]) -> None:
        async with locks.hold(**held):
            order.append(name)
            await release.wait()

    first, second = (asyncio.create_task(take(n, shared={"k"})) for n in ("r1", "r2"))
    writer = asyncio.create_task(take("w", exclusive={"k"}))
    third = asyncio.create_task(take("r3", shared={"k"}))
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == ["r1", "r2"]
    release.set()
    await asyncio.gather(first, second, writer, third)
    assert order == ["r1", "r2", "w", "r3"]


async def test_opposite_orders_of_two_keys_do_not_deadlock() -> None:
    locks = Locks()

    async def take(*keys: str) -> None:
        for _ in range(50):
            async with locks.hold(exclusive=keys):
                await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await asyncio.gather(take("a", "b"), take("b", "a"), take("b", "c"), take("c", "a"))
    assert locks.idle


async def test_an_error_inside_releases() -> None:
    locks = Locks()
    with pytest.raises(ValueError, match="inside"):
        async with locks.hold(exclusive={"a"}, shared={"b"}):
            raise ValueError("inside")
    assert locks.idle
