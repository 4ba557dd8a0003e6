"""A stretch of the kept lines: a file without a name, or memory where the disk is full. Blocking."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path


class Segment:
    """Lines one after the other, each with its timestamp and an end; by place from 0."""

    def __init__(self, folder: Path | None, first: int) -> None:
        """`first` is the number of its first line. None for a folder: in memory. Raises OSError."""
        self.first = first
        self.size = 0
        self._memory = bytearray()
        # Without a name: the space is given back whatever becomes of the process, and nobody else can open it.
        self._file = None if folder is None else tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._starts: array[int] = array("I")
        self.tags: array[int] = array("H")

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def in_memory(self) -> bool:
        return self._file is None

    def add(self, lines: Sequence[bytes], tags: Sequence[int]) -> None:
        """All of them, or none: then it raises OSError."""
        data = b"\n".join(lines) + b"\n"
        if self._file is None:
            self._memory += data
        else:
            self._write(data)
        ends = accumulate((len(line) + 1 for line in lines), initial=self.size)
        self._starts.extend(ends)
        self._starts.pop()
        self.tags.extend(tags)
        self.size += len(data)

    def line(self, place: int) -> bytes:
        start = self._starts[place]
        end = self._starts[place + 1] if place + 1 < len(self._starts) else self.size
        return self.read(start, end - 1)

    def start(self, place: int) -> int:
        """Offset of a line; that of the end for the place after the last."""
        return self._starts[place] if place < len(self._starts) else self.size

    def starts(self) -> Sequence[int]:
        """Offsets of the lines, ascending."""
        return self._starts

    def read(self, start: int, end: int) -> bytes:
        """The bytes of this range."""
        if self._file is None:
            return bytes(self._memory[start:end])
        return b"".join(self._read(start, end))

    def close(self) -> None:
        """It is not needed any more."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._memory = bytearray()

    def _read(self, start: int, end: int) -> Iterator[bytes]:
        assert self._file is not None
        while start < end:
            data = os.pread(self._file.fileno(), end - start, start)
            if not data:
                return
            start += len(data)
            yield data

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        view, at = memoryview(data), self.size
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, at)
                view, at = view[written:], at + written
        except OSError:
            os.ftruncate(self._file.fileno(), self.size)
            raise
