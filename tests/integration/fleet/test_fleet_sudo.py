"""Commands as another user, by the real sudo: on sshd, by a user that is made for the test (root alone can do that)."""

from __future__ import annotations

import asyncio
import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.engine import sudo as sudo_module
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import Remote, sent
from cockpit.fleet.engine.sudo import Secret, Sudo, SudoRefused
from cockpit.fleet.machine import Machine
from cockpit.model import errors

ASKS = "USER ALL=(ALL) ALL"
ASKS_NOTHING = "USER ALL=(ALL) NOPASSWD: ALL"


@pytest.fixture
def account(start_account: Callable[..., Any], need: Callable[[str, str], str]) -> Any:
    need("sudo", "apt-get install sudo")
    return start_account()


@pytest.fixture
def machine(account: Any, sshd: Any) -> Machine:
    found: Machine = account.lets_in(sshd)
    return found


async def read(remote: Remote) -> tuple[bytes, bytes]:
    """(stdout, stderr) to the end."""
    output = (bytearray(), bytearray())
    while (chunk := await remote.read()) is not None:
        output[chunk.stderr].extend(chunk.data)
    return bytes(output[0]), bytes(output[1])


async def run(pool: Pool, machine: Machine, command: str, sudo: Sudo) -> tuple[bytes, bytes, int | None]:
    async with asyncio.timeout(60), sent(pool, machine, command, sudo=sudo) as remote:
        output = await read(remote)
        return *output, remote.ending.status


@pytest.mark.parametrize("pty", ["use_pty", "!use_pty"])
async def test_the_password_goes_to_sudo_and_nothing_of_it_to_the_command(
    pool: Pool, machine: Machine, account: Any, pty: str
) -> None:
    account.may(f"Defaults:USER {pty}", ASKS)
    sudo = Sudo(password=Secret(account.password))
    command = "id -un; echo \"it's \\$HOME !\" 'a\\n\\'; cat; echo err >&2; exit 3\n# comment \\"
    assert await run(pool, machine, command, sudo) == (
        b"root\nit's $HOME !\na\\n\\\n".replace(b"\na", b" a"),
        b"err\n",
        3,
    )


async def test_where_sudo_asks_nothing_no_password_is_sent(pool: Pool, machine: Machine, account: Any) -> None:
    account.may(ASKS_NOTHING)
    for sudo in (Sudo(), Sudo(password=Secret("never sent"))):
        assert await run(pool, machine, "id -un; cat", sudo) == (b"root\n", b"", 0)


async def test_another_user_than_root(pool: Pool, machine: Machine, account: Any) -> None:
    account.may(ASKS)
    sudo = Sudo("nobody", Secret(account.password))
    assert await run(pool, machine, "id -un", sudo) == (b"nobody\n", b"", 0)


async def test_input_is_fed_to_the_command_after_the_password(pool: Pool, machine: Machine, account: Any) -> None:
    account.may("Defaults:USER use_pty", ASKS)
    async with sent(pool, machine, "cat", feed=True, sudo=Sudo(password=Secret(account.password))) as remote:
        remote.write(b"\xff\x00fed\n")
        remote.eof()
        assert await read(remote) == (b"\xff\x00fed\n", b"")


async def test_a_wrong_password_is_tried_once(pool: Pool, machine: Machine, account: Any) -> None:
    account.may("Defaults:USER logfile=%s" % (account.home / "log"), ASKS)
    secret = Secret("wrong-secret")
    with pytest.raises(SudoRefused, match=r"sudo does not take the password: Sorry, try again\.") as caught:
        await run(pool, machine, "echo ran", Sudo(password=secret))
    assert isinstance(caught.value, errors.Denied)
    assert "wrong-secret" not in "".join(traceback.format_exception(caught.value))
    log = (account.home / "log").read_text()
    assert "1 incorrect password attempt" in log and "wrong-secret" not in log


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ((), "is not in the sudoers file"),
        (("Defaults:USER requiretty", ASKS), "you must have a tty"),
        (("USER ALL=(ALL) /bin/true",), "is not allowed to execute"),
    ],
)
async def test_sudo_says_why_it_refuses(
    pool: Pool, machine: Machine, account: Any, rules: tuple[str, ...], words: str
) -> None:
    account.may(*rules)
    with pytest.raises(SudoRefused, match=words):
        await run(pool, machine, "echo ran", Sudo(password=Secret(account.password)))


async def test_no_password_where_one_is_needed(pool: Pool, machine: Machine, account: Any) -> None:
    account.may(ASKS)
    with pytest.raises(SudoRefused, match="a password is required"):
        await run(pool, machine, "echo ran", Sudo())


async def test_a_host_without_sudo(pool: Pool, sshd: Any, tmp_path: Path, start_sshd: Callable[..., Any]) -> None:
    machine = start_sshd(extra=f"SetEnv PATH={tmp_path}\n").machine()
    with pytest.raises(SudoRefused, match="sudo: not found"):
        await run(pool, machine, "echo ran", Sudo(password=Secret("x")))


