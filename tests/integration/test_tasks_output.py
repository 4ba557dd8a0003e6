"""Output is bounded, any bytes come through, and what is dropped is counted and said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.tasks import output as module
from cockpit.tasks import spills
from cockpit.tasks.output import Ends, Output, read_page


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def spilled(path: Path) -> list[tuple[bytes, bytes]]:
    lines: list[tuple[bytes, bytes]] = []
    offset, end = 0, False
    while not end:
        page = read_page(path, offset)
        lines += page.lines
        offset, end = page.offset, page.end
    return lines


async def test_bytes_cut_anywhere_come_back_as_lines(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    heard: list[tuple[str, str]] = []
    output = Output(tmp_path / "o", thread, lambda target, line: heard.append((target, line)))
    for piece in (b"on", b"e\ntw", b"o\n\n", b"\xff\xfe\x00\tx"):
        output.write(piece, "web1")
    output.say("said", "web2")
    output.say("own \udc80 word")
    assert output.lines("web1")[-1] == (b"web1", b"\xff\xfe\x00\tx")
    await output.close()
    expected = [
        (b"web1", b"one"), (b"web1", b"two"), (b"web1", b""), (b"web2", b"said"), (b"", b"own \\udc80 word"),
        (b"web1", b"\xff\xfe\x00\tx"),
    ]  # fmt: skip
    assert spilled(tmp_path / "o") == expected
    assert [line for _, line in heard][:4] == ["one", "two", "", "said"]
    assert output.lines("web2") == [(b"web2", b"said")]
    assert output.dropped_bytes == 0 and output.closed


async def test_a_target_cannot_forge_the_name_of_another(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    output = Output(tmp_path / "o", thread)
    output.write(b"web2\tevil\n", "web1\tx\nweb2")
    await output.close()
    assert spilled(tmp_path / "o") == [(b"web1 x web2", b"web2\tevil")]


async def test_over_the_quota_the_end_is_kept_and_the_gap_is_said(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    output = Output(tmp_path / "o", thread, quota_bytes=1000)
    for number in range(20_000):
        output.say(f"line {number}")
    await output.close()
    lines = [line.decode() for _, line in spilled(tmp_path / "o")]
    assert lines[0] == "line 0" and lines[-1] == "line 19999"
    (gap,) = [line for line in lines if line.startswith("...")]
    missing = 20_000 - (len(lines) - 1)
    assert gap.startswith(f"... {missing} lines (") and "over the quota of 1.0K" in gap
    assert output.dropped_bytes > 0


async def test_what_comes_faster_than_the_disk_is_counted(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    output = Output(tmp_path / "o", thread, pending_bytes=100)
    for number in range(50):
        output.say(f"line {number:02}")
    await output.drained()
    output.say("later")
    await output.close()
    lines = [line.decode() for _, line in spilled(tmp_path / "o")]
    assert lines[:2] == ["line 00", "line 01"] and lines[-1] == "later"
    kept = len([line for line in lines if line.startswith("line")])
    assert lines[-2].startswith(f"... {50 - kept} lines (")
    assert len(output.lines()) == 51, "memory has them all"


async def test_a_full_disk_is_said_and_ends_nothing(
    tmp_path: Path, thread: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    output = Output(Path("/dev/full"), thread)
    output.say("x")
    await output.drained()
    output.say("y")
    await output.close()
    assert output.fault == "output is not whole: No space left on device"
    assert output.dropped_bytes == 6 and len(output.lines()) == 2


async def test_a_long_line_is_cut_and_nothing_is_lost(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    output = Output(tmp_path / "o", thread)
    output.write(b"x" * (module.LINE_BYTES * 2 + 5) + b"\n")
    await output.close()
    assert [len(line) for _, line in spilled(tmp_path / "o")] == [module.LINE_BYTES, module.LINE_BYTES, 5]


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(0, 300), st.integers(0, 300))
def test_head_and_tail_keep_their_bounds_and_count_the_rest(lines: list[bytes], head: int, tail: int) -> None:
    ends = Ends(head, tail)
    for line in lines:
        ends.add((b"", line))
    kept = [line for _, line in ends.lines()]
    if not ends.omitted_lines:
        assert kept == lines
        return
    (place,) = [n for n, line in enumerate(kept) if b"left out here" in line]
    after = kept[place + 1 :]
    assert kept[:place] == lines[:place] and after == lines[len(lines) - len(after) :]
    assert ends.omitted_lines == len(lines) - len(kept) + 1


async def test_the_oldest_spills_go_first(tmp_path: Path) -> None:
    import os

    for number in range(4):
        spill = spills.path(tmp_path, f"t{number}")
        spill.write_bytes(b"x" * 100)
        os.utime(spill, (number, number))
    spills.trim(tmp_path, 250)
    assert sorted(spill.name for spill in tmp_path.iterdir()) == ["t2.output", "t3.output"]
    spills.forget(tmp_path, ["t2", "gone"])
    assert [spill.name for spill in tmp_path.iterdir()] == ["t3.output"]


async def test_many_followers_of_one_task_all_see_all(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    output = Output(tmp_path / "o", thread)

    async def read() -> list[str]:
        return [line async for _, line in spills.follow(output.path, lambda: output.closed, output.grown)]

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for number in range(20):
        output.say(str(number))
        await asyncio.sleep(0.001)
    await output.close()
    async with asyncio.timeout(20):
        for lines in await asyncio.gather(*readers):
            assert lines == [str(number) for number in range(20)]
