"""The row of one host, kept current over one cheap channel for as long as somebody looks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from cockpit.fleet import host as states
from cockpit.fleet.engine.link import NoChannel
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.facts import details, sample
from cockpit.fleet.facts.details import Details
from cockpit.fleet.facts.dialogue import PREPARE, Dialogue, GaveWay, Late, NoShell, dialogue, loop
from cockpit.fleet.facts.sample import Sample
from cockpit.fleet.host import Host, unseen
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.knownhosts import stamp
from cockpit.fleet.trust.refused import HostKeyRefused
from cockpit.model import clock, errors

SCRIPT = loop(PREPARE, sample.SCRIPT, details.SCRIPT, answers=f"{sample.ANSWER} {details.ANSWER}")
STALE_SECONDS = 5.0
"""Without the answer to a question, from which on the figures are called stale."""
SILENT = f"no answer for more than {STALE_SECONDS:g} s over a connection that stands"
GIVE_UP_SECONDS = 20.0
"""For the answer to a cheap question; then the channel is made anew. A dead connection is noticed by its keepalives."""
DETAILS_SECONDS = 60.0
"""Between two dear questions."""
DETAILS_ANSWER_SECONDS = 30.0
HANGS_SECONDS = 600.0
"""After a dear question that was not answered: what hangs there (df, systemctl) would hang again."""
RARELY = 30
"""Every so many dear questions the dearest is asked too: `needs-restarting` on every half hour."""
BACKOFF_SECONDS = (2.0, 60.0)
"""After an unreachable host: first, most."""
DENIED_SECONDS = 300.0
"""After a refused login: sshd counts failed ones against us (PerSourcePenalties). And where there is no shell."""
KEPT = 1000
"""Hosts that are sampled at once: each takes a connection."""
TURN_SECONDS = 60.0
"""How long each may stay where others wait."""
ELSEWHERE_SECONDS = 60.0
"""Between two questions to a host that is no Linux: all it can tell is that it answers."""


class Turns:
    """Bounds how many are sampled at once; where there are more, each gives way after a while."""

    def __init__(self, most: int = KEPT) -> None:
        self.waiting = 0
        self._free = asyncio.Semaphore(most)

    @property
    def full(self) -> bool:
        return self._free.locked()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one, and have it."""
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._free.release()


