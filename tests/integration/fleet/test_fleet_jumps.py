"""Hosts behind bastions, over real sshd: one connection to each, whoever goes through it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from cockpit.fleet.engine import pool as pools
from cockpit.fleet.engine.failures import TimedOut, Unreached
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import answer
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.refused import HostKeyChanged, HostKeyUnknown
from cockpit.model import errors

ADDRESSES = 12
"""Listening sockets of one sshd, which has 16 at the most."""


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    async with Pool(connect_seconds=30.0).used() as pool:
        yield pool


def logins(sshd: Any) -> int:
    """On a daemon, so far."""
    return len(re.findall(r"(?m)^Accepted publickey", (sshd.folder / "log").read_text()))


def many(daemons: list[Any], bastion: Machine) -> list[Machine]:
    """Each daemon by many addresses, all behind the bastion, their keys known."""
    machines = []
    for number, daemon in enumerate(daemons):
        key = daemon.known_hosts.read_text().split(" ", 1)[1]
        addresses = [f"127.1.{number}.{n + 1}" for n in range(ADDRESSES)]
        daemon.known_hosts.write_text("".join(f"[{address}]:{daemon.port} {key}" for address in addresses))
        machines += [daemon.machine(address, address=address, jumps=(bastion,)) for address in addresses]
    return machines


@pytest.fixture
def behind(start_sshd: Callable[..., Any]) -> Callable[[int], list[Any]]:
    """So many daemons of ADDRESSES addresses that bear many logins at a time."""

    def start(count: int) -> list[Any]:
        listen = ["".join(f"ListenAddress 127.1.{m}.{n + 1}\n" for n in range(ADDRESSES)) for m in range(count)]
        return [start_sshd(extra=f"MaxStartups 500\n{lines}") for lines in listen]

    return start


async def test_many_hosts_behind_a_bastion_with_its_usual_limits(
    start_sshd: Callable[..., Any], behind: Callable[[int], list[Any]], pool: Pool
) -> None:
    """MaxStartups 10:30:100 and MaxSessions 10, as sshd has them: neither counts what goes through one connection."""
    bastion = start_sshd()
    machines = many(behind(4), bastion.machine("bastion"))
    said = await asyncio.gather(*(answer(pool, machine, "echo $SSH_CONNECTION", seconds=60) for machine in machines))
    assert len(said) == 4 * ADDRESSES
    assert [line.split()[2].decode() for line in said] == [machine.address for machine in machines]
    assert logins(bastion) == 1


async def test_a_chain_of_two_by_each_ones_own_keys_and_trust(start_sshd: Callable[..., Any], pool: Pool) -> None:
    first, second, last = start_sshd(), start_sshd(), start_sshd()
    machine = last.machine(jumps=(first.machine("first"), second.machine("second")))
    assert await answer(pool, machine, "echo ok", seconds=20) == b"ok\n"
    assert (
        await answer(pool, second.machine("second", jumps=(first.machine("first"),)), "echo ok", seconds=20) == b"ok\n"
    )
    assert [logins(daemon) for daemon in (first, second, last)] == [1, 1, 1]
    others = second.machine("second", identities=(str(first.identity),))
    with pytest.raises(errors.Denied, match=r"web1 is behind second: second .* refused its key"):
        await pool.link(last.machine(jumps=(first.machine("first"), others)))


async def test_a_bastion_is_trusted_as_any_host(start_sshd: Callable[..., Any], pool: Pool) -> None:
    bastion, last = start_sshd(), start_sshd()
    other = last.known_hosts.read_text().split()[2]
    name, kind, key = bastion.known_hosts.read_text().split()
    bastion.known_hosts.write_text("")
    machine = last.machine(jumps=(bastion.machine("bastion"),))
    with pytest.raises(HostKeyUnknown, match=r"web1 is behind bastion: the host key of .* cockpit fleet trust bastion"):
        await pool.link(machine)
    bastion.known_hosts.write_text(f"{name} {kind} {other}\n")
    with pytest.raises(HostKeyChanged, match=r"web1 is behind bastion: .* has changed"):
        await pool.link(machine)
    bastion.known_hosts.write_text(f"{name} {kind} {key}\n")
    last.known_hosts.write_text("")
    async with Pool().used() as another:
        stranger = await another.stranger(machine)
        assert stranger is not None and stranger.unknown.name == f"[127.0.0.1]:{last.port}"


async def test_a_lost_bastion_takes_its_hosts_along_and_is_connected_once_more(
    start_sshd: Callable[..., Any],
    behind: Callable[[int], list[Any]],
    pool: Pool,
    comes_true: Callable[..., Awaitable[None]],
) -> None:
    bastion = start_sshd()
    machines = many(behind(1), bastion.machine("bastion"))
    await asyncio.gather(*map(pool.link, machines))
    bastion.cut()
    await comes_true(lambda: not any(map(pool.connected, machines)))
    assert {
        bytes(said) for said in await asyncio.gather(*(answer(pool, m, "echo ok", seconds=20) for m in machines))
    } == {b"ok\n"}
    assert logins(bastion) == 2


async def test_hosts_behind_a_dead_bastion_share_its_failure(
    start_sshd: Callable[..., Any], behind: Callable[[int], list[Any]], comes_true: Callable[..., Awaitable[None]]
) -> None:
    """Not one time-out after the other, and no login after the other where it is refused."""
    bastion = start_sshd()
    machines = many(behind(1), bastion.machine("bastion", identities=(str(start_sshd().identity),)))
    async with Pool(connect_seconds=10).used() as pool:
        for half in (machines[:6], machines[6:]):
            ends = await asyncio.gather(*map(pool.link, half), return_exceptions=True)
            assert {type(end) for end in ends} == {errors.Denied}

    def refused() -> int:
        return (bastion.folder / "log").read_text().count("Connection closed by authenticating user")

    await comes_true(refused)
    assert refused() == 1


async def test_a_bastion_that_has_come_back_is_tried_again_however_many_ask_for_it(
    start_sshd: Callable[..., Any], pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "HOP_FAILED_SECONDS", 0.5)
    bastion, last = start_sshd(), start_sshd()
    bastion.kill()
    machine = last.machine(jumps=(bastion.machine("bastion"),))
    with pytest.raises(Unreached, match="web1 is behind bastion"):
        await pool.link(machine)
    bastion.start()
    async with asyncio.timeout(20):
        while not pool.connected(machine):
            with contextlib.suppress(Unreached):
                await pool.link(machine)
            await asyncio.sleep(0.02)


async def test_what_a_bastion_says_of_a_host_behind_it(start_sshd: Callable[..., Any], pool: Pool) -> None:
    bastion = start_sshd()
    jumps = (bastion.machine("bastion"),)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        closed = probe.getsockname()[1]
    facts: dict[str, Any] = {"user": "x", "jumps": jumps}
    with pytest.raises(Unreached, match=r"bastion .* cannot reach it: Connection refused"):
        await pool.link(Machine("config", "closed", "127.0.0.1", port=closed, **facts))
    with pytest.raises(Unreached, match=r"bastion .* cannot reach it"):
        await pool.link(Machine("config", "nowhere", "no-such-host.invalid", **facts))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = Machine("config", "mute", "127.0.0.1", port=silent.getsockname()[1], connect_seconds=0.5, **facts)
        with pytest.raises(TimedOut, match=r"no SSH within 0.5 s \(version\)"):
            await pool.link(mute)
    assert logins(bastion) == 1


async def test_a_bastion_that_forwards_nothing_is_said(start_sshd: Callable[..., Any], pool: Pool) -> None:
    bastion, last = start_sshd(extra="AllowTcpForwarding no\n"), start_sshd()
    with pytest.raises(errors.Refused, match=r"bastion .* lets no connection through to it .* AllowTcpForwarding"):
        await pool.link(last.machine(jumps=(bastion.machine("bastion"),)))


async def test_a_way_through_that_nobody_waits_for_is_closed_at_the_bastion(
    start_sshd: Callable[..., Any], pool: Pool, comes_true: Callable[..., Awaitable[None]]
) -> None:
    bastion = start_sshd()
    await pool.link(bastion.machine("bastion"))

    def open_now() -> int:
        listed = subprocess.run(["ss", "-Htn", "state", "established", f"( dport = :{port} )"], stdout=subprocess.PIPE)
        return len(listed.stdout.splitlines())

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mute = Machine("config", "mute", "127.0.0.1", port=port, user="x", jumps=(bastion.machine("bastion"),))
        for milliseconds in (0, 1, 2, 5, 20, 100):
            waiting = asyncio.create_task(pool.link(mute))
            await asyncio.sleep(milliseconds / 1000)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await comes_true(lambda: open_now() == 0)
    assert pool.connected(bastion.machine("bastion"))


async def test_a_proxy_command_is_the_way_to_a_bastion(start_sshd: Callable[..., Any], pool: Pool, need: Any) -> None:
    need("nc", "apt-get install netcat-openbsd")
    bastion, last = start_sshd(), start_sshd()
    jump = bastion.machine("bastion", proxy_command=f"nc 127.0.0.1 {bastion.port}")
    assert await answer(pool, last.machine(jumps=(jump,)), "echo ok", seconds=20) == b"ok\n"
