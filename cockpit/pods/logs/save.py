"""The kept lines into a file: all of it or nothing. Blocking, in steps."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cockpit.pods.logs.lines import Shown, whole
from cockpit.pods.logs.ring import Ring
from cockpit.pods.logs.stream import GOES_ON, NUMBER, Stream

STEP_SECONDS = 0.02


def save(ring: Ring, path: Path, streams: Sequence[Stream], shown: Shown) -> Iterator[int]:
    """Steps; each says how many lines are written. Raises OSError.

    The pieces of a long line are one line again where nothing came between them.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    written, before = 0, -1
    number, end = ring.first, ring.end
    try:
        with part.open("xb") as file:
            while number < end:
                until = time.monotonic() + STEP_SECONDS
                number = max(number, ring.first)
                while number < end and time.monotonic() < until:
                    line = ring.line(number)
                    goes_on = line.tag & GOES_ON and before == line.tag & NUMBER
                    if before >= 0 and not goes_on:
                        file.write(b"\n")
                    if goes_on:
                        file.write(whole(line.data, line.tag, streams, Shown()))
                    else:
                        file.write(whole(line.data, line.tag, streams, shown))
                        written += 1
                    before = line.tag & NUMBER
                    number += 1
                yield written
            if before >= 0:
                file.write(b"\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
