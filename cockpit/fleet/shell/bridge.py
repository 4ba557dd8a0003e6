"""A person's own terminal, joined to a shell on a host."""

from __future__ import annotations

from cockpit.fleet.engine.link import Ending, Running
from cockpit.tasks.terminal import Tty, join

LEFT = "left by ~."


async def bridge(running: Running, terminal: Tty) -> Ending:
    """Join them until the shell ends or the person leaves (`lost` is then LEFT)."""

    async def read() -> bytes | None:
        chunk = await running.channel.read()
        return None if chunk is None else chunk.data

    async def write(data: bytes) -> None:
        running.write(data)
        await running.room()

    try:
        left = await join(terminal, read=read, write=write, resize=running.resize)
    finally:
        running.close()
    return Ending(lost=LEFT) if left else running.channel.ending
