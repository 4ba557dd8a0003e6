"""The channel between what a connection delivers and who reads it."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.fleet.engine import link
from cockpit.fleet.engine.link import Channel


async def everything(channel: Channel) -> bytes:
    said = bytearray()
    async with asyncio.timeout(20):
        while (chunk := await channel.read()) is not None:
            said += chunk.data
    return bytes(said)


async def test_output_then_end() -> None:
    channel = Channel(lambda _: None)
    channel.feed(b"a", stderr=False)
    channel.feed(b"b", stderr=True)
    channel.ended(status=3)
    channel.closed()
    assert await everything(channel) == b"ab"
    assert (channel.ending.status, channel.ending.known, channel.ending.pipe_held) == (3, True, False)


async def test_output_that_comes_after_the_end_is_kept() -> None:
    channel = Channel(lambda _: None)
    channel.ended(status=0)
    asyncio.get_running_loop().call_later(0.05, lambda: channel.feed(b"late", stderr=False))
    asyncio.get_running_loop().call_later(0.1, channel.closed)
    assert await everything(channel) == b"late"
    assert not channel.ending.pipe_held


async def test_a_close_without_an_end_is_a_loss() -> None:
    channel = Channel(lambda _: None)
    channel.closed("Connection lost")
    assert await everything(channel) == b""
    assert (channel.ending.known, channel.ending.lost) == (False, "Connection lost")


async def test_the_other_side_waits_for_the_reader_and_what_is_late_by_that_is_not_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "HELD_MOST_SECONDS", 0.2)
    states: list[bool] = []
    channel = Channel(states.append)
    for _ in range(20):
        channel.feed(bytes(link.LOW_BYTES), stderr=False)
    channel.ended(status=0)
    assert states == [True]
    await asyncio.sleep(0.3)
    taken = 0
    while states == [True]:
        chunk = await channel.read()
        assert chunk is not None
        taken += len(chunk.data)
    channel.feed(b"rest", stderr=False)
    channel.closed()
    assert states == [True, False]
    assert taken + len(await everything(channel)) == 20 * link.LOW_BYTES + 4
    assert not channel.ending.pipe_held


@pytest.mark.parametrize(("seconds", "size"), [(0.2, 1000), (60.0, 10)])
async def test_a_detached_child_that_goes_on_writing_is_left(
    monkeypatch: pytest.MonkeyPatch, seconds: float, size: int
) -> None:
    monkeypatch.setattr(link, "HELD_MOST_SECONDS", seconds)
    monkeypatch.setattr(link, "HELD_MOST_BYTES", size)
    channel = Channel(lambda _: None)
    channel.ended(status=0)

    async def chatter() -> None:
        while True:
            channel.feed(b"x", stderr=False)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(chatter())
    await everything(channel)
    task.cancel()
    assert channel.ending.pipe_held and channel.ending.status == 0
