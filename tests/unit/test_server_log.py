"""The log of an attempt: whatever is written in whatever pieces, read back by any offsets."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.server.ci.log import LogFile, read


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=50), max_size=12), st.integers(1, 200))
def test_offsets_and_the_cap(pieces: list[bytes], most: int) -> None:
    async def write(file: Path) -> int:
        log = await LogFile.open(file, most_bytes=most)
        for piece in pieces:
            await log.write(piece)
            assert log.offset == read(file, 0).size
        await log.close()
        return log.offset

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "1" / "1.log"
        size = asyncio.run(write(file))
        whole = read(file, 0)
        data = b"".join(pieces)
        assert whole.size == size == len(whole.data)
        assert whole.data[:most] == data[:most]
        assert (b"the log is cut here" in whole.data) == (len(data) > most)
        for offset in (0, size // 2, size):
            assert read(file, offset).data == whole.data[offset:]
        assert read(file, size + 5) == read(file, size)


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path / "1.log", 0).size == 0


async def test_a_full_disk_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "1.log").symlink_to("/dev/full")
    log = await LogFile.open(tmp_path / "1.log")
    with pytest.raises(OSError, match="No space left"):
        await log.write(b"x")
    await log.close()
