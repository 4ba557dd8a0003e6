"""Trees of files, and hosts to keep them on: a real sshd, this machine, and a host that has BusyBox's tools alone."""

from __future__ import annotations

import os
import shutil
import stat
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.files.fetch import Fetch, Fetching
from cockpit.fleet.files.orders import Done, Sending, Way
from cockpit.fleet.files.send import Send
from cockpit.fleet.files.tree import Excludes, gather, walk
from cockpit.fleet.machine import Machine

TOOLS = (
    "chmod", "cp", "find", "ln", "mkdir", "mv", "readlink", "rm", "rmdir", "sha256sum", "sh", "sleep", "stat", "tar",
    "xargs",
)  # fmt: skip
"""What cockpit asks of a host; all else is in /bin/sh."""
Shape: TypeAlias = dict[bytes, tuple[str, int, bytes]]
"""Path -> kind "f", "d" or "l", mode, content or target of the link."""


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCKPIT_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    async with Pool(connect_seconds=10.0).used() as pool:
        yield pool


@pytest.fixture
def tools(tmp_path: Path, need: Callable[[str, str], str]) -> Path:
    """A folder for programs that a host finds first; empty."""
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


@pytest.fixture
def busybox(tools: Path, need: Callable[[str, str], str]) -> Path:
    program = need("busybox", "apt-get install busybox")
    for name in TOOLS:
        (tools / name).symlink_to(program)
    return tools


@pytest.fixture(params=["ssh", "local", "busybox"])
def machine(request: pytest.FixtureRequest, start_sshd: Callable[..., Any]) -> Machine:
    """The same promises on all of them."""
    if request.param == "local":
        return Machine("config", "here", "localhost", transport="local")
    if request.param == "busybox":
        folder = request.getfixturevalue("busybox")
        found: Machine = start_sshd(extra=f"SetEnv PATH={folder} SHLVL=5\n").machine()
    else:
        found = start_sshd().machine()
    return found


@pytest.fixture
def odd_host(tools: Path, start_sshd: Callable[..., Any]) -> Callable[[str, str], Any]:
    """`odd_host("tar", script)` starts an sshd whose sessions find that script first."""

    def start(name: str, script: str) -> Any:
        program = tools / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return start_sshd(extra=f"SetEnv PATH={tools}:{os.environ['PATH']} SHLVL=5\n")

    return start


@pytest.fixture
def send(pool: Pool) -> Callable[..., Awaitable[Done]]:
    """`await send(machine, local, remote, Way.MIRROR)`"""

    async def run(
        machine: Machine, local: Path | list[Path], remote: Path | bytes | str, way: Way, **more: Any
    ) -> Done:
        return await sending(pool, machine, local, remote, way, **more).run()

    return run


@pytest.fixture
def prepared(pool: Pool) -> Callable[..., Send]:
    """The same, not begun."""

    def make(machine: Machine, local: Path | list[Path], remote: Path | bytes | str, way: Way, **more: Any) -> Send:
        return sending(pool, machine, local, remote, way, **more)

    return make


def sending(
    pool: Pool, machine: Machine, local: Path | list[Path], remote: Path | bytes | str, way: Way, **more: Any
) -> Send:
    excludes, checksum = Excludes(more.pop("excludes", ())), more.get("checksum", False)
    if way is Way.PUT:
        tree = gather([str(path) for path in (local if isinstance(local, list) else [local])], checksum=checksum)
    else:
        tree = walk(str(local), excludes, checksum=checksum)
    more.setdefault("rsync", shutil.which("rsync") or "")
    order = Sending(way=way, tree=tree, remote=os.fsencode(remote), excludes=excludes, **more)
    return Send(pool, machine, order, lambda *_: None)


@pytest.fixture
def fetch(pool: Pool) -> Callable[..., Awaitable[Done]]:
    """`await fetch(machine, remote, folder)`"""

    async def run(machine: Machine, remote: Path | bytes | str, folder: Path, **more: Any) -> Done:
        order = Fetching(remote=os.fsencode(remote), folder=str(folder), **{"apart": False, **more})
        return await Fetch(pool, machine, order, lambda *_: None).run()

    return run


@pytest.fixture
def make() -> Callable[[Path, Shape], Path]:
    """Makes a tree; files with another content have another time, to the second."""

    def fill(root: Path, shape: Shape) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        top = os.fsencode(root)
        for path, (kind, mode, content) in shape.items():
            where = top + b"/" + path
            if kind == "d":
                os.mkdir(where, 0o700)
                continue
            if kind == "l":
                os.symlink(content, where)
                continue
            with open(where, "wb") as file:
                file.write(content)
            os.chmod(where, mode)
            time_ns = zlib.crc32(content) // 4 * 10**9 + 123_456_789
            os.utime(where, ns=(time_ns, time_ns))
        for path, (kind, mode, _) in reversed(shape.items()):
            if kind == "d":
                os.chmod(top + b"/" + path, mode)
        return root

    return fill


@pytest.fixture
def shape_of() -> Callable[[Path], Shape]:
    """What a tree looks like."""

    def look(root: Path) -> Shape:
        found: Shape = {}
        top = os.fsencode(root)
        for folder, folders, files in os.walk(top):
            for name in folders + files:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                mode = stat.S_IMODE(status.st_mode)
                inner = os.path.relpath(path, top)
                if stat.S_ISLNK(status.st_mode):
                    found[inner] = ("l", 0o777, os.readlink(path))
                elif stat.S_ISDIR(status.st_mode):
                    found[inner] = ("d", mode, b"")
                else:
                    found[inner] = ("f", mode, Path(os.fsdecode(path)).read_bytes())
        return found

    return look
