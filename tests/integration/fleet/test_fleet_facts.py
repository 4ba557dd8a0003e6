"""The facts of hosts over real sshd: one channel, kept; what becomes of it when either side goes away."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cockpit.fleet.engine import handshake
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import answer, sent
from cockpit.fleet.facts import details, dialogue, processes, sample, sampler, units
from cockpit.fleet.facts.dialogue import PREPARE, Dialogue, Late, loop
from cockpit.fleet.facts.posix import command_line
from cockpit.fleet.facts.sampler import SCRIPT, Sampler, Turns
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine
from cockpit.model import errors

MARK = "questions of cockpit"
"""Stands in the command line of every loop on a host."""


@pytest.fixture(autouse=True)
def quick_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "BACKOFF_SECONDS", (0.2, 0.5))


@pytest.fixture
def loops(processes: Callable[[str], list[int]]) -> Callable[[], set[int]]:
    """The loops that this test has left on its hosts; those of others that run meanwhile do not count."""
    before = set(processes(MARK))
    return lambda: set(processes(MARK)) - before


class Sampling:
    """A sampler at work, and its rows."""

    def __init__(self, pool: Pool, machine: Machine, interval: float = 0.2, turns: Turns | None = None) -> None:
        self.rows: list[Host] = []
        self.sampler = Sampler(pool, machine, interval, self._put, turns or Turns())
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self.sampler.run())

    def _put(self, row: Host) -> None:
        self.rows.append(row)
        self._changed.set()

    async def until(self, holds: Callable[[Host], object], seconds: float = 30.0) -> Host:
        """Wait for a row."""
        async with asyncio.timeout(seconds):
            while not holds(self.sampler.row):
                self._changed.clear()
                await self._changed.wait()
        return self.sampler.row

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


@asynccontextmanager
async def sampling(machine: Machine, **options: Any) -> AsyncIterator[Sampling]:
    async with Pool().used() as pool:
        work = Sampling(pool, machine, **options)
        try:
            yield work
        finally:
            await work.close()


@asynccontextmanager
async def asked(machine: Machine, script: str = SCRIPT) -> AsyncIterator[Dialogue]:
    async with Pool().used() as pool, dialogue.dialogue(pool, machine, script, ask=False) as open_:
        yield open_


def here() -> Machine:
    return Machine("config", "here", "localhost", transport="local")


def seen(row: Host) -> bool:
    return row.state == "up" and row.details is not None


# -- the loop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["ssh", "local"])
async def test_a_host_answers_one_question_after_another(sshd: Any, transport: str) -> None:
    async with asked(sshd.machine() if transport == "ssh" else here()) as host:
        first = sample.parse(await host.ask("sample", seconds=20))
        assert first.load1 is not None and first.busy is not None and first.memory_bytes and first.uptime_seconds
        known = details.parse(await host.ask("details rare", seconds=20))
        assert known.system.startswith("Linux ") and known.cpus and known.disks and known.top_memory
        again = sample.parse(await host.ask("sample", seconds=20))
        assert sample.cpu_ratio(first.busy, again.busy) is not None


async def test_a_late_answer_is_not_taken_for_the_next_one(sshd: Any) -> None:
    slow = loop('slow() { sleep "$words"; echo "$mark begin slow $words $mark end"; }', answers="slow) slow ;;")
    async with asked(sshd.machine(), slow) as host:
        with pytest.raises(Late, match="no answer within"):
            await host.ask("slow 1", seconds=0.2)
        assert await host.ask("slow 0", seconds=20) == b" slow 0 "


async def test_noise_echoes_and_a_flood_are_no_answers(sshd: Any) -> None:
    noisy = loop(
        'noisy() { echo "$mark $question"; printf "\\377\\000%s" "$mark"; echo "$mark begin x $mark end"; }',
        'flood() { echo "$mark begin"; while :; do echo 0123456789012345678901234567890123456789; done; }',
        answers="noisy) noisy ;; flood) flood ;;",
    )
    async with asked(sshd.machine(), noisy) as host:
        assert await host.ask("noisy", seconds=20) == b" x "
        with pytest.raises(errors.Malformed, match="more than 64 KiB"):
            await host.ask("flood", seconds=20, most_bytes=65536)


async def test_nothing_is_left_on_the_host_when_we_go(
    sshd: Any, loops: Callable[[], set[int]], comes_true: Callable[..., Any]
) -> None:
    async with sampling(sshd.machine()) as work:
        await work.until(seen)
        assert loops()
    await comes_true(lambda: not loops())


async def test_nothing_is_left_on_the_host_when_we_are_killed(
    sshd: Any, loops: Callable[[], set[int]], comes_true: Callable[..., Any]
) -> None:
    machine = sshd.machine()
    program = f"""
        import asyncio
        from cockpit.fleet.engine.pool import Pool
        from cockpit.fleet.facts.sampler import Sampler, Turns
        from cockpit.fleet.machine import Machine

        async def main():
            machine = Machine("config", "web1", "127.0.0.1", {machine.port}, {machine.user!r},
                              {machine.identities!r}, known_hosts={machine.known_hosts!r})
            async with Pool().used() as pool:
                await Sampler(pool, machine, 0.2, lambda row: print(row.state, flush=True), Turns()).run()

        asyncio.run(main())
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == b"up\n"
        assert loops()
    finally:
        child.kill()
        child.wait()
        child.stdout.close() if child.stdout is not None else None
    await comes_true(lambda: not loops())


