"""The timestamps that the server puts before each line: RFC 3339 with up to nine decimals, then one space.

The kubelet writes nine decimals and "Z"; older runtimes leave trailing zeros out or give an offset.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000_000
FIXED = 30
"""Characters of "2026-01-02T03:04:05.123456789Z"."""
_STAMP = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))(?: |$)",
)


def split(line: bytes) -> tuple[int, int] | None:
    """(nanoseconds since 1970, bytes of the timestamp and its space); None: the line bears none."""
    try:
        if line[FIXED - 1 : FIXED + 1] == b"Z ":
            return _seconds(line[:19]) * SECOND + int(line[20:29]), FIXED + 1
    except ValueError:
        pass
    found = _STAMP.match(line)
    if found is None:
        return None
    try:
        seconds = _seconds(found[1])
    except ValueError:
        return None
    if found[3]:
        offset = int(found[4]) * 3600 + int(found[5]) * 60
        seconds += offset if found[3] == b"-" else -offset
    return seconds * SECOND + int((found[2] or b"").ljust(9, b"0")), found.end()


def length(line: bytes) -> int:
    """Bytes of the timestamp and its space; 0 where there is none."""
    if line[FIXED - 1 : FIXED + 1] == b"Z " and line[10:11] == b"T":
        return FIXED + 1
    found = _STAMP.match(line)
    return 0 if found is None else found.end()


def write(nanoseconds: int) -> bytes:
    """As the kubelet writes it, without the space."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return _written(seconds) + b".%09dZ" % rest


def since_time(nanoseconds: int) -> str:
    """For `sinceTime`: the API server hands it on in whole seconds, whatever it is given, so it says no more."""
    return _written(nanoseconds // SECOND).decode() + "Z"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@functools.lru_cache(256)
def _written(seconds: int) -> bytes:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").encode()


@functools.lru_cache(256)
def _seconds(text: bytes) -> int:
    """Raises ValueError."""
    return int(datetime.fromisoformat(text.decode("ascii") + "+00:00").timestamp())
