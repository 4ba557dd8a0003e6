"""Logs without a server: timestamps, lines cut anywhere, repeats after a resume, order, the ring and its search."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.pods.logs import stamp
from cockpit.pods.logs.interleave import Interleave
from cockpit.pods.logs.lines import Shown, Writer
from cockpit.pods.logs.ring import Ring
from cockpit.pods.logs.save import save
from cockpit.pods.logs.scan import Chosen, Scan
from cockpit.pods.logs.seen import Seen
from cockpit.pods.logs.split import Splitter
from cockpit.pods.logs.stream import GOES_ON, MORE, Stream

S = stamp.SECOND
EPOCH = 1_767_322_984  # 2026-01-02T03:03:04Z


def line(nanoseconds: int, text: bytes = b"x") -> bytes:
    return stamp.write(nanoseconds) + b" " + text


@given(st.integers(0, 4_000_000_000 * S))
def test_a_timestamp_is_read_as_it_was_written(at: int) -> None:
    written = stamp.write(at) + b" text"
    assert stamp.split(written) == (at, 31)
    assert written[stamp.length(written) :] == b"text"


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"1970-01-01T00:00:01Z x", S),
        (b"1970-01-01T00:00:01.5Z x", S + S // 2),
        (b"1970-01-01T02:00:01.000000001+02:00 x", S + 1),
        (b"1970-01-01T00:00:01.25-00:30 x", 1801 * S + S // 4),
    ],
)
def test_shorter_and_local_timestamps_are_read(text: bytes, nanoseconds: int) -> None:
    found = stamp.split(text)
    assert found is not None and found[0] == nanoseconds
    assert text[found[1] :] == b"x"


@pytest.mark.parametrize("text", [b"", b"x", b"2026-99-99T99:99:99.000000000Z x", b"2026-01-02T03:04:05.1234567ab x"])
def test_what_bears_no_timestamp_has_none(text: bytes) -> None:
    assert stamp.split(text) is None


@given(st.lists(st.binary(max_size=60)), st.lists(st.integers(1, 9), min_size=1), st.booleans())
def test_lines_are_the_same_wherever_the_chunks_are_cut(texts: list[bytes], sizes: list[int], ended: bool) -> None:
    texts = [text.replace(b"\n", b"") for text in texts]
    data = b"".join(line((EPOCH + n) * S, text) + b"\n" for n, text in enumerate(texts))
    data = data if ended else data[:-1]
    splitter, got, tags = Splitter(40), list[bytes](), list[int]()
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found = splitter.feed(data[at : at + size])
        at, turn = at + size, turn + 1
        _collect(found.lines, found.goes_on, found.more, got, tags)
    rest = splitter.rest()
    _collect(rest.lines, rest.goes_on, rest.more, got, tags)
    writer = Writer([], Shown(stamps=True))
    assert b"".join(writer.write(one, tag) for one, tag in zip(got, tags, strict=True)) == (
        data + b"\n" if data and not ended else data
    )
    assert all(len(one) <= 40 + 31 for one in got)


def _collect(lines: Sequence[bytes], goes_on: list[int], more: list[int], got: list[bytes], tags: list[int]) -> None:
    got += lines
    tags += [(GOES_ON if n in goes_on else 0) | (MORE if n in more else 0) for n in range(len(lines))]


@given(
    st.lists(st.tuples(st.integers(0, 3 * S), st.sampled_from([b"a", b"b"])), min_size=1, max_size=60),
    st.lists(st.integers(1, 20), max_size=5),
)
def test_a_resumed_log_gives_each_line_once(steps: list[tuple[int, bytes]], cuts: list[int]) -> None:
    """Several lines may bear one timestamp and be the same text; the server begins at a whole second."""
    at, log = EPOCH * S, list[bytes]()
    for gap, text in steps:
        at += gap // 7 if gap % 3 else 0
        log.append(line(at, text))
    seen, got, place = Seen(), list[bytes](), 0
    for size in [*cuts, len(log)]:
        since = seen.since
        start = 0 if since is None else next(n for n, one in enumerate(log) if one[:19].decode() + "Z" >= since)
        seen.resume()
        chunk = log[start : max(place, start) + size]
        keys = [stamp.split(one)[0] for one in chunk]  # type: ignore[index]
        fresh = seen.take(keys, chunk)
        got += chunk if fresh is None else [chunk[n] for n in fresh]
        place = max(place, start + len(chunk))
    assert got == log


def test_what_a_tail_left_out_does_not_come_back_with_a_resume() -> None:
    seen = Seen()
    log = [line(EPOCH * S + n, b"%d" % n) for n in range(10)]
    keys = [EPOCH * S + n for n in range(10)]
    assert seen.take(keys[7:], log[7:]) is None
    seen.resume()
    more = line(EPOCH * S + 10, b"new")
    assert seen.take([*keys, EPOCH * S + 10], [*log, more]) == [10]


async def test_several_logs_come_in_the_order_of_their_timestamps_and_all_of_them() -> None:
    got: list[bytes] = []

    async def take(lines: list[bytes], tags: list[int]) -> None:
        got.extend(lines)

    out = Interleave(take)
    running = asyncio.create_task(out.run())
    for number in range(3):
        out.open(number)

    async def speak(number: int) -> None:
        for n in range(number, 3000, 3):
            await out.put(number, [n], [b"%06d" % n], [number])

    await asyncio.gather(*(speak(number) for number in range(3)))
    out.end()
    await running
    assert got == [b"%06d" % n for n in range(3000)]


async def test_one_log_waits_while_too_much_of_it_waits() -> None:
    go = asyncio.Event()
    got = 0

    async def take(lines: list[bytes], tags: list[int]) -> None:
        nonlocal got
        await go.wait()
        got += len(lines)

    out = Interleave(take)
    running = asyncio.create_task(out.run())
    sent = 0

    async def speak() -> None:
        nonlocal sent
        for n in range(200):
            await out.put(0, [n], [b"x" * 262_144], [0])
            sent += 1

    speaking = asyncio.create_task(speak())
    for _ in range(400):
        await asyncio.sleep(0)
    assert sent < 100
    go.set()
    await speaking
    out.end()
    await running
    assert got == sent == 200


@given(
    st.lists(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), min_size=1, max_size=8), max_size=30)
)
def test_the_ring_keeps_the_newest_and_counts_the_rest(batches: list[list[bytes]]) -> None:
    ring = Ring(None, disk_bytes=400, segment_bytes=100)
    every: list[bytes] = []
    for batch in batches:
        ring.add(batch, [n % 5 for n in range(len(batch))])
        every += batch
    assert ring.end == len(every) == ring.dropped + len(ring)
    assert [ring.line(n).data for n in range(ring.first, ring.end)] == every[ring.first :]
    assert not every or len(ring)


def test_a_full_disk_pushes_out_the_oldest_and_then_memory_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    room = 1000
    real = os.pwrite

    def pwrite(file: int, data: bytes, at: int) -> int:
        if at + len(data) > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    ring = Ring(tmp_path, segment_bytes=500)
    for n in range(200):
        ring.add([b"%04d" % n + b"y" * 300], [0])
    assert ring.dropped + len(ring) == 200
    assert ring.line(199).data.startswith(b"0199")
    room = 0
    for n in range(200, 300):
        ring.add([b"%04d" % n], [0])
    assert "kept in memory" in ring.fault
    assert ring.dropped + len(ring) == 300
    assert [ring.line(n).data[:4] for n in range(290, 300)] == [b"%04d" % n for n in range(290, 300)]
    assert list(tmp_path.iterdir()) == []
    ring.close()


@given(
    st.lists(st.text("abAB .", max_size=12), min_size=1, max_size=80),
    st.text("abA", min_size=1, max_size=2),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_filter_shows_what_grep_would(texts: list[str], needle: str, around: int, stamps: bool) -> None:
    ring = Ring(None, segment_bytes=120)
    for n, text in enumerate(texts):
        ring.add([line(EPOCH * S + n, text.encode())], [0])
    scan = Scan(ring, needle, stamps=stamps)
    while not scan.advance(1):
        pass
    flags = 0 if needle.lower() != needle else re.IGNORECASE
    hits = [n for n, text in enumerate(texts) if re.search(re.escape(needle), text, flags)]
    assert list(scan.hits) == hits
    near = [n for n in range(len(texts)) if any(abs(n - hit) <= around for hit in hits)]
    chosen = Chosen(ring, scan, around)
    assert list(chosen.after(0)) == near
    assert list(chosen.before(ring.end)) == near[::-1]
    middle = len(texts) // 2
    assert list(chosen.after(middle)) == [n for n in near if n >= middle]
    assert list(chosen.before(middle)) == [n for n in near if n < middle][::-1]


def test_the_timestamp_is_searched_only_where_it_is_shown() -> None:
    ring = Ring(None)
    ring.add([line(EPOCH * S, b"nothing"), line(EPOCH * S, b"in 2026")], [0, 0])
    for stamps, hits in ((False, [1]), (True, [0, 1])):
        scan = Scan(ring, "2026", stamps=stamps)
        scan.advance(1)
        assert list(scan.hits) == hits


def test_clearing_is_no_loss_and_the_numbers_stay() -> None:
    ring = Ring(None, segment_bytes=64)
    for n in range(50):
        ring.add([b"%d" % n], [0])
    ring.clear(30)
    assert (ring.first, ring.end, ring.dropped) == (30, 50, 0)
    assert ring.line(30).data == b"30"
    scan = Scan(ring, "3", stamps=False)
    ring.clear(50)
    assert scan.advance(1) and not scan.hits
    ring.add([b"3"], [0])
    assert scan.advance(1) and list(scan.hits) == [50]
    with pytest.raises(IndexError):
        ring.line(29)


def test_a_saved_file_is_whole_or_not_there(tmp_path: Path) -> None:
    ring, streams = Ring(None), [Stream(0, "demo", "lab", "web", "c", True)]
    ring.add([line(0, b"a\xff"), line(0, b"b" * 5), line(0, b"c" * 5), line(0, b"d")], [0, MORE, GOES_ON, 0])
    for shown, wanted in (
        (Shown(), b"a\xff\nbbbbbccccc\nd\n"),
        (Shown(prefix=True), b"[web] a\xff\n[web] bbbbbccccc\n[web] d\n"),
    ):
        path = tmp_path / f"{shown.prefix}.log"
        assert list(save(ring, path, streams, shown))[-1] == 3
        assert path.read_bytes() == wanted
    steps = save(ring, tmp_path / "never" / "x.log", streams, Shown())
    with pytest.raises(OSError):
        next(steps)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["False.log", "True.log"]
