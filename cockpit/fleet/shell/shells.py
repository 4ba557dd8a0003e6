"""Shells on several hosts at once, each with a small screen of its own; what is typed goes to all that take part."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from cockpit.fleet.engine.link import Running
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.machine import Machine
from cockpit.fleet.shell.emulator import TERM, Emulator
from cockpit.model import errors
from cockpit.tasks.terminal import Terminal

MOST = 24
"""Shells at once: more cannot be read on a screen."""
SLICE_BYTES = 4096
"""Drawn in one go: 6 ms; then the loop has its turn."""
LEFT = "closed by you"


class Tile:
    """One host's shell."""

    def __init__(self, machine: Machine, changed: asyncio.Event) -> None:
        self.machine = machine
        self.screen = Emulator()
        self.state: Literal["connecting", "open", "ended"] = "connecting"
        self.why = ""
        """How it ended."""
        self.joined = True
        """What is typed goes to it too."""
        self.revision = 0
        """Another one when there is something new to draw."""
        self._changed = changed
        self._running: Running | None = None

    def write(self, data: bytes) -> None:
        """Keys, to this one alone."""
        if self._running is not None and self.state == "open":
            self._running.write(data)

    def resize(self, columns: int, rows: int) -> None:
        if (columns, rows) != (self.screen.columns, self.screen.rows):
            self.screen.resize(columns, rows)
            if self._running is not None:
                self._running.resize(self._terminal())
            self._touch()

    async def run(self, pool: Pool) -> None:
        """From the connection to the end of the shell. Cancelled, it hangs up: sshd then ends what runs in it."""
        try:
            self._running = await pool.shell(self.machine, self._terminal())
            self._running.resize(self._terminal())  # the size may be another by now
            self._become("open")
            await self._show(self._running)
        except errors.SourceError as error:
            self._become("ended", str(error))
        except asyncio.CancelledError:
            self._become("ended", LEFT)
            raise
        finally:
            if self._running is not None:
                self._running.close()

    async def _show(self, running: Running) -> None:
        while (chunk := await running.channel.read()) is not None:
            for start in range(0, len(chunk.data), SLICE_BYTES):
                answers = self.screen.feed(chunk.data[start : start + SLICE_BYTES])
                if answers:
                    running.write(answers)
                self._touch()
                await asyncio.sleep(0)
        ending = running.channel.ending
        said = f"exit status {ending.status}" if ending.status is not None else f"ended by SIG{ending.signal}"
        self._become("ended", said if ending.known else f"the connection was lost ({ending.lost})")

    def _terminal(self) -> Terminal:
        return Terminal(TERM, self.screen.columns, self.screen.rows)

    def _become(self, state: Literal["open", "ended"], why: str = "") -> None:
        self.state, self.why = state, why
        self._touch()

    def _touch(self) -> None:
        self.revision += 1
        self._changed.set()


class Shells:
    """The tiles of one task. `run` ends when all shells have ended and the person has left, or at once on `close`."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.changed = asyncio.Event()
        """Set whenever some tile has something new; whoever draws clears it."""
        self.tiles = tuple(Tile(machine, self.changed) for machine in machines)
        self._closed = asyncio.Event()

    @property
    def open(self) -> int:
        """Shells that have not ended."""
        return sum(tile.state != "ended" for tile in self.tiles)

    def type(self, data: bytes) -> int:
        """Keys, to every shell that takes part; gives to how many they went."""
        taking = [tile for tile in self.tiles if tile.joined and tile.state == "open"]
        for tile in taking:
            tile.write(data)
        return len(taking)

    def close(self) -> None:
        """Hang up on all of them."""
        self._closed.set()

    async def run(self, pool: Pool) -> None:
        """Bounded by the person: it ends with `close`, also when every shell has ended before."""
        async with pool.used(), asyncio.TaskGroup() as group:
            running = [group.create_task(tile.run(pool), name=f"shell:{tile.machine.name}") for tile in self.tiles]
            await self._closed.wait()
            for task in running:
                task.cancel()
