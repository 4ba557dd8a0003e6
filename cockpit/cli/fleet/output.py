"""Output of many hosts on stdout: as text, or as JSON, a line a host."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from cockpit.cli.fleet.say import complain, drawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from cockpit.fleet.engine.link import Chunk
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.run.batch import Result

TAIL_BYTES = 64 * 1024
"""Of each stream of a host in JSON."""
WAITING_CHARS = 1 << 20
"""Unwritten output from which on the hosts are made to wait."""


class Out:
    """stdout, written off the loop: a reader that stalls slows the hosts down and nothing else."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._closed = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def line(self, text: str) -> None:
        self._lines.append(text)
        self._size += len(text)
        if self._size > WAITING_CHARS:
            self._room.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Wait while much is unwritten."""
        await self._room.wait()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def run(self, gone: Callable[[], None]) -> None:
        """Write until closed; `gone` is called once when nobody reads any more, and the rest is dropped."""
        broken = False
        while not (self._closed and not self._lines):
            await self._wake.wait()
            self._wake.clear()
            lines, self._lines, self._size = self._lines, [], 0
            self._room.set()
            if not lines or broken:
                continue
            try:
                await asyncio.to_thread(_write, "\n".join(lines) + "\n")
            except BrokenPipeError:
                broken = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                gone()


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode(sys.stdout.encoding or "utf-8", "replace"))
    sys.stdout.buffer.flush()


class Text:
    """Lines as they come, the host before each; failures on stderr as hosts end."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.out = Out()
        self._terminal = sys.stdout.isatty()

    def output(self, machine: Machine, chunk: Chunk) -> None:
        """Lines are taken from the task, which splits them."""

    def line(self, target: str, line: str) -> None:
        if target:
            self.out.line(drawn(f"{target}: {line}", terminal=self._terminal))

    def result(self, result: Result) -> None:
        from cockpit.tasks.action import State

        self.results.append(result)
        if result.state is not State.SUCCEEDED:
            complain(f"{result.machine.name}: {result.state.replace('_', ' ')}: {result.why}")


class Json:
    """One line a host as it ends."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.out = Out()
        self._tails: dict[str, tuple[bytearray, bytearray]] = {}
        self._sizes: dict[str, int] = {}

    def output(self, machine: Machine, chunk: Chunk) -> None:
        tail = self._tails.setdefault(machine.name, (bytearray(), bytearray()))[chunk.stderr]
        tail += chunk.data
        self._sizes[machine.name] = self._sizes.get(machine.name, 0) + len(chunk.data)
        if len(tail) > 2 * TAIL_BYTES:
            del tail[:-TAIL_BYTES]

    def line(self, target: str, line: str) -> None:
        """The output is in the host's own line."""

    def result(self, result: Result) -> None:
        import msgspec

        from cockpit.model.printable import escaped

        self.results.append(result)
        machine = result.machine
        streams = self._tails.pop(machine.name, (bytearray(), bytearray()))
        out, err = (bytes(stream[-TAIL_BYTES:]) for stream in streams)
        said = {
            "host": machine.name,
            "address": machine.address,
            "state": result.state,
            "exit_status": result.status,
            "signal": result.signal or None,
            "stdout_tail": out.decode("utf-8", "replace"),
            "stderr_tail": err.decode("utf-8", "replace"),
            "truncated": len(out) + len(err) < self._sizes.pop(machine.name, 0),
            "duration_seconds": round(result.duration_seconds, 3),
            "stop": result.stop or None,
            "error": result.why or None,
        }
        self.out.line(escaped(msgspec.json.encode(said).decode()))
