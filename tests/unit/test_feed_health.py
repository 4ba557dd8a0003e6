"""A feed says how far each source can be trusted, and comes back to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from msgspec import Struct

from cockpit.feeds.feed import Feed
from cockpit.model import clock, errors, health
from cockpit.model.changes import Change, Confirm, Remove, Reset, Upsert

WAIT = 20.0


class Item(Struct, frozen=True):
    key: str
    value: int = 0


class Source:
    """An adapter whose attempts are given as functions."""

    def __init__(
        self, *attempts: Callable[[], AsyncIterator[Change[Item]]], name: str = "one", silence: float | None = None
    ) -> None:
        self.name, self.silence = name, silence
        self._attempts = list(attempts)
        self.tries = 0
        self.closed = 0

    async def watch(self) -> AsyncIterator[Change[Item]]:
        attempt = self._attempts[min(self.tries, len(self._attempts) - 1)]
        self.tries += 1
        try:
            async for change in attempt():
                yield change
        finally:
            self.closed += 1


def steady(*items: str) -> Callable[[], AsyncIterator[Change[Item]]]:
    async def watch() -> AsyncIterator[Change[Item]]:
        yield Reset(tuple(Item(key) for key in items))
        await asyncio.Event().wait()

    return watch


def failing(error: BaseException, *items: str) -> Callable[[], AsyncIterator[Change[Item]]]:
    async def watch() -> AsyncIterator[Change[Item]]:
        if items:
            yield Reset(tuple(Item(key) for key in items))
        raise error

    return watch


@asynccontextmanager
async def running(*sources: Source, backoff: tuple[float, float] = (0.01, 0.02)) -> AsyncIterator[Feed[Item]]:
    feed: Feed[Item] = Feed(sources, hint="write [[pods]]", backoff_seconds=backoff)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        assert not task.done() or not sources
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_without_a_source() -> None:
    feed: Feed[Item] = Feed((), hint="write [[pods]]")
    assert feed.overall == health.Unconfigured("write [[pods]]")
    assert await feed.settled(0.1)


async def test_a_live_source() -> None:
    async with running(Source(steady("a", "b"))) as feed:
        assert isinstance(feed.overall, health.Loading)
        assert await feed.settled(WAIT)
        assert isinstance(feed.overall, health.Live)
        assert sorted(feed.items) == ["a", "b"]


async def test_the_last_good_items_stay() -> None:
    source = Source(failing(errors.Unreachable("cut"), "a"), failing(errors.Unreachable("still cut")))
    async with running(source) as feed:
        assert await feed.until(lambda: source.tries > 2 and isinstance(feed.overall, health.Stale), WAIT)
        state = feed.health["one"]
        assert isinstance(state, health.Stale)
        assert state.why == "still cut"
        assert state.confirmed is not None
        assert list(feed.items) == ["a"]
    assert source.closed == source.tries


async def test_a_source_never_read_is_stale_without_an_age() -> None:
    async with running(Source(failing(errors.Malformed("not JSON")))) as feed:
        assert await feed.settled(WAIT)
        assert isinstance(feed.overall, health.Stale)
        assert feed.overall.confirmed is None


async def test_it_comes_back_and_drops_what_is_gone() -> None:
    source = Source(failing(errors.Unreachable("cut"), "a", "b"), steady("b", "c"))
    async with running(source) as feed:
        assert await feed.until(lambda: sorted(feed.items) == ["b", "c"], WAIT)
        assert isinstance(feed.overall, health.Live)


async def test_silence_makes_stale_without_an_error() -> None:
    async with running(Source(steady("a"), silence=0.05), backoff=(5.0, 5.0)) as feed:
        assert await feed.until(lambda: isinstance(feed.overall, health.Stale), WAIT)
        assert feed.overall.why == "silent for more than 0.05 s"  # type: ignore[union-attr]
        assert list(feed.items) == ["a"]


async def test_a_confirmation_keeps_a_source_live() -> None:
    async def watch() -> AsyncIterator[Change[Item]]:
        yield Reset((Item("a"),))
        while True:
            await asyncio.sleep(0.02)
            yield Confirm()

    source = Source(watch, silence=5.0)
    async with running(source) as feed:
        await feed.settled(WAIT)
        first = feed.health["one"]
        started = time.monotonic()
        while feed.health["one"] == first and time.monotonic() - started < WAIT:
            await asyncio.sleep(0.01)
        assert isinstance(feed.overall, health.Live)
        assert isinstance(first, health.Live)
        assert feed.overall.confirmed > first.confirmed
        assert source.tries == 1


async def test_what_is_measured_of_the_items_says_nothing_of_how_fresh_they_are() -> None:
    now = 100.0

    async def watch() -> AsyncIterator[Change[Item]]:
        nonlocal now
        yield Reset((Item("a"),))
        now = 160.0
        yield Upsert((Item("a", 1),), fresh=False)
        await asyncio.Event().wait()

    feed = Feed([Source(watch)], steady=lambda: now)
    running = asyncio.create_task(feed.run())
    try:
        assert await feed.until(lambda: bool(feed.items) and feed.items["a"].value == 1, WAIT)
        assert feed.overall == health.Live(100.0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_machine_that_slept_does_not_show_old_items_as_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's timers stand still meanwhile: without a look at the clock an hour would pass for nothing."""
    monkeypatch.setattr("cockpit.feeds.feed.LOOK_SECONDS", 0.02)
    slept = 0.0
    source = Source(steady("a"), silence=1000.0)
    feed: Feed[Item] = Feed([source], backoff_seconds=(60.0, 60.0), steady=lambda: clock.steady() + slept)
    task = asyncio.create_task(feed.run())
    assert await feed.until(lambda: isinstance(feed.overall, health.Live), WAIT)
    while not feed._awaited:  # the next change
        await asyncio.sleep(0)
    slept = 3600.0
    assert await feed.until(lambda: isinstance(feed.overall, health.Stale), WAIT)
    assert isinstance(feed.overall, health.Stale) and feed.overall.why == "silent for more than 1000 s"
    assert set(feed.items) == {"a"} and source.closed == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("silence", [None, 30.0])
