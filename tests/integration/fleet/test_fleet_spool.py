"""What hosts say, on disk: whole, hashed, bounded, and hosts made to wait where there is no room."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.results import spool as module
from cockpit.fleet.results.spool import Spool, file_name
from cockpit.fleet.results.stream import TAIL_BYTES
from cockpit.fleet.results.writer import Writer


@asynccontextmanager
async def spooling(folder: Path, **options: Any) -> AsyncIterator[Spool]:
    async with Writer.open() as writer, Spool.open(writer, folder, **options) as spool:
        yield spool


async def test_random_bytes_of_both_streams_are_whole_counted_and_hashed(tmp_path: Path) -> None:
    chance = random.Random(7)
    out, err = chance.randbytes(3_000_000), chance.randbytes(70_000)
    async with spooling(tmp_path) as spool:
        output = spool.host("web1")
        for place in range(0, len(out), 30_011):
            output.write(out[place : place + 30_011], stderr=False)
            output.write(err[place // 50 : (place + 30_011) // 50], stderr=True)
            await output.room()
        output.write(err[output.stderr_bytes :], stderr=True)
        sealed = await output.seal()
    assert Path(sealed.stdout_path).read_bytes() == out and Path(sealed.stderr_path).read_bytes() == err
    assert sealed.stdout_digest == hashlib.sha256(out).hexdigest()
    assert sealed.stderr_digest == hashlib.sha256(err).hexdigest()
    assert sealed.lines == out.count(b"\n") + err.count(b"\n")
    assert (sealed.stdout_bytes, sealed.stderr_bytes, sealed.truncated) == (len(out), len(err), False)


async def test_a_silent_host_has_no_file(tmp_path: Path) -> None:
    async with spooling(tmp_path) as spool:
        sealed = await spool.host("web1").seal()
    assert sealed.stdout_digest == sealed.stdout_path == sealed.stderr_path == "" and not list(tmp_path.iterdir())


async def test_hundreds_of_hosts_at_once_need_few_open_files(tmp_path: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    before, most = open_files(), 0
    async with spooling(tmp_path) as spool:
        hosts = [spool.host(f"host{number}") for number in range(400)]
        for turn in range(3):
            for number, host in enumerate(hosts):
                host.write(f"{turn} {number}\n".encode(), stderr=bool(number % 2))
            await spool.writer.settled()
            most = max(most, open_files())
        sealed = await asyncio.gather(*[host.seal() for host in hosts])
    assert most - before <= module.OPEN_FILES + 5 and open_files() <= before + 1
    for number, kept in enumerate(sealed):
        said = Path(kept.stderr_path if number % 2 else kept.stdout_path).read_text()
        assert said == "".join(f"{turn} {number}\n" for turn in range(3))


async def test_over_its_share_a_host_keeps_head_and_tail(tmp_path: Path) -> None:
    lines = [f"line {number}\n".encode() for number in range(200_000)]
    whole = b"".join(lines)
    async with spooling(tmp_path, host_bytes=100_000) as spool:
        output = spool.host("web1")
        for place in range(0, len(whole), 50_000):
            output.write(whole[place : place + 50_000], stderr=False)
            await output.room()
        sealed = await output.seal()
    kept = Path(sealed.stdout_path).read_bytes()
    assert kept.startswith(whole[:100_000]) and kept.endswith(whole[-TAIL_BYTES:])
    assert b"left out here" in kept[100_000:100_100] and len(kept) < 100_000 + TAIL_BYTES + 100
    assert sealed.truncated and sealed.lines == 200_000
    assert sealed.stdout_digest == hashlib.sha256(whole).hexdigest()


async def test_a_little_over_its_share_nothing_is_left_out(tmp_path: Path) -> None:
    async with spooling(tmp_path, host_bytes=10) as spool:
        output = spool.host("web1")
        output.write(b"0123456789abc\n", stderr=False)
        sealed = await output.seal()
    assert Path(sealed.stdout_path).read_bytes() == b"0123456789abc\n" and not sealed.truncated


async def test_over_the_quota_hosts_wait_until_it_is_raised(tmp_path: Path) -> None:
    async with spooling(tmp_path, quota_bytes=1000) as spool:
        first, second = spool.host("web1"), spool.host("web2")
        first.write(bytes(1500), stderr=False)
        waiting = [asyncio.create_task(output.room()) for output in (first, second)]
        await spool.writer.settled()
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting) and first.full and "the quota of 1.0K" in spool.waiting
        spool.raise_quota()
        await asyncio.wait_for(asyncio.gather(*waiting), 10)
        assert spool.waiting == "" and not second.full
        sealed = await first.seal()
    assert Path(sealed.stdout_path).stat().st_size == 1500 and not sealed.truncated


async def test_where_nobody_can_raise_it_the_quota_leaves_out_the_middle(tmp_path: Path) -> None:
    async with spooling(tmp_path, quota_bytes=1000, attended=False) as spool:
        output = spool.host("web1")
        output.write(b"a" * 600 + b"b" * 200_000 + b"end\n", stderr=False)
        await asyncio.wait_for(output.room(), 10)
        sealed = await output.seal()
        later = spool.host("web2")
        later.write(b"short\n", stderr=False)
        short = await later.seal()
    kept = Path(sealed.stdout_path).read_bytes()
    assert kept.startswith(b"a" * 600 + b"b" * 400 + b"\n...") and kept.endswith(b"bend\n") and sealed.truncated
    assert Path(short.stdout_path).read_bytes() == b"short\n" and not short.truncated, "its tail is all of it"


@pytest.fixture
def small_files() -> Any:
    """A disk that is full after 100,000 bytes of a file, as write(2) says it: EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_makes_hosts_wait_and_nothing_is_lost(
    tmp_path: Path, small_files: Callable[[], None]
) -> None:
    whole = os.urandom(250_000)
    async with spooling(tmp_path) as spool:
        output = spool.host("web1")
        output.write(whole, stderr=False)
        await spool.writer.settled()
        assert output.full and "the disk does not take the output" in spool.waiting
        waiting = asyncio.create_task(output.room())
        small_files()
        spool.raise_quota()
        await asyncio.wait_for(waiting, 10)
        sealed = await output.seal()
    assert Path(sealed.stdout_path).read_bytes() == whole and not sealed.truncated and spool.fault == ""


