"""kubectl exec and cp against the simulator: streams, exit codes, a terminal, a pod that goes away meanwhile."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.demo.kubernetes.simulator import Simulator, simulator

PATIENCE = 30.0
BINARY = bytes(range(256)) * 1000


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False, pace=0.05) as running:
        statuses = [{"name": name, "ready": True, "state": {"running": {}}} for name in ("app", "side")]
        for name in ("web-0", "web-1"):
            running.put(
                {
                    "metadata": {"namespace": "shop", "name": name},
                    "spec": {"containers": [{"name": "app", "image": "x"}, {"name": "side", "image": "x"}]},
                    "status": {"phase": "Running", "containerStatuses": statuses},
                }
            )
        yield running


@pytest.fixture
def kubectl(sim: Simulator, kube: Callable[[Path], Any]) -> Any:
    return kube(sim.kubeconfig)


async def test_both_streams_and_the_exit_code(kubectl: Any) -> None:
    command = "echo out; echo err >&2; echo $HOSTNAME; exit 42"
    code, out, err = await kubectl("exec", "web-0", "-c", "app", "--", "sh", "-c", command)
    assert (code, out) == (42, b"out\nweb-0\n")
    assert b"err\n" in err and b"exit code 42" in err


async def test_the_end_of_binary_stdin_arrives(kubectl: Any) -> None:
    code, out, err = await kubectl("exec", "-i", "web-0", "-c", "app", "--", "cat", stdin=BINARY)
    assert (code, err) == (0, b"")
    assert out == BINARY


async def test_a_program_that_is_not_there(kubectl: Any) -> None:
    code, _, err = await kubectl("exec", "web-0", "-c", "app", "--", "no-such-program")
    assert code == 1
    assert b"executable file not found" in err


async def test_containers_have_files_of_their_own(kubectl: Any) -> None:
    await kubectl("exec", "web-0", "-c", "app", "--", "sh", "-c", "echo kept > here")
    assert (await kubectl("exec", "web-0", "-c", "app", "--", "cat", "here"))[1] == b"kept\n"
    assert (await kubectl("exec", "web-0", "-c", "side", "--", "ls"))[1] == b""
    assert (await kubectl("exec", "web-1", "-c", "app", "--", "ls"))[1] == b""


async def test_a_container_that_is_not_there(kubectl: Any) -> None:
    code, _, err = await kubectl("exec", "web-0", "-c", "nope", "--", "true")
    assert code == 1 and b"nope" in err
    code, _, err = await kubectl("exec", "nope", "--", "true")
    assert code == 1 and b'"nope" not found' in err


async def test_a_file_is_copied_there_and_back(kubectl: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BINARY)
    code, _, err = await kubectl("cp", str(tmp_path / "file"), "shop/web-0:copied", "-c", "app")
    assert code == 0, err
    code, _, err = await kubectl("cp", "shop/web-0:copied", str(tmp_path / "back"), "-c", "app")
    assert code == 0, err
    assert (tmp_path / "back").read_bytes() == BINARY


async def test_a_terminal_its_size_and_ctrl_c(kubectl: Any) -> None:
    master, slave = os.openpty()
    said = bytearray()
    loop = asyncio.get_running_loop()
    more = asyncio.Event()

    def read() -> None:
        try:
            said.extend(os.read(master, 4096))
        except OSError:
            loop.remove_reader(master)
        more.set()

    async def until(text: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in said:
                more.clear()
                await more.wait()
        said.clear()

    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))
    loop.add_reader(master, read)
    try:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
        async with kubectl.begun(
            "exec", "-it", "web-0", "-c", "app", "--", "sh", start_new_session=True, **streams
        ) as process:
            await until(b"web-0:$ ")
            # The first size is sent beside the first output.
            os.write(master, b'while [ "$(stty size)" != "31 97" ]; do :; done; echo size-"$(stty size)"\r')
            await until(b"size-31 97")
            os.write(master, b"sh -c 'echo up-$((1+1)); exec sleep 600'\r")
            await until(b"up-2")
            os.write(master, b"\x03")
            await until(b"web-0:$ ")
            os.write(master, b"exit 7\r")
            async with asyncio.timeout(PATIENCE):
                assert await process.wait() == 7
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)


async def test_a_deleted_pod_ends_its_commands(sim: Simulator, kubectl: Any) -> None:
    async with kubectl.begun("exec", "web-0", "-c", "app", "--", "sh", "-c", "echo begun; exec sleep 600") as process:
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline() == b"begun\n"
            sim.remove("shop", "web-0")
            assert await process.wait() == 137


async def test_a_cut_is_no_success(sim: Simulator, kubectl: Any) -> None:
    async with kubectl.begun("exec", "web-0", "-c", "app", "--", "sh", "-c", "echo begun; exec sleep 600") as process:
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline() == b"begun\n"
            assert sim.api.inside.cut() == 1
            assert await process.wait() == 1