async def test_the_end_of_its_input_ends_the_loop() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command_line(SCRIPT)], input=b"aa sample\n", capture_output=True, timeout=30
    )
    assert done.stdout.startswith(b"aa begin ") and done.returncode == 0


# -- the sampler ---------------------------------------------------------------------------------


async def test_a_sampler_survives_the_loss_of_its_connection(sshd: Any) -> None:
    async with sampling(sshd.machine()) as work:
        await work.until(seen)
        sshd.kill()
        lost = await work.until(lambda row: row.state == "unreachable")
        assert lost.load1 is not None and lost.seen_at is not None and lost.latency_seconds is None and lost.error
        sshd.start()
        back = await work.until(lambda row: row.state == "up" and row.seen_at > lost.seen_at)
        assert back.error == ""


async def test_a_loop_that_somebody_kills_is_begun_again(sshd: Any, loops: Callable[[], set[int]]) -> None:
    async with sampling(sshd.machine()) as work:
        await work.until(seen)
        killed = loops()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        row = await work.until(lambda row: row.state == "unreachable")
        assert "was ended by signal KILL" in row.error
        await work.until(lambda row: row.state == "up")
        assert not loops() & killed


async def test_a_host_that_stops_answering_is_stale_and_then_gone_and_returns(
    sshd: Any, loops: Callable[[], set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "STALE_SECONDS", 0.5)
    monkeypatch.setattr(handshake, "KEEPALIVE_SECONDS", 1.0)
    monkeypatch.setattr(handshake, "_options", handshake._options.__wrapped__)  # not those that are kept
    async with sampling(sshd.machine()) as work:
        before = await work.until(seen)
        stopped = [pid for session in sshd.sessions() for pid in [session, *children(session)]]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            stale = await work.until(lambda row: row.state == "stale")
            assert "no answer for more than" in stale.error and stale.latency_seconds is None
            assert stale.load1 is not None and stale.seen_at is not None and before.seen_at is not None
            assert stale.seen_at >= before.seen_at, "the figures stay, with their age"
            await work.until(lambda row: row.state == "unreachable", 60)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        await work.until(lambda row: row.state == "up")


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE)
    return [int(word) for word in found.stdout.split()]