class Sampler:
    """Asks one machine for ever. It never raises for what a host does."""

    def __init__(
        self, pool: Pool, machine: Machine, interval_seconds: float, put: Callable[[Host], None], turns: Turns
    ) -> None:
        """`put` is given every new row."""
        self.machine = machine
        self.row = unseen(machine)
        self._pool, self._interval, self._put, self._turns = pool, interval_seconds, put, turns
        self._busy: tuple[int, int] | None = None
        self._asked = 0
        """Dear questions so far."""
        self._details_due = self._hangs_until = 0.0
        """On the loop's clock: the next dear question; and none before, as the last one was not answered."""
        self._complaint = ""
        """What is wrong with a host that is up."""
        self._failures = 0
        self._visits = False
        """Its sshd allows too few sessions: each sample takes a channel for its own while alone."""

    async def run(self) -> None:
        """Until cancelled; wait longer after each failure."""
        if self.machine.unsupported:
            return
        while True:
            try:
                if self._turns.full and self.row.current:
                    self._stale(f"it waits for its turn: {KEPT} hosts are sampled at once")
                async with self._turns.turn(), dialogue(self._pool, self.machine, SCRIPT, ask=False) as asked:
                    await (self._visit(asked) if self._visits else self._keep(asked))
                if self._visits:
                    await asyncio.sleep(self._interval * random.uniform(0.9, 1.1))
            except (GaveWay, NoChannel):
                self._visits = True
                self._stale("its sshd allows no more sessions at once (MaxSessions); a command has them")
                await asyncio.sleep(self._interval * random.uniform(0.9, 1.1))
            except errors.SourceError as error:
                self._failures += 1
                self._busy = None
                self._say(_failed(self.row, error))
                await self._pause(error)

    def late(self, seconds: float) -> Host:
        """The row, when one whole look has taken too long."""
        if self.row.current:
            return self.row
        error = Late(f"{self.machine.where} gave no answer within {seconds:g} s")
        return replace(_failed(self.row, error), state=states.UNREACHABLE)

    async def once(self) -> Host:
        """The row after one whole look: two samples and the details between them."""
        try:
            async with dialogue(self._pool, self.machine, SCRIPT, ask=False) as asked:
                await self._sample(asked)
                await self._detail(asked)
                await self._sample(asked)
        except errors.SourceError as error:
            self._say(_failed(self.row, error))
        return self.row

    async def _visit(self, asked: Dialogue) -> None:
        await self._sample(asked)
        loop = asyncio.get_running_loop()
        if loop.time() >= self._details_due:
            await self._detail(asked)

    async def _keep(self, asked: Dialogue) -> None:
        """Until it is another's turn."""
        loop = asyncio.get_running_loop()
        self._details_due, until = self._hangs_until, loop.time() + TURN_SECONDS
        first = True
        while not self._turns.waiting or loop.time() < until:
            await self._sample(asked)
            if loop.time() >= self._details_due:
                await self._detail(asked)
            pause = self._interval if self.row.load1 is not None else max(self._interval, ELSEWHERE_SECONDS)
            # the first pause is cut at random: hosts that were reached together do not go on answering together
            await asyncio.sleep(pause * (random.random() if first else random.uniform(0.9, 1.1)))
            first = False

    async def _sample(self, asked: Dialogue) -> None:
        loop = asyncio.get_running_loop()
        late = loop.call_later(STALE_SECONDS, self._stale, SILENT)
        started = loop.time()
        try:
            answer = await asked.ask("sample", seconds=GIVE_UP_SECONDS)
        finally:
            late.cancel()
        seconds = loop.time() - started
        seen = sample.parse(answer)
        self._failures = 0
        self._say(self._seen(seen, seconds))
        self._busy = seen.busy

    async def _detail(self, asked: Dialogue) -> None:
        loop = asyncio.get_running_loop()
        rare = " rare" if self._asked % RARELY == 0 else ""
        self._asked += 1
        late = loop.call_later(self._interval + STALE_SECONDS, self._stale, SILENT)
        try:
            answer = await asked.ask(f"details{rare}", seconds=DETAILS_ANSWER_SECONDS)
        except Late:
            self._details_due = self._hangs_until = loop.time() + HANGS_SECONDS
            self._complaint = "disks, units and processes are not known: the question hangs there (df or systemctl)"
            self.row = replace(self.row, details=self.row.details or Details())
            raise
        finally:
            late.cancel()
        self._details_due = loop.time() + DETAILS_SECONDS * random.uniform(0.9, 1.1)
        known = details.parse(answer)
        self._complaint = "" if self.row.load1 is not None else _elsewhere(known)
        row = self.row if self.row.current else replace(self.row, state=states.UP)
        self._say(replace(row, details=known, error=_joined(self._complaint, self.machine)))

    def _seen(self, seen: Sample, seconds: float) -> Host:
        return replace(
            self.row,
            state=states.UP,
            error=_joined(self._complaint, self.machine),
            latency_seconds=seconds,
            seen_at=clock.wall(),
            load1=seen.load1,
            cpu_ratio=sample.cpu_ratio(self._busy, seen.busy),
            memory_used_ratio=seen.memory_used_ratio,
            memory_bytes=seen.memory_bytes,
            uptime_seconds=seen.uptime_seconds,
        )

    def _stale(self, why: str) -> None:
        self._say(replace(self.row, state=states.STALE, error=_joined(why, self.machine), latency_seconds=None))

    def _say(self, row: Host) -> None:
        self.row = row
        self._put(row)

    async def _pause(self, error: errors.SourceError) -> None:
        if isinstance(error, NoShell):
            await asyncio.sleep(DENIED_SECONDS * random.uniform(0.9, 1.1))
        elif isinstance(error, errors.Denied):
            await self._until_mended()
        else:
            first, most = BACKOFF_SECONDS
            await asyncio.sleep(min(most, first * 2 ** min(self._failures - 1, 10)) * random.uniform(0.5, 1.0))

    async def _until_mended(self) -> None:
        """Less long when a file that a login is judged by has changed, or a passphrase was given."""
        machine = self.machine
        files = (*machine.known_hosts, *machine.identities, *machine.certificates)
        before, unlocked = await asyncio.to_thread(stamp, files), self._pool.unlocked
        loop = asyncio.get_running_loop()
        until = loop.time() + DENIED_SECONDS
        changed = False
        while not changed and loop.time() < until:
            await asyncio.sleep(min(self._interval, 5.0))
            changed = self._pool.unlocked != unlocked or await asyncio.to_thread(stamp, files) != before


def _failed(row: Host, error: errors.SourceError) -> Host:
    match error:
        case HostKeyRefused():
            state = states.HOSTKEY
        case errors.Denied():
            state = states.DENIED
        case Late():
            state = states.STALE
        case errors.Unreachable():
            state = states.UNREACHABLE
        case NoShell():
            state = states.NO_SHELL
        case _:
            state = states.FAILED
    return replace(row, state=state, error=str(error), latency_seconds=None)


def _elsewhere(known: Details) -> str:
    return f"it runs {known.system or 'no Linux'}: the figures are read from Linux's /proc, which it has not"


def _joined(why: str, machine: Machine) -> str:
    return "; ".join(filter(None, (why, *machine.notes)))