async def test_a_time_out_of_the_adapters_own_is_not_silence(silence: float | None) -> None:
    async with running(Source(failing(TimeoutError("handshake"), "a"), silence=silence), backoff=(5.0, 5.0)) as feed:
        assert await feed.until(lambda: isinstance(feed.overall, health.Stale), WAIT)
        assert feed.overall.why == "timed out: handshake"  # type: ignore[union-attr]


async def test_denied_waits_long_and_can_be_hurried() -> None:
    source = Source(failing(errors.Denied("token expired; run: gh auth login")), steady("a"))
    async with running(source, backoff=(0.01, 3600.0)) as feed:
        assert await feed.until(lambda: isinstance(feed.overall, health.Denied), WAIT)
        assert isinstance(feed.overall, health.Denied)
        assert feed.overall.retry_at - clock.steady() > 3000
        while source.tries == 1:
            feed.retry()
            await asyncio.sleep(0.01)
        assert await feed.until(lambda: isinstance(feed.overall, health.Live), WAIT)


async def test_a_rate_limit_is_kept() -> None:
    error = errors.RateLimited("slow down", retry_after_seconds=1800)
    async with running(Source(failing(error)), backoff=(0.01, 0.02)) as feed:
        assert await feed.settled(WAIT)
        assert isinstance(feed.overall, health.Stale)
        assert feed.overall.retry_at - clock.steady() > 1700


async def test_a_defect_of_an_adapter_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    good = Source(steady("b"), name="good")
    async with running(Source(failing(KeyError("x")), name="bad"), good) as feed:
        assert await feed.until(lambda: bool(feed.items) and isinstance(feed.health["bad"], health.Stale), WAIT)
        assert "defect in cockpit" in feed.health["bad"].why  # type: ignore[union-attr]
        assert isinstance(feed.overall, health.Stale)
    assert "the adapter of bad has a defect" in caplog.text


async def test_the_cause_in_a_group_is_found() -> None:
    group = ExceptionGroup("both", [ValueError("x"), ExceptionGroup("inner", [errors.Denied("key refused")])])
    async with running(Source(failing(group))) as feed:
        assert await feed.settled(WAIT)
        assert isinstance(feed.overall, health.Denied)
        assert feed.overall.why == "key refused"


async def test_it_comes_back_after_a_task_group_failed_in_the_adapter() -> None:
    """Such a group leaves its cancel counted in the feed's task; before Python 3.11.3 that ended the feed for good."""

    async def broken() -> None:
        await asyncio.sleep(0)
        raise errors.Unreachable("down")

    async def watch() -> AsyncIterator[Change[Item]]:
        async with asyncio.TaskGroup() as group:
            group.create_task(broken())
        yield Confirm()

    async with running(Source(watch, watch, steady("a"))) as feed:
        assert await feed.until(lambda: isinstance(feed.overall, health.Live), WAIT)


async def test_followers_merge_and_are_paced() -> None:
    start = asyncio.Event()

    async def watch() -> AsyncIterator[Change[Item]]:
        yield Reset(())
        await start.wait()
        for n in range(5000):
            yield Upsert((Item(f"k{n % 10}", n),))
        yield Remove(("k0",))
        await asyncio.Event().wait()

    async with running(Source(watch)) as feed:
        await feed.settled(WAIT)
        async with aclosing(feed.follow(period=0.05)) as follow:  # type: ignore[type-var]
            first = await anext(follow)
            assert first.reset
            start.set()
            seen = 0
            async for delta in follow:
                seen += 1
                if "k0" in delta.removed:
                    break
            assert seen < 200
            assert len(feed.items) == 9


async def test_the_loop_gets_its_turn_under_a_flood() -> None:
    async def watch() -> AsyncIterator[Change[Item]]:
        yield Reset(())
        for n in range(100_000):
            yield Upsert((Item("k", n),))
        await asyncio.Event().wait()

    async with running(Source(watch)) as feed:
        turns = 0
        while feed.items.get("k") != Item("k", 99_999):
            await asyncio.sleep(0)
            turns += 1
        assert turns > 10


async def test_cancelling_closes_the_streams() -> None:
    source = Source(steady("a"))
    async with running(source) as feed:
        await feed.settled(WAIT)
    assert source.closed == 1


async def test_not_settled_in_time() -> None:
    async def watch() -> AsyncIterator[Change[Item]]:
        await asyncio.Event().wait()
        yield Confirm()

    async with running(Source(watch)) as feed:
        assert not await feed.settled(0.02)
