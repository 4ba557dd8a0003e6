"""The loop of the screens: few sockets in one turn, each its turn, and never one that has changed meanwhile."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain

import pytest

from cockpit.tui.loop import MOST_AT_ONCE, FewAtATime, fair_loop


@pytest.fixture
def selector() -> Iterator[FewAtATime]:
    with FewAtATime() as selector:
        yield selector


@pytest.fixture
def readable() -> Iterator[list[socket.socket]]:
    """Twelve sockets with a byte to read each."""
    with ExitStack() as held:
        ends = []
        for _ in range(3 * MOST_AT_ONCE):
            here, there = socket.socketpair()
            held.enter_context(here)
            held.enter_context(there).send(b"x")
            ends.append(here)
        yield ends


def handed(selector: FewAtATime) -> list[int]:
    return [key.fd for key, events in selector.select(0) if events == selectors.EVENT_READ]


def test_each_has_its_turn_before_any_has_two(selector: FewAtATime, readable: list[socket.socket]) -> None:
    for end in readable:
        selector.register(end, selectors.EVENT_READ)
    parts = [handed(selector) for _ in range(3)]
    assert [len(part) for part in parts] == [MOST_AT_ONCE] * 3
    assert sorted(chain(*parts)) == sorted(end.fileno() for end in readable)
    assert handed(selector) == parts[0]


def test_what_was_given_up_or_changed_meanwhile_is_not_handed_over(
    selector: FewAtATime, readable: list[socket.socket]
) -> None:
    for end in readable:
        selector.register(end, selectors.EVENT_READ)
    waiting = {end.fileno(): end for end in readable}
    for fd in handed(selector):
        del waiting[fd]
    gone, other, *rest = waiting.values()
    selector.unregister(gone)
    selector.unregister(other)
    selector.register(other, selectors.EVENT_READ)
    assert sorted(handed(selector) + handed(selector)) == sorted(end.fileno() for end in rest)
    assert other.fileno() in chain(*(handed(selector) for _ in range(3)))


def test_it_waits_no_longer_than_it_is_told(selector: FewAtATime) -> None:
    assert selector.select(0.001) == []


def test_a_timer_is_not_kept_waiting_by_sockets_that_are_always_ready(readable: list[socket.socket]) -> None:
    async def watch() -> int:
        turns = 0

        def ready() -> None:
            nonlocal turns
            turns += 1

        loop = asyncio.get_running_loop()
        for end in readable:
            loop.add_reader(end, ready)
        await asyncio.sleep(0.01)
        for end in readable:
            loop.remove_reader(end)
        return turns

    with asyncio.Runner(loop_factory=fair_loop) as runner:
        assert runner.run(watch()) > len(readable)
