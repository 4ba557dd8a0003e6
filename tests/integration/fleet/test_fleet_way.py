"""The way to a host when it is bad: silent, endless, reset, full, refused, without a name, through a command."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.engine import connect, names, slot
from cockpit.fleet.engine.failures import LostBeforeExec, TimedOut, Unreached
from cockpit.fleet.engine.handshake import Handshake
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import answer
from cockpit.fleet.machine import Machine
from cockpit.model import errors


def at(port: int, name: str = "bad", **changes: object) -> Machine:
    facts: dict[str, object] = {"user": "x", "usual_keys": False, "agent": "", **changes}
    return Machine("config", name, "127.0.0.1", port=port, **facts)  # type: ignore[arg-type]


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    """Its port. What it serves is cut when it ends."""
    running: set[asyncio.Task[Any]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with suppress(ConnectionError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()
        running.discard(task)

    listening = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def babbling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 100 + b"\n")
        await writer.drain()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"welcome\n")
        await asyncio.sleep(0.05)


async def hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says its version and nothing more."""
    writer.write(b"SSH-2.0-hanging\r\n")
    await asyncio.Event().wait()


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


@pytest.fixture
def full() -> Iterator[int]:
    """A port whose backlog is full: the system drops what else would connect, as a firewall does."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = int(listening.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


@pytest.mark.parametrize(("serve", "phase"), [(silent, "version"), (dripping, "version"), (hanging, "key exchange")])
async def test_a_host_that_never_answers_costs_the_time_out(serve: Serve, phase: str) -> None:
    async with server(serve) as port, Pool(connect_seconds=0.5).used() as pool:
        with pytest.raises(TimedOut, match=rf"no SSH within 0.5 s \({phase}\)"):
            await pool.link(at(port))


async def test_a_black_hole_costs_the_time_out_and_a_machine_may_have_its_own(full: int) -> None:
    async with Pool(connect_seconds=60).used() as pool:
        with pytest.raises(TimedOut, match=r"no SSH within 0.5 s \(connect\)"):
            await pool.link(at(full, connect_seconds=0.5))


async def test_an_endless_banner_is_not_read_for_ever() -> None:
    async with server(babbling) as port, Pool(connect_seconds=20).used() as pool:
        with pytest.raises(Unreached, match="does not speak SSH: too many banner lines"):
            await pool.link(at(port))


async def test_what_is_not_ssh_is_called_that() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-1.5-ancient\r\n")
        await reader.read()

    async with server(other) as port, Pool(connect_seconds=20).used() as pool:
        with pytest.raises(Unreached, match="does not speak SSH: unsupported SSH version"):
            await pool.link(at(port))


async def test_a_reset_before_the_login_is_tried_again_three_times() -> None:
    tries = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        await resetting(reader, writer)

    async with server(counted) as port, Pool(connect_seconds=20).used() as pool:
        with pytest.raises(Unreached, match=r"closed the connection \(version\) \(3 attempts\)") as caught:
            await pool.link(at(port))
    assert tries == caught.value.attempts == connect.ATTEMPTS


async def test_a_reset_that_passes_is_only_counted(sshd: Any) -> None:
    tries = 0

    async def at_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            await resetting(reader, writer)
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", sshd.port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()

    async with server(at_first) as port, Pool(connect_seconds=20).used() as pool:
        _, _, rest = sshd.known_hosts.read_text().partition(" ")
        sshd.known_hosts.write_text(f"[127.0.0.1]:{port} {rest}")
        machine = sshd.machine(port=port)
        await pool.link(machine)
        made = pool.made(machine)
        assert made is not None and made.attempts == 3 and made.seconds > 0


async def test_a_server_that_punishes_us_is_not_asked_again() -> None:
    tries = 0

    async def punishing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.write(b"Not allowed at this time\r\n")

    async with server(punishing) as port, Pool(connect_seconds=20).used() as pool:
        with pytest.raises(errors.Denied, match="PerSourcePenalties"):
            await pool.link(at(port))
    assert tries == 1


async def test_a_refused_port_and_an_unknown_name_are_not_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with Pool(connect_seconds=20).used() as pool:
        with pytest.raises(Unreached, match="Connection refused") as caught:
            await pool.link(at(port))
        assert caught.value.attempts == 1
        nowhere = Machine("config", "far", "no-such-host.invalid", user="x")
        with pytest.raises(Unreached, match=r"the name 'no-such-host.invalid' is not known|no name server answers"):
            await pool.link(nowhere)
        with pytest.raises(errors.Refused, match="cannot be an address"):
            await pool.link(Machine("config", "odd", f"{'a' * 70}.example", user="x"))


async def test_a_name_server_that_is_away_for_a_moment_is_asked_again(
    sshd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    real = names.socket.getaddrinfo

    def away(host: str, *args: Any, **options: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real("127.0.0.1", *args, **options)

    monkeypatch.setattr(names.socket, "getaddrinfo", away)
    async with Pool(connect_seconds=20).used() as pool:
        assert (await pool.link(sshd.machine(address="web.example", host_key_alias=f"[127.0.0.1]:{sshd.port}"))).alive
    assert tries == 3


async def test_a_dead_address_of_a_name_does_not_cost_the_others(
    sshd: Any, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(host: str, port: int, **options: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", place)) for place in (full, sshd.port)]

    monkeypatch.setattr(names.socket, "getaddrinfo", both)
    async with Pool(connect_seconds=20).used() as pool:
        assert (await pool.link(sshd.machine(address="web.example", host_key_alias=f"[127.0.0.1]:{sshd.port}"))).alive


async def test_bad_hosts_among_good_ones_cost_the_time_out_and_no_more(sshd: Any, full: int) -> None:
    """Not one after the other: the sum of their time-outs is never waited for."""
    loop = asyncio.get_running_loop()
    good = [sshd.machine(f"good{n}") for n in range(12)]
    async with server(silent) as mute, server(dripping) as slow, Pool(connect_seconds=1.5).used() as pool:
        bad = [at(port, f"bad{number}") for number, port in enumerate((full, mute, slow))]
        ends: dict[str, float] = {}
        began = loop.time()

        async def one(machine: Machine) -> None:
            with suppress(TimedOut):
                await answer(pool, machine, "true", seconds=20)
            ends[machine.name] = loop.time() - began

        await asyncio.gather(*map(one, [*bad, *good]))
    late = [ends[machine.name] for machine in bad]
    assert min(late) >= 1.5 and max(late) - min(late) < 1.5


async def test_a_way_that_nobody_waits_for_any_more_is_given_up(
    comes_true: Callable[..., Awaitable[None]],
) -> None:
    open_now = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        await reader.read()
        open_now -= 1

    async with server(counting) as port, Pool(connect_seconds=60).used() as pool:
        waiting = [asyncio.create_task(pool.link(at(port))) for _ in range(3)]
        await comes_true(lambda: open_now == 1)
        waiting[0].cancel()
        waiting[1].cancel()
        await asyncio.wait(waiting[:2])
        assert open_now == 1 and not waiting[2].done()
        waiting[2].cancel()
        await comes_true(lambda: open_now == 0)
        again = asyncio.create_task(pool.link(at(port)))
        await comes_true(lambda: open_now == 1)
        again.cancel()
        with pytest.raises(asyncio.CancelledError):
            await again


async def test_closing_the_pool_ends_what_is_on_its_way() -> None:
    async with server(silent) as port:
        async with Pool(connect_seconds=60).used() as pool:
            waiting = asyncio.create_task(pool.link(at(port)))
            await asyncio.sleep(0.1)
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_connection_that_dies_twice_before_the_command_did_not_run_it(
    sshd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Pool(connect_seconds=20).used() as pool:
        machine = sshd.machine()
        await pool.link(machine)
        real = Pool.link

        async def dead(self: Pool, machine: Machine, *, ask: bool = True) -> Any:
            link: Any = await real(self, machine, ask=ask)
            link.connection.abort()
            await link.connection.wait_closed()
            return link

        monkeypatch.setattr(Pool, "link", dead)
        with pytest.raises(LostBeforeExec, match="the connection was lost"):
            await pool.start(machine, "true")


async def test_a_proxy_command_carries_the_connection_and_ends_with_it(
    sshd: Any,
    processes: Callable[[str], list[int]],
    comes_true: Callable[..., Awaitable[None]],
    unique: Callable[[], int],
) -> None:
    """It leaves a process behind and says much on stderr, which is no part of the connection."""
    number = unique()
    carry = (
        "import socket,sys,threading,os\n"
        f"s=socket.create_connection(('127.0.0.1',{sshd.port}))\n"
        "def up():\n"
        "  while d:=os.read(0,65536): s.sendall(d)\n"
        "threading.Thread(target=up,daemon=True).start()\n"
        "while d:=s.recv(65536): os.write(1,d)\n"
    )
    script = sshd.folder / "carry.py"
    script.write_text(carry)
    command = f"sh -c 'echo noise >&2; sleep {number} & exec python3 {script}'"
    machine = sshd.machine(proxy_command=command)
    async with Pool(connect_seconds=20).used() as pool:
        assert await answer(pool, machine, "echo ok", seconds=20) == b"ok\n"
        assert processes(f"sleep {number}")
    await comes_true(lambda: not processes(f"sleep {number}") and not processes(str(script)))


async def test_a_proxy_command_is_run_by_the_users_shell(
    sshd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, need: Any
) -> None:
    """As ssh does it (sshconnect.c): `$SHELL -c "exec COMMAND"`."""
    ssh = need("ssh", "apt-get install openssh-client")
    need("nc", "apt-get install netcat-openbsd")
    shell, said = tmp_path / "shell", tmp_path / "said"
    shell.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >> {said}\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("SHELL", str(shell))
    command = f"nc 127.0.0.1 {sshd.port}"
    async with Pool().used() as pool:
        assert (await pool.link(sshd.machine(proxy_command=command))).alive
    ours = said.read_text()
    said.unlink()
    options = [f"-oProxyCommand={command}", f"-oIdentityFile={sshd.identity}", "-oStrictHostKeyChecking=no"]
    options += ["-Fnone", "-oUserKnownHostsFile=/dev/null", "-oBatchMode=yes"]
    process = await asyncio.create_subprocess_exec(ssh, *options, "127.0.0.1", "true", stderr=asyncio.subprocess.PIPE)
    await process.communicate()
    assert ours == said.read_text() == f"-c|exec {command}|"
    monkeypatch.setenv("SHELL", "")
    async with Pool().used() as pool:
        assert (await pool.link(sshd.machine(proxy_command=command))).alive
        monkeypatch.setenv("SHELL", str(tmp_path / "gone"))
        with pytest.raises(Unreached, match="gone, which runs its proxy command: No such file"):
            await pool.link(at(22, proxy_command=command))


async def test_a_proxy_command_that_fails_is_quoted(
    processes: Callable[[str], list[int]], comes_true: Callable[..., Awaitable[None]], unique: Callable[[], int]
) -> None:
    number = unique()
    async with Pool(connect_seconds=0.5).used() as pool:
        with pytest.raises(Unreached, match=r"the proxy command ended .*: no way there; exit status 3"):
            await pool.link(at(22, proxy_command="sh -c 'echo no way there >&2; exit 3'"))
        with pytest.raises(TimedOut, match=r"no SSH within 0.5 s \(version\): still trying"):
            await pool.link(at(22, proxy_command=f"sh -c 'echo still trying >&2; trap \"\" HUP; sleep {number}; :'"))
        await comes_true(lambda: not processes(f"sleep {number}"))
        waiting = asyncio.create_task(pool.link(at(22, proxy_command=f"sleep {number}", connect_seconds=60)))
        await comes_true(lambda: processes(f"sleep {number}"))
        waiting.cancel()
        await comes_true(lambda: not processes(f"sleep {number}"))
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_logins_on_one_sshd_bear_its_limit(start_sshd: Callable[..., Any]) -> None:
    """Forty users of one host, which drops half of the logins that are beyond five at a time."""
    sshd = start_sshd(extra="MaxStartups 5:50:30\n")
    async with Pool(connect_seconds=60).used() as pool:
        machines = [sshd.machine(f"m{n}", host_key_alias=f"m{n}") for n in range(40)]
        key = sshd.known_hosts.read_text().split(" ", 1)[1]
        sshd.known_hosts.write_text("".join(f"{machine.host_key_alias} {key}" for machine in machines))
        links = await asyncio.gather(*map(pool.link, machines))
    assert len({id(link) for link in links}) == 40


async def test_idle_connections_go_and_used_ones_stay(sshd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.fleet.engine.pool.LOOK_SECONDS", 0.05)
    monkeypatch.setattr(slot, "IDLE_SECONDS", 0.2)
    key = sshd.known_hosts.read_text().split(" ", 1)[1]
    sshd.known_hosts.write_text(f"idle,busy {key}")
    idle, busy = (sshd.machine(name, host_key_alias=name) for name in ("idle", "busy"))
    async with Pool(connect_seconds=20).used() as pool:
        await pool.link(idle)
        running = await pool.start(busy, "read line", feed=True)
        async with asyncio.timeout(20):
            while pool.connected(idle):
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert pool.connected(busy)
        running.eof()
        async with asyncio.timeout(20):
            while pool.connected(busy):
                await asyncio.sleep(0.02)


async def test_new_session_keys_in_the_middle_of_output(start_sshd: Callable[..., Any]) -> None:
    """The host key is checked again each time, by the same lines."""
    sshd = start_sshd(extra="RekeyLimit 64K\n")
    async with Pool(connect_seconds=20).used() as pool:
        command = "head -c 3000000 /dev/zero"
        assert await answer(pool, sshd.machine(), command, seconds=60, most_bytes=1 << 23) == bytes(3_000_000)
        assert await answer(pool, sshd.machine(), "echo ok", seconds=60) == b"ok\n"


async def test_what_we_use_of_asyncssh_is_there(sshd: Any) -> None:
    """handshake.py sets up its connection by hand: options are copied, the waiter and the owner are ours."""
    async with Pool(connect_seconds=20).used() as pool:
        link: Any = await pool.link(sshd.machine())
        made = link.connection
        assert isinstance(made, Handshake) and made.phase == "made"
        assert made.get_extra_info("username") == sshd.machine().user
        assert made.get_extra_info("send_cipher") == "aes128-gcm@openssh.com"
        assert made._options.waiter is made._made and made._options.host == "127.0.0.1"
        assert made._transport._transport.get_extra_info("socket") is not None
        assert made._keepalive_interval == 5.0 and made._keepalive_timer is not None
        assert made._login_timer is None and made._agent is None