async def test_a_host_that_ends_on_a_full_disk_is_cut_and_says_so(
    tmp_path: Path, small_files: Callable[[], None]
) -> None:
    async with spooling(tmp_path, attended=False) as spool:
        output = spool.host("web1")
        output.write(bytes(250_000), stderr=False)
        await asyncio.wait_for(output.room(), 10)
        sealed = await output.seal()
    assert sealed.truncated and "the output is not whole" in spool.fault
    assert sealed.stdout_digest == hashlib.sha256(bytes(250_000)).hexdigest()
    async with spooling(tmp_path) as spool:
        output = spool.host("web2")
        output.write(bytes(250_000), stderr=False)
        await spool.writer.settled()
        sealed = await output.seal()
    assert sealed.truncated and Path(sealed.stdout_path).stat().st_size == 100_000


async def test_the_tail_in_memory_is_bounded_and_in_lines(tmp_path: Path) -> None:
    async with spooling(tmp_path) as spool:
        output = spool.host("web1")
        assert output.last_line == b"" and output.tail(10) == []
        output.write(b"one\ntw", stderr=False)
        output.write(b"warning\n", stderr=True)
        output.write(b"o\n \nthr", stderr=False)
        assert output.tail(3) == [(False, b"two"), (False, b" "), (False, b"thr")]
        assert output.tail(9)[:2] == [(False, b"one"), (True, b"warning")]
        assert output.last_line == b"thr"
        output.write(b"x" * 10_000_000, stderr=False)
        assert sum(len(line) for _, line in output.tail(1000)) <= 2 * module.SHOWN_BYTES
        assert len(output.last_line) <= module.LINE_BYTES
        await output.seal()
        out, err = await output.ends(1000)
        assert out == b"x" * 1000 and err == b"warning\n"


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "../../etc/passwd",
        "/etc/passwd",
        "a/b",
        "nul\0",
        "x" * 5000,
        "ü" * 300,
        "\udcff",
        "",
        "-rf",
        "~2",
        "%",
    ],
)
async def test_any_host_name_is_a_file_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "output"
    folder.mkdir()
    async with spooling(folder) as spool:
        output = spool.host(name)
        output.write(b"x", stderr=False)
        sealed = await output.seal()
    assert Path(sealed.stdout_path).parent == folder and Path(sealed.stdout_path).read_bytes() == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


def test_no_two_names_share_a_file() -> None:
    names = ["a/b", "a%2Fb", "a%2fb", ".a", "%2Ea", "x" * 201, "x" * 202, "a~2", "A", "a", "", "%"]
    assert len({file_name(name) for name in names}) == len(names)
    assert file_name("web1.example.com") == "web1.example.com"
