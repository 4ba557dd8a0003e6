"""Commands over real sshd: host keys, logins, ends, stops. Run as root it covers sessions that sshd will not signal."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.engine.pool import CHANNELS, Pool
from cockpit.fleet.engine.remote import answer, sent
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.outcome import Kill, Outcome
from cockpit.fleet.trust.refused import HostKeyRefused
from cockpit.model import errors

_numbers = itertools.count(os.getpid() * 100 + 20_000_000)


def unique() -> int:
    """Seconds to sleep that no other process sleeps: finds the command again."""
    return next(_numbers)


@pytest.fixture
def run(pool: Pool, runner: Callable[[Pool], Any]) -> Any:
    return runner(pool)


@pytest.mark.parametrize(
    ("command", "outcome", "status", "signal"),
    [
        ("true", Outcome.OK, 0, None),
        ("exit 3", Outcome.NONZERO, 3, None),
        ("kill -9 $$", Outcome.SIGNAL, None, "KILL"),
        ("no-such-command-here", Outcome.NONZERO, 127, None),
    ],
)
async def test_the_end_of_a_command(
    machine: Machine, run: Any, command: str, outcome: Outcome, status: int | None, signal: str | None
) -> None:
    (result,) = await run(machine, command)
    assert (result.outcome, result.exit_code, result.signal) == (outcome, status, signal)
    assert result.kill is Kill.NOT_NEEDED and (result.why == "") is (outcome is Outcome.OK)


async def test_output_is_bytes_of_both_streams_and_input_is_empty(machine: Machine, run: Any) -> None:
    (result,) = await run(machine, "printf '\\377\\376\\000\\033]52;c;x\\007'; cat; echo \"it's\" 'a $HOME' >&2")
    assert result.outcome is Outcome.OK
    said = run.said(result) + run.said(result, stderr=True)
    assert b"\xff\xfe\x00\x1b]52;c;x\x07" in said and b"it's a $HOME\n" in said
    assert len(said) == 3 + 8 + 14


async def test_much_output_is_whole(machine: Machine, run: Any) -> None:
    (result,) = await run(machine, "head -c 20000000 /dev/zero")
    assert result.outcome is Outcome.OK and result.stdout_bytes == 20_000_000
    assert result.stdout_digest == hashlib.sha256(bytes(20_000_000)).hexdigest()


async def test_a_timeout_ends_the_whole_tree_and_confirms_it(
    machine: Machine, run: Any, processes: Callable[[str], list[int]]
) -> None:
    first, second, third = unique(), unique(), unique()
    command = f"trap '' TERM HUP; (sleep {first} & timeout 99999 sleep {second}) & while :; do sleep {third}; done"
    (result,) = await run(machine, command, 2.0)
    assert (result.outcome, result.kill) == (Outcome.TIMEOUT_CMD, Kill.CONFIRMED)
    assert "no end after 2 s; stopped" in result.why
    for number in (first, second, third):
        assert not processes(f"sleep {number}")


async def test_endless_output_is_stopped_and_bounded(machine: Machine, run: Any) -> None:
    (result,) = await run(machine, f"yes {unique()}", 1.0)
    assert (result.outcome, result.kill) == (Outcome.TIMEOUT_CMD, Kill.CONFIRMED)


async def test_a_cancel_ends_the_command_and_confirms_it(
    machine: Machine,
    run: Any,
    processes: Callable[[str], list[int]],
    comes_true: Callable[..., Any],
) -> None:
    number = unique()
    task = asyncio.create_task(run(machine, f"sleep {number}"))
    await comes_true(lambda: processes(f"sleep {number}"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    result = run.last.lines[machine.name]
    assert (result.outcome, result.kill) == (Outcome.CANCELLED, Kill.CONFIRMED)
    assert not processes(f"sleep {number}")


async def test_a_detached_child_that_holds_the_pipe_does_not_hang_the_run(
    machine: Machine, run: Any, processes: Callable[[str], list[int]]
) -> None:
    number = unique()
    (result,) = await run(machine, f"setsid sleep {number} & echo started")
    for pid in processes(f"sleep {number}"):
        os.kill(pid, 9)
    assert result.outcome is Outcome.OK and "detached child" in result.why
    assert result.pipe_held and run.said(result) == b"started\n"


async def test_a_detached_child_that_writes_without_end_does_not_either(
    machine: Machine, run: Any, processes: Callable[[str], list[int]]
) -> None:
    number = unique()
    (result,) = await run(machine, f"setsid yes {number} & sleep 0.1; exit 3")
    for pid in processes(f"yes {number}"):
        os.kill(pid, 9)
    assert (result.outcome, result.exit_code) == (Outcome.NONZERO, 3) and "detached child" in result.why


async def test_leaving_a_stream_ends_its_command(
    machine: Machine, pool: Pool, processes: Callable[[str], list[int]]
) -> None:
    number = unique()

    async def lines() -> AsyncIterator[bytes]:
        async with sent(pool, machine, f"echo first; sleep {number}") as remote:
            while (chunk := await remote.read()) is not None:
                yield chunk.data

    async with aclosing(lines()) as stream:  # type: ignore[type-var]
        assert await anext(stream) == b"first\n"
    assert not processes(f"sleep {number}")


async def test_cancelling_at_any_moment_leaves_nothing(
    machine: Machine, pool: Pool, run: Any, processes: Callable[[str], list[int]]
) -> None:
    number = unique()
    await answer(pool, machine, "true", seconds=20)
    for milliseconds in (0, 1, 3, 10, 30, 60, 100):
        task = asyncio.create_task(run(machine, f"sleep {number}"))
        await asyncio.sleep(milliseconds / 1000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert run.last.lines[machine.name].kill in (Kill.NOT_NEEDED, Kill.CONFIRMED)
    assert not processes(f"sleep {number}")


async def test_a_connection_cut_in_the_middle_is_an_unknown_outcome_and_the_next_command_works(
    sshd: Any, run: Any, processes: Callable[[str], list[int]], comes_true: Callable[..., Any], tmp_path: Path
) -> None:
    number, log = unique(), tmp_path / "ran"
    task = asyncio.create_task(run(sshd.machine(), f"echo ran >> {log}; sleep {number}"))
    await comes_true(log.exists)
    sshd.cut()
    (result,) = await task
    for pid in processes(f"sleep {number}"):
        os.kill(pid, 9)
    assert result.outcome is Outcome.UNKNOWN_OUTCOME
    assert "lost after the command was sent" in result.why
    assert log.read_text() == "ran\n"
    (result,) = await run(sshd.machine(), "true")
    assert result.outcome is Outcome.OK


async def test_one_connection_serves_all_and_a_dead_one_is_replaced_before_sending(sshd: Any, run: Any) -> None:
    machine = sshd.machine()
    await run(machine, "true")
    link = await run.pool.link(machine)
    await run(machine, "true")
    assert await run.pool.link(machine) is link
    sshd.kill()
    (result,) = await run(machine, "true")
    assert result.outcome is Outcome.UNREACHABLE and "refused" in result.why.lower()
    sshd.start()
    (result,) = await run(machine, "true")
    assert result.outcome is Outcome.OK


async def test_an_unknown_host_key_is_refused_with_the_way_to_accept_it(sshd: Any, pool: Pool) -> None:
    sshd.known_hosts.write_text("")
    with pytest.raises(HostKeyRefused, match="is unknown") as caught:
        await pool.link(sshd.machine())
    said = str(caught.value)
    assert f"ssh-keyscan -p {sshd.port} 127.0.0.1 >> {sshd.known_hosts}" in said
    assert "ssh-ed25519 SHA256:" in said
    sshd.trust()
    assert (await pool.link(sshd.machine())).alive


async def test_a_changed_host_key_is_refused_with_the_line_of_the_old_one(
    sshd: Any, start_sshd: Callable[..., Any], pool: Pool
) -> None:
    other = start_sshd()
    blob = other.known_hosts.read_text().split()[2]
    sshd.known_hosts.write_text(f"# first\n[127.0.0.1]:{sshd.port} ssh-ed25519 {blob}\n")
    with pytest.raises(HostKeyRefused, match="has changed") as caught:
        await pool.link(sshd.machine())
    assert f"{sshd.known_hosts} line 2" in str(caught.value)


async def test_a_revoked_host_key_is_refused(sshd: Any, pool: Pool) -> None:
    sshd.known_hosts.write_text(f"@revoked {sshd.known_hosts.read_text()}")
    with pytest.raises(HostKeyRefused, match="revoked"):
        await pool.link(sshd.machine())


async def test_a_refused_login_says_whose_and_with_what(sshd: Any, start_sshd: Callable[..., Any], pool: Pool) -> None:
    stranger = start_sshd().identity
    with pytest.raises(errors.Denied, match="refused its key for user"):
        await pool.link(sshd.machine(identities=(str(stranger),)))
    with pytest.raises(errors.Denied, match="does not exist"):
        await pool.link(sshd.machine(identities=("/no/such/key",)))
    bad = sshd.folder / "bad"
    bad.write_text("no key")
    with pytest.raises(errors.Denied, match="is not a private key"):
        await pool.link(sshd.machine(identities=(str(bad),)))


async def test_a_key_with_a_passphrase_asks_for_the_agent(
    sshd: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    command = ["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(sshd.identity)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with pytest.raises(errors.Denied, match=f"ssh-add {sshd.identity}"):
        await pool.link(sshd.machine())


async def test_the_agent_serves_what_the_files_cannot(
    sshd: Any, need: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, comes_true: Callable[..., Any]
) -> None:
    # a socket's path is short: pytest's own folder may be too deep
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent"
        agent = subprocess.Popen(
            [need("ssh-agent", "apt-get install openssh-client"), "-D", "-a", str(path)], stdout=subprocess.DEVNULL
        )
        try:
            await comes_true(path.exists)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
            subprocess.run(["ssh-add", "-q", str(sshd.identity)], check=True)
            subprocess.run(
                ["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(sshd.identity)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            for identities in ((), (str(sshd.identity),)):
                async with Pool().used() as pool:
                    assert await answer(pool, sshd.machine(identities=identities), "echo ok", seconds=20) == b"ok\n"
        finally:
            agent.kill()
            agent.wait()


async def test_hashed_known_hosts_are_found(sshd: Any, pool: Pool) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-H", "-f", str(sshd.known_hosts)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert "127.0.0.1" not in sshd.known_hosts.read_text()
    assert (await pool.link(sshd.machine())).alive


async def test_silent_and_closed_ports_cost_no_more_than_the_timeout(runner: Callable[[Pool], Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        facts: dict[str, Any] = {"address": "127.0.0.1", "user": "x", "identities": ()}
        mute = Machine("config", "mute", port=silent.getsockname()[1], **facts)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        closed = Machine("config", "closed", port=port, **facts)
        async with Pool(connect_seconds=1.0).used() as pool:
            run, started = runner(pool), time.monotonic()
            results = {result.host: result for result in await run([mute, closed], "true")}
        assert time.monotonic() - started < 4
        assert "no SSH within 1 s" in results["mute"].why
        assert "Connection refused" in results["closed"].why
        assert results["mute"].outcome is Outcome.TIMEOUT_CONNECT
        assert results["closed"].outcome is Outcome.UNREACHABLE


async def test_an_unsupported_host_is_never_connected(run: Any) -> None:
    machine = Machine("ssh", "far", "203.0.113.1", unsupported="port 0")
    (result,) = await run(machine, "true")
    assert result.outcome is Outcome.UNREACHABLE and result.why == "far cannot be reached: port 0"


async def test_many_hosts_are_bounded_and_each_has_one_result(sshd: Any, run: Any) -> None:
    machines = [sshd.machine(name=f"web{n}") for n in range(12)]
    results = await run(machines, "true")
    assert sorted(result.host for result in results) == sorted(machine.name for machine in machines)
    assert all(result.outcome is Outcome.OK for result in results)


async def test_an_answer_does_not_wait_for_ever_for_a_free_channel(machine: Machine, pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(CHANNELS):
            await stack.enter_async_context(pool.channels(machine))
        with pytest.raises(errors.Unreachable, match="is busy with 7 commands"):
            await answer(pool, machine, "true", seconds=0.2)
    assert await answer(pool, machine, "echo ok", seconds=20) == b"ok\n"
