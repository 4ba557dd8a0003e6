"""The kept lines into a file: all of it or nothing. Blocking, in steps."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cockpit.pods.logs.lines import Shown, Writer
from cockpit.pods.logs.ring import Ring
from cockpit.pods.logs.stream import MORE, Stream

STEP_SECONDS = 0.02


def save(ring: Ring, path: Path, streams: Sequence[Stream], shown: Shown) -> Iterator[int]:
    """Steps; each says how many lines are written. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    writer, written = Writer(streams, shown), 0
    number, end = ring.first, ring.end
    try:
        with part.open("xb") as file:
            while number < end:
                until = time.monotonic() + STEP_SECONDS
                number = max(number, ring.first)
                while number < end and time.monotonic() < until:
                    line = ring.line(number)
                    file.write(writer.write(line.data, line.tag))
                    written += not line.tag & MORE
                    number += 1
                yield written
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
