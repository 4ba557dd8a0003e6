"""Stopping a command for certain: the whole tree of it, nobody else's, and never a guess about what is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.engine import stop as stop_module
from cockpit.fleet.engine.announce import Announced, Announcement, line
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import Remote, answer, sent
from cockpit.fleet.engine.stopper import Said, said, script
from cockpit.fleet.machine import Machine
from cockpit.model import errors

SHELLS = ["dash", "bash --posix", "busybox sh", "mksh", "zsh --emulate sh"]


async def stopped(remote: Remote) -> str:
    """Why it is not confirmed; "" when it is."""
    done = await remote.stop()
    assert done.confirmed is (done.why == "")
    return done.why


@pytest.mark.parametrize(
    "command",
    [
        "sleep A",
        "exec sleep A",
        "trap '' TERM HUP INT; while :; do sleep A; done",
        "trap '' TERM HUP; (sleep A & timeout 99999 sleep B) & while :; do sleep A; done",
        "setsid sleep A & setsid sh -c 'setsid sleep B; true' & wait",
        "(sleep A &) ; sleep B",
        "script -qc 'sleep A' /dev/null </dev/null >/dev/null; sleep B",
        "trap '' TERM; nohup sleep A >/dev/null & sleep B | cat",
        "kill -STOP $$ & sleep A",
        "while :; do sleep A & sleep 0.01; done",
        "while :; do setsid sleep A & sleep 0.01; done",
        "trap 'setsid sleep A & sleep B' TERM; while :; do sleep 0.1; done",
    ],
)
async def test_all_that_a_command_has_begun_is_ended(
    machine: Machine, pool: Pool, command: str, unique: Callable[[], int],
    processes: Callable[[str], list[int]], comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    first, second = unique(), unique()
    begun = command.replace("A", str(first)).replace("B", str(second))
    async with sent(pool, machine, begun) as remote:
        await comes_true(lambda: processes(f"sleep {first}") or "0.1" in command)
        if "sleep B" in command and "TERM; while" not in command:
            await comes_true(lambda: processes(f"sleep {second}"))
        assert await stopped(remote) == ""
    assert not processes(f"sleep {first}") and not processes(f"sleep {second}")


async def test_a_user_who_has_no_process_left_to_begin_can_still_stop(
    pool: Pool, sshd: Any, start_account: Callable[..., Any], comes_true: Callable[..., Any]
) -> None:
    account = start_account()
    bomb = "ulimit -u 40; f() { sleep 1000 & f; }; trap '' TERM; while :; do f; sleep 0.1; done"
    async with sent(pool, account.lets_in(sshd), bomb) as remote:
        await comes_true(lambda: len(account.processes()) > 30)
        assert await stopped(remote) == ""
    assert not [pid for pid in account.processes() if "sleep" in Path(f"/proc/{pid}/comm").read_text()]


async def test_what_was_detached_before_goes_on(
    machine: Machine, pool: Pool, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    daemon, own = unique(), unique()
    async with sent(pool, machine, f"(setsid sleep {daemon} >/dev/null 2>&1 &); sleep {own}") as remote:
        await comes_true(lambda: processes(f"sleep {daemon}") and processes(f"sleep {own}"))
        assert await stopped(remote) == ""
    (left,) = processes(f"sleep {daemon}")
    os.kill(left, 9)
    assert not processes(f"sleep {own}")


async def test_commands_of_one_connection_do_not_end_each_other(
    machine: Machine, pool: Pool, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    first, second = unique(), unique()
    async with sent(pool, machine, f"sleep {first}; true") as one, sent(pool, machine, f"sleep {second}; true") as two:
        await comes_true(lambda: processes(f"sleep {first}") and processes(f"sleep {second}"))
        assert await stopped(one) == ""
        assert not processes(f"sleep {first}") and processes(f"sleep {second}")
        assert await stopped(two) == ""


async def test_output_cannot_announce_another_process(
    machine: Machine, pool: Pool, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    """The mark stands in the command line of the login shell, where the command can read it."""
    number = unique()
    innocent = subprocess.Popen(["sleep", str(unique())], start_new_session=True)
    try:
        forged = (
            f"read -r stat </proc/{innocent.pid}/stat; "
            "tr '\\0' ' ' </proc/$$/cmdline | grep -ao 'echo \"[0-9a-f]* ' | head -n 1 | "
            f'(read -r _ mark; echo "${{mark#?}} {innocent.pid}  $stat"); sleep {number}'
        )
        async with sent(pool, machine, forged) as remote:
            await comes_true(lambda: processes(f"sleep {number}"))
            chunk = await remote.read()
            assert chunk is not None and f" {innocent.pid} ".encode() in chunk.data
            assert await stopped(remote) == ""
        assert innocent.poll() is None and not processes(f"sleep {number}")
    finally:
        innocent.kill()
        innocent.wait()


async def test_endless_output_is_stopped_and_what_waits_is_bounded(
    machine: Machine, pool: Pool, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    word = f"endless{unique()}"
    async with sent(pool, machine, f"yes {word}") as remote:
        await comes_true(lambda: processes(word))
        await asyncio.sleep(0.3)
        assert await stopped(remote) == ""
        left = 0
        while (chunk := await remote.read()) is not None:
            left += len(chunk.data)
        assert left < 8 * 2**20
    assert not processes(word)


async def test_cancelling_at_any_moment_leaves_nothing(
    machine: Machine, pool: Pool, unique: Callable[[], int], processes: Callable[[str], list[int]]
) -> None:
    number = unique()
    await answer(pool, machine, "true", seconds=20)

    async def command() -> None:
        async with sent(pool, machine, f"sleep {number}") as remote:
            await remote.read()

    for milliseconds in (0, 1, 2, 3, 5, 8, 13, 20, 30, 45, 60, 80, 100):
        task = asyncio.create_task(command())
        await asyncio.sleep(milliseconds / 1000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not processes(f"sleep {number}"), milliseconds
    # no place of the connection is lost by it (MaxSessions)
    assert await answer(pool, machine, "echo ok", seconds=20) == b"ok\n"


async def test_a_second_cancel_does_not_cut_the_stop_short(
    machine: Machine, pool: Pool, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    number = unique()

    async def command() -> None:
        async with sent(pool, machine, f"trap '' TERM; sleep {number}; sleep {number}") as remote:
            await remote.read()

    task = asyncio.create_task(command())
    await comes_true(lambda: processes(f"sleep {number}"))
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not processes(f"sleep {number}")


async def test_leaving_a_stream_ends_its_command(
    machine: Machine, pool: Pool, unique: Callable[[], int], processes: Callable[[str], list[int]]
) -> None:
    number = unique()

    async def lines() -> AsyncIterator[bytes]:
        async with sent(pool, machine, f"echo first; sleep {number}") as remote:
            while (chunk := await remote.read()) is not None:
                yield chunk.data

    async with aclosing(lines()) as stream:  # type: ignore[type-var]
        assert await anext(stream) == b"first\n"
    assert not processes(f"sleep {number}")


async def test_a_command_that_has_ended_needs_no_stop(machine: Machine, pool: Pool) -> None:
    async with sent(pool, machine, "exit 3") as remote:
        while await remote.read() is not None:
            pass
        assert await stopped(remote) == ""
        assert remote.ending.status == 3


async def test_where_one_channel_is_allowed_the_stop_uses_another_connection(
    pool: Pool, start_sshd: Callable[..., Any], unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    number = unique()
    async with sent(pool, start_sshd(extra="MaxSessions 1\n").machine(), f"sleep {number}; true") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        assert await stopped(remote) == ""
    assert not processes(f"sleep {number}")


async def test_a_lost_connection_is_replaced_for_the_stop(
    pool: Pool, sshd: Any, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    number = unique()
    async with sent(pool, sshd.machine(), f"trap '' TERM; sleep {number}; sleep {number}") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        sshd.cut()
        assert await stopped(remote) == ""
    assert not processes(f"sleep {number}")


async def test_a_connection_lost_during_the_stop_is_replaced(
    pool: Pool, sshd: Any, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    number = unique()
    async with sent(pool, sshd.machine(), f"trap '' TERM; sleep {number}; sleep {number}") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        stopping = asyncio.create_task(remote.stop())
        await asyncio.sleep(0.4)
        sshd.cut()
        assert (await stopping).confirmed
    assert not processes(f"sleep {number}")


async def test_a_connection_that_hangs_is_replaced_for_the_stop(
    pool: Pool, sshd: Any, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(stop_module, "READY_SECONDS", 0.5)
    number = unique()
    async with sent(pool, sshd.machine(), f"sleep {number}; true") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        frozen = sshd.sessions()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert await stopped(remote) == ""
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
    assert not processes(f"sleep {number}")


async def test_a_host_that_is_gone_is_not_called_stopped(
    pool: Pool, sshd: Any, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    number = unique()
    async with sent(pool, sshd.machine(), f"sleep {number}; true") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        sshd.kill()
        assert "refused" in await stopped(remote)
    for pid in processes(f"sleep {number}"):
        os.kill(pid, 9)


async def test_another_machine_that_answers_is_left_alone(
    pool: Pool, sshd: Any, unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    """A name for several machines, or one that was started anew: the same number is another process there."""
    number = unique()
    async with sent(pool, sshd.machine(), f"echo; sleep {number}") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        await remote.read()
        who = remote._announcement.who
        assert who is not None
        for other, why in (
            (Announced(who.pid, who.born, "another-boot-id"), "another machine has answered"),
            (Announced(who.pid, str(int(who.born) - 1), ""), "go on"),
            (Announced(who.pid, str(int(who.born) - 1), who.boot), "go on"),
        ):
            told = await stop_module.stop(pool, sshd.machine(), other, None)
            assert isinstance(told, Said)
            assert why in stop_module.judged(told, other).why
            assert processes(f"sleep {number}")
        assert await stopped(remote) == ""


class Begun:
    """A command and whoever stops it, begun by one process as by an sshd, in a world of their own: whatever the script
    does wrong, it does there."""

    BEGIN = 'setsid bash -c "$1" </dev/null 2>/dev/null & '
    STOP = 'read -r _; shift; "$@"; echo; echo over; read -r _'
    INIT = '"$@"; exit $?'

    def __init__(self, world: tuple[str, ...], command: str, *stopper: str, how: str = BEGIN) -> None:
        host = ["bash", "-c", how + self.STOP, "host", line("MARK") + command, *stopper]
        self.process = subprocess.Popen(
            [*world, "bash", "-c", self.INIT, "init", *host], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        announcement, self.output = Announcement("MARK"), bytearray()
        while announcement.awaited:
            self.output += announcement.feed(self._heard())
        assert announcement.who is not None
        self.who = announcement.who

    def shows(self, text: bytes) -> None:
        """Wait until the command has said it."""
        while text not in self.output:
            self.output += self._heard()

    def stop(self, who: Announced | None = None, **options: Any) -> Said:
        """The last word of the script. Then `rest` is what the host still has."""
        assert self.process.stdin is not None
        self._tell(b"\n" + script(who or self.who, "STOP", **options))
        self.shows(b"STOP ")
        os.set_blocking(self.process.stdout.fileno(), False)  # type: ignore[union-attr]
        while b"\nover\n" not in self.output:
            self._tell(b"\n")
            time.sleep(0.05)
            self.output += self.process.stdout.read() or b""  # type: ignore[union-attr]
        return said(bytes(self.output), "STOP")[-1]

    def close(self) -> None:
        self.process.kill()
        with self.process:
            pass

    def _heard(self) -> bytes:
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 65536)
        assert data, f"the host is gone: {self.output!r}"
        return data

    def _tell(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()


@pytest.fixture
def world(need: Callable[[str, str], str]) -> tuple[str, ...]:
    """Begins a program that sees, and can harm, no process but its own."""
    own = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    words = (
        need("unshare", "apt-get install util-linux"), *own, "--pid", "--fork", "--mount-proc", "--kill-child", "--",
    )  # fmt: skip
    tried = subprocess.run([*words, "true"], stderr=subprocess.PIPE, text=True)
    if tried.returncode:
        pytest.skip(f"needs process namespaces: {tried.stderr.strip()}")
    return words


@pytest.fixture
def begin(world: tuple[str, ...]) -> Iterator[Callable[..., Begun]]:
    """`begin(command, *shell)`: a command, and the shell that will read the script."""
    begun: list[Begun] = []

    def start(command: str, *shell: str, **options: str) -> Begun:
        begun.append(Begun(world, command, *shell, **options))
        return begun[-1]

    yield start
    for one in begun:
        one.close()


LEFT = "; ps -A -o stat=,comm= | grep -v '^[ZX]' | grep -c 'sleep$'"
"""What the host says after the stop: how many sleep there."""


@pytest.mark.parametrize("proc", ["/proc", "/no/proc"])
@pytest.mark.parametrize("shell", SHELLS)
def test_the_stopper_runs_in_every_shell_with_and_without_proc(
    shell: str, proc: str, begin: Callable[..., Begun], need: Callable[[str, str], str]
) -> None:
    name = shell.split()[0]
    need(name, f"apt-get install {name}")
    command = "trap '' TERM; setsid sleep 1000 & (sleep 1000 &) ; echo begun; while :; do sleep 1000; done"
    begun = begin(command, "sh", "-c", shell + LEFT)
    begun.shows(b"begun")
    # without /proc it is ours when it comes from whoever began the stopper
    told = begun.stop(begun.who if proc == "/proc" else Announced(begun.who.pid), proc=proc)
    assert told.word == "gone"
    assert b"\n0\n" in begun.output


@pytest.mark.parametrize(
    "command",
    [
        "f() { (f) & }; trap '' TERM; echo begun; f; sleep 1000",  # each begins the next, and ends
        "f() { sleep 1000 & (f) & sleep 0.05; wait; }; trap '' TERM; echo begun; f",
        "trap '' TERM; echo begun; while :; do (sleep 1000 &) ; done",
    ],
)
def test_who_forks_faster_than_one_looks_is_ended(command: str, begin: Callable[..., Begun]) -> None:
    begun = begin(command, "sh", "-c", "sh" + LEFT)
    begun.shows(b"begun")
    assert begun.stop().word == "gone"
    assert b"\n0\n" in begun.output


@pytest.mark.parametrize("pid", [0, 1, 2])
@pytest.mark.parametrize("proc", ["/proc", "/no/proc"])
def test_whoever_began_the_stopper_and_what_all_began_from_are_never_ended(
    pid: int, proc: str, begin: Callable[..., Begun]
) -> None:
    """1 is the first process of its world, 2 has begun both the command and the stopper."""
    begun = begin(f"cat /proc/{max(pid, 1)}/stat; echo begun; sleep 1000; true", "sh", "-c", "sh" + LEFT)
    begun.shows(b"begun")
    born = begun.output.rpartition(b")")[2].split()[19].decode() if proc == "/proc" else ""
    assert begun.stop(Announced(pid, born), proc=proc).word in ("absent", "orphans")
    assert b"\n1\n" in begun.output


@pytest.mark.parametrize("proc", ["/proc", "/no/proc"])
def test_a_number_that_is_another_process_meanwhile_is_left_alone(proc: str, begin: Callable[..., Begun]) -> None:
    begun = begin("echo begun; sleep 1000; true", "sh", "-c", "sh" + LEFT)
    begun.shows(b"begun")
    assert begun.stop(Announced(begun.who.pid, "1"), proc=proc).word == "orphans"
    assert b"\n1\n" in begun.output


def test_without_proc_a_process_from_elsewhere_is_left_alone(begin: Callable[..., Begun]) -> None:
    begun = begin("(setsid sleep 1000 & echo begun $!); sleep 1000; true", "sh", "-c", "sh" + LEFT)
    begun.shows(b"begun")
    elsewhere = int(begun.output.split()[1])
    assert begun.stop(Announced(elsewhere), proc="/no/proc").word in ("absent", "orphans")
    assert b"\n2\n" in begun.output


def test_without_proc_and_ps_nothing_is_claimed(begin: Callable[..., Begun]) -> None:
    begun = begin("echo begun; sleep 1000; true", "sh", "-c", "PATH=/none /bin/sh" + LEFT)
    begun.shows(b"begun")
    assert begun.stop(proc="/no/proc").word == "blind"
    assert b"\n1\n" in begun.output


@pytest.mark.parametrize("proc", ["/proc", "/no/proc"])
@pytest.mark.parametrize(
    "name",
    ["x) S 1 1 1\nN (y", "a b:c d", "1\nN:1", "\n) Z 0 ", "* (?) $$"],
    ids=["stat", "colon", "table", "dead", "glob"],
)
def test_a_process_that_is_named_like_a_line_of_another_hides_nothing_and_harms_nobody(
    name: str, proc: str, begin: Callable[..., Begun], tmp_path: Path
) -> None:
    """N is the number of another process: the first that is begun beside the command."""
    sleeper = tmp_path / name.replace("N", "4")
    sleeper.symlink_to("/bin/sleep")
    begun = begin(
        f"'{sleeper}' 1000 & '{sleeper}' 1000 & echo begun; sleep 1000; true",
        "sh", "-c", "sleep 500 & n=$!; sh; kill -USR1 $n; wait $n; [ $? = 138 ] && echo innocent"
        f"{LEFT}; ls -l /proc/[0-9]*/exe | grep -c bin/sleep",
    )  # fmt: skip
    begun.shows(b"begun")
    assert begun.stop(begun.who if proc == "/proc" else Announced(begun.who.pid), proc=proc).word == "gone"
    assert b"\ninnocent\n0\n0\n" in begun.output


def test_the_session_of_whoever_stops_is_never_ended(begin: Callable[..., Begun]) -> None:
    """A server that makes no sessions (some embedded ones): all its commands share one, and one alone is meant."""
    share = 'bash -c "$1" </dev/null & sleep 1000 & '
    begun = begin("echo begun; sleep 1000; true", "sh", "-c", "sh" + LEFT, how=share)
    begun.shows(b"begun")
    assert begun.stop().word == "gone"
    assert b"\n1\n" in begun.output


def test_a_host_that_hides_processes_is_believed_as_far_as_it_shows_them(
    start_account: Callable[..., Any], begin: Callable[..., Begun]
) -> None:
    name = start_account().name
    as_user = f"setpriv --reuid {name} --regid {name} --init-groups"
    begun = begin(
        f"exec {as_user} sh -c 'echo begun; sleep 1000; true'",
        "sh", "-c", f"mount -o remount,hidepid=2 /proc; {as_user} sh; mount -o remount,hidepid=0 /proc{LEFT}",
    )  # fmt: skip
    begun.shows(b"begun")
    told = begun.stop()
    assert (told.word, told.hidden) == ("gone", True)
    assert "hidepid" in stop_module.judged(told, begun.who).why
    assert b"\n0\n" in begun.output


async def test_a_forced_command_is_ended_with_its_wrapper(
    pool: Pool, start_sshd: Callable[..., Any], unique: Callable[[], int], processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    """The announced process does not lead its session there."""
    number = unique()
    machine = start_sshd(extra='ForceCommand /bin/sh -c "$SSH_ORIGINAL_COMMAND"; true wrapped\n').machine()
    async with sent(pool, machine, f"(sleep {number} &) ; sleep {number}; true") as remote:
        await comes_true(lambda: len(processes(f"sleep {number}")) >= 2)
        assert await stopped(remote) == ""
    assert not processes(f"sleep {number}")


async def test_a_command_that_starts_no_more_is_not_called_stopped(pool: Pool) -> None:
    with pytest.raises(errors.Refused, match="bytes too long"):
        async with sent(pool, Machine("config", "here", "localhost", transport="local"), "x" * 200_000):
            pass
