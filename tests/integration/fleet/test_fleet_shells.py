"""Every login shell gets a command as ssh delivers it, says which process it is, and can be stopped.

sshd forces the command into the shell under test: `exec SHELL -c "$SSH_ORIGINAL_COMMAND"` is what it does itself for a
user with that login shell.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cockpit.fleet.engine import announce
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import LINE_BYTES, sent
from cockpit.fleet.engine.sudo import Secret, Sudo
from cockpit.fleet.machine import Machine
from cockpit.model import errors

SH = ["bash", "rbash", "dash", "zsh", "ksh93", "mksh", "busybox sh"]
CSH = ["tcsh", "bsd-csh"]
SHELLS = [*SH, "fish", *CSH]
PACKAGES = {"rbash": "bash", "ksh93": "ksh93u+m", "busybox sh": "busybox", "bsd-csh": "csh"}


@pytest.fixture
def short_folder() -> Iterator[str]:
    """A socket's path is short: pytest's own folder may be too deep."""
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.fixture
def shell_path(need: Callable[[str, str], str]) -> Callable[[str], str]:
    """The shell's program and arguments."""

    def find(shell: str) -> str:
        name, *rest = shell.split()
        return " ".join([need(name, f"apt-get install {PACKAGES.get(shell, name)}"), *rest])

    return find


@pytest.fixture
def machine_of(start_sshd: Callable[..., Any], shell_path: Callable[[str], str]) -> Callable[[str], Machine]:
    """`machine_of("fish")`: a host on which the user's login shell is that one."""

    def start(shell: str) -> Machine:
        forced = f'ForceCommand exec {shell_path(shell)} -c "$SSH_ORIGINAL_COMMAND"\n'
        found: Machine = start_sshd(extra=forced).machine()
        return found

    return start


async def run(pool: Pool, machine: Machine, command: str, **options: Any) -> tuple[bytes, bytes, int | None]:
    output = (bytearray(), bytearray())
    async with asyncio.timeout(60), sent(pool, machine, command, **options) as remote:
        while (chunk := await remote.read()) is not None:
            output[chunk.stderr].extend(chunk.data)
        # shells that look at the whole first begin nothing of what they cannot read
        assert remote._announcement.who is not None or not output[0], "the shell announced nothing"
        return bytes(output[0]), bytes(output[1]), remote.ending.status


