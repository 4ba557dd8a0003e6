"""A shell on a terminal of its own over real sshd, and the input and times of a command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cockpit.fleet.engine.link import Running
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import sent
from cockpit.fleet.machine import Machine
from cockpit.tasks.terminal import Terminal


class Typist:
    """Types into a shell and reads what it shows."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.seen = bytearray()

    async def asks(self, line: str, until: bytes) -> bytes:
        """What was shown from here to the text."""
        self.running.write(line.encode() + b"\n")
        start = len(self.seen)
        async with asyncio.timeout(20):
            while until not in self.seen[start:]:
                chunk = await self.running.channel.read()
                assert chunk is not None
                assert not chunk.stderr
                self.seen += chunk.data
        return bytes(self.seen[start:])


@pytest.mark.usefixtures("terminals")
async def test_size_kind_and_modes_of_the_terminal_are_as_asked(sshd: Any, pool: Pool) -> None:
    running = await pool.shell(sshd.machine(), Terminal("xterm-256color", 123, 45))
    typist = Typist(running)
    assert b"45 123" in await typist.asks("stty size; echo e''nd", b"end")
    assert b"xterm-256color" in await typist.asks("echo $TERM; echo e''nd", b"end")
    modes = await typist.asks("stty -a; echo e''nd", b"end")
    assert {b"icrnl", b"opost", b"isig", b"icanon", b"echo"} <= set(modes.split())
    assert b"erase = ^?" in modes and b"intr = ^C" in modes
    running.resize(Terminal("xterm-256color", 80, 24))
    assert b"24 80" in await typist.asks("stty size; echo e''nd", b"end")
    running.write(b"exit 7\n")
    while await running.channel.read() is not None:
        pass
    assert running.channel.ending.status == 7
    running.close()


@pytest.mark.usefixtures("terminals")
async def test_a_shell_that_is_closed_ends_what_runs_in_it(
    sshd: Any, pool: Pool, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    foreground, background = unique(), unique()
    running = await pool.shell(sshd.machine(), Terminal("vt100", 80, 24))
    running.write(f"sleep {background} &\nsleep {foreground}\n".encode())
    await comes_true(lambda: processes(f"sleep {foreground}") and processes(f"sleep {background}"))
    running.close()
    await comes_true(lambda: not processes(f"sleep {foreground}") and not processes(f"sleep {background}"))


async def test_input_reaches_a_command_whole(machine: Machine, pool: Pool) -> None:
    data = bytes(range(256)) * 4096 * 10
    said = bytearray()
    async with asyncio.timeout(60), sent(pool, machine, "cat", feed=True) as remote:

        async def feed() -> None:
            for place in range(0, len(data), 64 * 1024):
                remote.write(data[place : place + 64 * 1024])
                await remote.room()
            remote.eof()

        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            while (chunk := await remote.read()) is not None:
                said += chunk.data
    assert said == data
    assert remote.ending.status == 0


async def test_a_command_that_says_no_more_still_gets_its_input(
    machine: Machine, pool: Pool, tmp_path: Any, comes_true: Callable[..., Any]
) -> None:
    kept, ready = tmp_path / "kept", tmp_path / "ready"
    command = f"exec >&- 2>&-; : >{ready}; cat >{kept}"
    async with asyncio.timeout(60), sent(pool, machine, command, feed=True) as remote:
        await comes_true(ready.exists)
        remote.write(b"late\n")
        remote.eof()
        while await remote.read() is not None:
            pass
    assert kept.read_bytes() == b"late\n" and remote.ending.status == 0


async def test_a_command_that_takes_no_input_holds_nobody(machine: Machine, pool: Pool) -> None:
    async with asyncio.timeout(60), sent(pool, machine, "exec <&-; sleep 0.3; echo over", feed=True) as remote:

        async def feed() -> None:
            for _ in range(200):
                remote.write(bytes(64 * 1024))
                await remote.room()

        feeding = asyncio.create_task(feed())
        said = b""
        while (chunk := await remote.read()) is not None:
            said += chunk.data
        assert said == b"over\n"
    await asyncio.wait_for(feeding, 20)


async def test_a_command_says_when_what_happened(machine: Machine, pool: Pool) -> None:
    async with asyncio.timeout(60), sent(pool, machine, "sleep 0.2; echo out; sleep 0.2") as remote:
        first = remote.timeline
        assert first.taken is not None and (first.output, first.ended, first.drained) == (None, None, None)
        while await remote.read() is not None:
            pass
    times = remote.timeline
    assert times.taken is not None and times.output is not None and times.ended is not None
    assert times.drained is not None
    assert times.sent <= times.taken < times.output < times.ended <= times.drained