async def test_a_loop_that_hangs_is_stale_over_a_connection_that_stands(
    sshd: Any, loops: Callable[[], set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "STALE_SECONDS", 0.3)
    monkeypatch.setattr(sampler, "GIVE_UP_SECONDS", 1.0)
    async with sampling(sshd.machine()) as work:
        await work.until(seen)
        stopped = loops()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        await work.until(lambda row: row.state == "stale")
        await work.until(lambda row: row.state == "up")
        assert loops() - stopped, "a new loop over the same connection"
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_a_dear_question_that_hangs_does_not_hide_the_cheap_ones(
    sshd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = SCRIPT.replace("top() {", "top() { sleep 30;")
    monkeypatch.setattr(sampler, "SCRIPT", hanging)
    monkeypatch.setattr(sampler, "DETAILS_ANSWER_SECONDS", 0.5)
    async with sampling(sshd.machine()) as work:
        row = await work.until(lambda row: row.state == "up" and row.error)
        assert "the question hangs there" in row.error and row.load1 is not None and not row.pending


@pytest.mark.parametrize(
    ("forced", "words"),
    [
        ("echo 'Interactive git shell is not enabled.'; exit 128", "'Interactive git shell is not enabled.'"),
        ("/usr/sbin/nologin", "status 1"),
        ("true", "said nothing and ended with status 0"),
    ],
)
async def test_a_host_without_a_shell_says_what_it_is_and_is_not_hammered(
    start_sshd: Callable[..., Any], forced: str, words: str
) -> None:
    sshd = start_sshd(extra=f"ForceCommand {forced}\n")
    async with sampling(sshd.machine()) as work:
        row = await work.until(lambda row: row.state != "connecting")
        assert row.state == "no shell" and words in row.error
        assert not row.pending
        count = len(work.rows)
        await asyncio.sleep(1.0)
        assert len(work.rows) == count


async def test_an_echo_is_no_shell(start_sshd: Callable[..., Any]) -> None:
    sshd = start_sshd(extra="ForceCommand cat\n")
    async with asked(sshd.machine()) as host:
        with pytest.raises(Late, match=r"it said '[0-9a-f]+ sample'"):
            await host.ask("sample", seconds=1)


async def test_what_is_no_linux_says_so(sshd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose /proc is not Linux's: here the files have other names."""
    monkeypatch.setattr(sampler, "SCRIPT", SCRIPT.replace("</proc/", "</no/such/"))
    async with sampling(sshd.machine()) as work:
        row = await work.until(seen)
        assert row.load1 is None and "the figures are read from Linux's /proc" in row.error
        assert row.latency_seconds is not None


async def test_where_there_are_too_many_each_has_its_turn(sshd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "TURN_SECONDS", 0.5)
    turns = Turns(1)
    async with Pool().used() as pool:
        works = [Sampling(pool, sshd.machine(name=name), turns=turns) for name in ("web1", "web2")]
        try:
            for work in works:
                await work.until(seen)
            for work in works:
                row = await work.until(lambda row: row.state == "stale")
                assert "waits for its turn" in row.error and row.load1 is not None
                await work.until(lambda row: row.state == "up")
        finally:
            for work in works:
                await work.close()


async def test_the_sampler_leaves_the_other_channels_of_its_connection(sshd: Any) -> None:
    machine = sshd.machine()
    async with Pool().used() as pool:
        work = Sampling(pool, machine)
        try:
            await work.until(seen)
            free = 0
            while not pool.channels(machine).locked():
                await pool.channels(machine).acquire()
                free += 1
            assert free == 6
        finally:
            await work.close()


async def test_an_sshd_that_allows_one_session_gives_it_to_commands(start_sshd: Callable[..., Any]) -> None:
    machine = start_sshd(extra="MaxSessions 1\n").machine()
    async with Pool().used() as pool:
        work = Sampling(pool, machine)
        try:
            await work.until(seen)
            for _ in range(3):
                assert await answer(pool, machine, "echo ok", seconds=20) == b"ok\n"
                at = work.sampler.row.seen_at or 0.0
                await work.until(lambda row, at=at: row.state == "up" and row.seen_at > at)
            async with sent(pool, machine, "sleep 300"):
                row = await work.until(lambda row: row.state == "stale")
                assert "MaxSessions" in row.error and row.load1 is not None
            await work.until(lambda row: row.state == "up")
        finally:
            await work.close()


async def test_one_look_has_everything_and_one_that_fails_says_why(sshd: Any) -> None:
    async with Pool().used() as pool:
        row = await Sampler(pool, sshd.machine(), 5, lambda _: None, Turns()).once()
        assert seen(row) and row.cpu_ratio is not None and row.details.top_memory
        sshd.kill()
        row = await Sampler(pool, sshd.machine(), 5, lambda _: None, Turns()).once()
        assert row.state == "unreachable" and row.error


# -- what a host runs it with --------------------------------------------------------------------


SCRIPTS = {
    "facts": (
        loop(PREPARE, sample.SCRIPT, details.SCRIPT, answers=f"{sample.ANSWER} {details.ANSWER}"),
        "aa sample\nbb unheard of\ncc details rare\n",
        ("aa begin", "cc begin"),
    ),
    "processes": (processes.SCRIPT, "aa processes\n", ("aa begin",)),
    "units": (units.SCRIPT, "aa units since\n", ("aa begin",)),
}


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh", "mksh", "zsh", "ksh", "fish", "tcsh"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_login_shell_passes_the_questions_on(shell: str, script: str) -> None:
    """Linux only: the host that answers is this one."""
    words = shell.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is missing; apt-get install {words[0]}")
    text, asked, expected = SCRIPTS[script]
    done = subprocess.run([*words, "-c", command_line(text)], input=asked.encode(), capture_output=True, timeout=60)
    assert done.stderr == b"" and done.returncode == 0
    said = done.stdout.decode("utf-8", "replace")
    assert [line for line in expected if line in said] == list(expected)
    assert said.rstrip().endswith("end")


def test_words_reach_a_script_as_they_are() -> None:
    words = ("a b", r"odd\x2dname@x.service", "it's", "!x", "$HOME `id`", "\u00e4\n")
    line = command_line('for word; do printf "<%s>" "$word"; done', *words)
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=20)
    assert done.stdout.decode() == "".join(f"<{word}>" for word in words)