COMMANDS = [
    "true",
    "exit 3",
    "echo one; echo two",
    "echo one\necho two\nexit 4",
    "echo \"it's $HOME\" 'a\"b' c\\ d",
    "echo 'a\\\\b' 'c\\d'",
    "exec echo replaced",
    "# a comment alone",
    "echo before # a comment",
    "echo goes on\\",
    "echo two \\\nlines",
    "echo *no*such*file* || true",
    "no-such-command-here",
    "cat",
    "echo 100%; echo '%s' '\\n'",
    "echo ümläut '☃'",
    "",
    " ",
    "\n\n",
    "echo (",
    "echo 'unclosed",
]


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_command_is_delivered_as_ssh_does_it(
    shell: str, pool: Pool, machine_of: Callable[[str], Machine], need: Callable[[str, str], str], short_folder: str
) -> None:
    """The oracle is ssh itself, to the same host."""
    machine = machine_of(shell)
    control = f"ControlPath={short_folder}/%C"
    ssh = [
        need("ssh", "apt-get install openssh-client"), "-n", "-F", "none", "-i", machine.identities[0], "-p",
        str(machine.port), "-o", f"UserKnownHostsFile={machine.known_hosts[0]}", "-o", "BatchMode=yes",
        "-o", "ControlMaster=auto", "-o", "ControlPersist=5", "-o", control, "127.0.0.1",
    ]  # fmt: skip
    commands = COMMANDS + (
        ["cat <<'EOF'\na $HOME\n  b\nEOF", "cat <<EOF\n$((1+1))\nEOF\nexit 5"] if shell in SH else []
    )
    for command in filter(None, commands):
        asked = await asyncio.create_subprocess_exec(
            *ssh, "--", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        stdout, stderr = await asked.communicate()
        said = await run(pool, machine, command)
        assert said[0] == stdout, command
        assert said[2] == asked.returncode, command
        if (
            shell != "fish"
        ):  # which repeats all of a bad script, where others say a line number: one more than under ssh
            assert len(said[1].splitlines()) == len(stderr.splitlines()), command


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_command_in_any_shell_is_stopped(
    shell: str, pool: Pool, machine_of: Callable[[str], Machine], unique: Callable[[], int],
    processes: Callable[[str], list[int]], comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    number = unique()
    async with sent(pool, machine_of(shell), f"sleep {number} | cat; echo over") as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        stopped = await remote.stop()
        # a restricted shell may not begin another in its place
        assert stopped.confirmed is (shell != "rbash"), stopped.why
    if shell == "rbash":
        assert "did not run the stop" in stopped.why
        for pid in processes(f"sleep {number}"):
            os.kill(pid, 9)
        await comes_true(lambda: not processes(f"sleep {number}"))
    assert not processes(f"sleep {number}")


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_long_command_arrives(shell: str, pool: Pool, machine_of: Callable[[str], Machine]) -> None:
    machine = machine_of(shell)
    assert (await run(pool, machine, "echo ok # " + "x " * 60_000))[0] == b"ok\n"
    if shell not in CSH:  # they have a limit of their own, for a word
        words = "x" * 100_000
        assert (await run(pool, machine, f"echo {words}"))[0] == f"{words}\n".encode()


async def test_a_command_that_no_program_could_be_given_is_refused(pool: Pool, sshd: Any) -> None:
    room = LINE_BYTES - len(announce.line("m" * 16))
    assert (await run(pool, sshd.machine(), "#" * room))[2] == 0
    with pytest.raises(errors.Refused, match="the command is 1 bytes too long to be one argument"):
        await run(pool, sshd.machine(), "#" * (room + 1))


@pytest.mark.parametrize("shell", [name for name in SHELLS if name not in ("rbash", "busybox sh")])
async def test_sudo_is_reached_from_any_login_shell(
    shell: str, pool: Pool, sshd: Any, start_account: Callable[..., Any], shell_path: Callable[[str], str],
    unique: Callable[[], int], processes: Callable[[str], list[int]], comes_true: Callable[..., Any],
) -> None:  # fmt: skip
    """A user who really has that shell."""
    path = shell_path(shell)
    shell_path("sudo")
    account = start_account(path)
    account.may("USER ALL=(ALL) ALL")
    machine, sudo = account.lets_in(sshd), Sudo(password=Secret(account.password))
    command = "printf '%s\\n' \"it's\" 'a\\b' hey\\! '  two' # comment\nid -un\nexit 3"
    assert await run(pool, machine, command, sudo=sudo) == (b"it's\na\\b\nhey!\n  two\nroot\n", b"", 3)
    number = unique()
    async with sent(pool, machine, f"sleep {number}; echo over", sudo=sudo) as remote:
        await comes_true(lambda: processes(f"sleep {number}"))
        stopped = await remote.stop()
    assert stopped.confirmed, stopped.why
    assert not processes(f"sleep {number}")


@pytest.mark.parametrize("shell", SH[:4])
async def test_what_a_login_script_says_comes_before_and_confuses_nothing(
    shell: str, pool: Pool, start_sshd: Callable[..., Any], shell_path: Callable[[str], str]
) -> None:
    noisy = f'ForceCommand printf "noise\\nwithout end"; exec {shell_path(shell)} -c "$SSH_ORIGINAL_COMMAND"\n'
    machine = start_sshd(extra=noisy).machine()
    assert await run(pool, machine, "echo ok") == (b"noise\nwithout endok\n", b"", 0)