async def test_what_sudo_asks_besides_is_said_and_not_answered(
    pool: Pool, start_sshd: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second factor, or a password that must be changed."""
    monkeypatch.setattr(sudo_module, "QUESTION_SECONDS", 0.5)
    fake, heard = tmp_path / "sudo", tmp_path / "heard"
    fake.write_text(f"#!/bin/sh\nprintf 'Current password has expired.\\nNew password: ' >&2\ncat >{heard}\nexit 1\n")
    fake.chmod(0o755)
    machine = start_sshd(extra=f"SetEnv PATH={tmp_path}:/usr/bin:/bin\n").machine()
    with pytest.raises(SudoRefused, match=r"cannot answer: Current password has expired\.; New password:"):
        await run(pool, machine, "echo ran", Sudo(password=Secret("hunter2")))
    assert heard.read_bytes() == b""


@pytest.mark.parametrize("pty", ["use_pty", "!use_pty"])
@pytest.mark.parametrize("user", ["root", "nobody"])
async def test_a_stop_reaches_what_runs_behind_sudo(
    pool: Pool, machine: Machine, account: Any, pty: str, user: str, unique: Callable[[], int],
    processes: Callable[[str], list[int]], comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    account.may(f"Defaults:USER {pty}", ASKS)
    first, second = unique(), unique()
    sudo = Sudo(user, Secret(account.password))
    command = f"trap '' TERM; setsid sleep {first} & while :; do sleep {second}; done"
    async with sent(pool, machine, command, sudo=sudo) as remote:
        await comes_true(lambda: processes(f"sleep {first}") and processes(f"sleep {second}"))
        stopped = await remote.stop()
    assert stopped.confirmed, stopped.why
    assert not processes(f"sleep {first}") and not processes(f"sleep {second}")


async def test_a_stop_reaches_what_a_command_has_itself_begun_by_sudo(
    pool: Pool, machine: Machine, account: Any, unique: Callable[[], int],
    processes: Callable[[str], list[int]], comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    account.may(ASKS_NOTHING)
    number = unique()
    async with sent(pool, machine, f"sudo sh -c \"trap '' TERM HUP; while :; do sleep {number}; done\"") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        stopped = await remote.stop()
    assert stopped.confirmed, stopped.why
    assert not processes(f"sleep {number}")


@pytest.mark.parametrize("pty", ["use_pty", "!use_pty"])
async def test_what_cannot_be_ended_is_not_called_ended(
    pool: Pool, machine: Machine, account: Any, pty: str, unique: Callable[[], int],
    processes: Callable[[str], list[int]], comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    number, stubborn = unique(), account.home / "stubborn"
    stubborn.write_text(f"#!/bin/sh\ntrap '' TERM HUP\nwhile :; do sleep {number}; done\n")
    stubborn.chmod(0o755)
    account.may(f"Defaults:USER {pty}", f"USER ALL=(ALL) NOPASSWD: {stubborn}")
    async with sent(pool, machine, f"sudo {stubborn}; true") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        stopped = await remote.stop()
    assert not stopped.confirmed and "still running, as another user: process" in stopped.why
    assert processes(f"sleep {number}")
    for pid in processes(str(stubborn)) + processes(f"sleep {number}"):
        os.kill(pid, 9)


async def test_a_cancel_while_sudo_asks_leaves_nothing(
    pool: Pool, start_sshd: Callable[..., Any], tmp_path: Path, unique: Callable[[], int],
    processes: Callable[[str], list[int]], comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    fake, number = tmp_path / "sudo", unique()
    fake.write_text(f"#!/bin/sh\necho working >&2; cat & exec sleep {number}\n")
    fake.chmod(0o755)
    machine = start_sshd(extra=f"SetEnv PATH={tmp_path}:/usr/bin:/bin\n").machine()
    task = asyncio.create_task(run(pool, machine, "echo ran", Sudo(password=Secret("x"))))
    await comes_true(lambda: processes(f"sleep {number}"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not processes(f"sleep {number}")


async def test_a_time_out_while_sudo_waits_for_its_answer_leaves_nothing(
    pool: Pool, machine: Machine, account: Any, monkeypatch: pytest.MonkeyPatch, comes_true: Callable[..., Any]
) -> None:
    account.may(ASKS)
    monkeypatch.setattr(sudo_module.Door, "_asks", lambda door: False)
    monkeypatch.setattr(sudo_module, "ENTER_SECONDS", 1.0)
    with pytest.raises(SudoRefused, match="did not answer within 1 s"):
        await run(pool, machine, "echo ran", Sudo(password=Secret(account.password)))
    listed = [Path(f"/proc/{pid}/comm").read_text() for pid in account.processes()]
    assert "sudo\n" not in listed


async def test_a_secret_is_never_shown() -> None:
    sudo = Sudo(password=Secret("hunter2"))
    assert "hunter2" not in f"{sudo!r} {sudo} {sudo.password}"
    with pytest.raises(TypeError):
        pickle.dumps(sudo)


async def test_what_sudo_could_not_be_told_is_refused(pool: Pool) -> None:
    machine = Machine("config", "here", "localhost", transport="local")
    for sudo in (Sudo(password=Secret("two\nlines")), Sudo("no 'user")):
        with pytest.raises(errors.Refused):
            await run(pool, machine, "true", sudo)
