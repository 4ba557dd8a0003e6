"""Log rings: bounded, the same for the same seed, and followed without loss."""

from __future__ import annotations

import asyncio
from random import Random

from cockpit.demo.kubernetes.logs import BEHIND, KEPT, Log, Logs, follow
from cockpit.demo.kubernetes.voices import voice_of


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def count(random: Random, at: float) -> str:
    return f"{at:.1f} {random.random():.6f}"


def test_two_readers_see_the_same_log() -> None:
    one, two = (Log(seed="s", began=0, now=1000, voice=count, every=1.0) for _ in range(2))
    one.advance(1000)
    for now in range(100, 1001, 7):
        two.advance(now)
    two.advance(1000)
    assert list(one.lines) == list(two.lines)
    assert 500 < one.count < 1500


def test_an_old_container_begins_with_a_bounded_past() -> None:
    log = Log(seed="s", began=0, now=1e9, voice=count, every=0.1)
    log.advance(1e9)
    assert len(log.lines) == KEPT
    assert log.lines[0].at >= 1e9 - BEHIND


def test_a_restart_keeps_the_log_before_and_deletion_forgets_all() -> None:
    clock = Clock()
    logs = Logs(clock)
    first = logs.begin("uid", "app", began=clock(), voice=None)
    first.write("last words", clock())
    logs.begin("uid", "app", began=clock(), voice=None)
    assert first.ended
    assert [line.text for line in logs.previous("uid", "app") or ()] == [b"last words"]
    logs.forget("uid")
    assert logs.previous("uid", "app") is None and logs.current("uid", "app") is None


async def test_follower_gets_every_line_once_and_ends_with_the_container() -> None:
    clock = Clock()
    log = Log(seed="s", began=clock(), now=clock(), voice=None, every=1.0)
    got: list[bytes] = []

    async def read() -> None:
        async for lines in follow(log, 0, clock):
            got.extend(line.text for line in lines)
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    wanted = []
    for number in range(1000):
        log.write(f"{number}", clock())
        wanted.append(f"{number}".encode())
        if number % 3 == 0:
            await asyncio.sleep(0)
    log.end(clock())
    await asyncio.wait_for(reader, 10)
    assert got == wanted


async def test_follower_of_a_living_log_waits_for_the_next_line() -> None:
    loop = asyncio.get_running_loop()
    log = Log(seed="s", began=loop.time(), now=loop.time(), voice=count, every=0.01)
    async with asyncio.timeout(10):
        async for _ in follow(log, 0, loop.time):
            if log.count > 5:
                break
    assert not log._readers


def test_voices_mix_levels() -> None:
    for name in ("web", "service", "worker", "system"):
        voice, every = voice_of({"metadata": {"annotations": {"simulator.cockpit/voice": name}}}, "app")
        assert voice is not None and every > 0
        random = Random(1)
        lines = [voice(random, 1e9 + n) for n in range(300)]
        assert all(line.isprintable() for line in lines)
        assert len(set(lines)) > 200
    assert voice_of({"metadata": {"annotations": {"simulator.cockpit/voice": "silent"}}}, "app")[0] is None
