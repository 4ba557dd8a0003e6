"""Reading the files of inventories: bounded, and every failure with the file's name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cockpit.model import errors

MOST_BYTES = 64 * 2**20
"""Of one file: /dev/zero has no end."""


def contents(path: Path, *, lenient: bool = False) -> str:
    """A file as text; `lenient`: what is not UTF-8 comes as lone surrogates.

    Blocking. Raises errors.NotFound, Denied and Malformed.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise errors.NotFound(f"{path} does not exist; create it or remove it from fleet.inventories") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise errors.Denied(f"cannot read {path}: {said}") from error
    if len(data) > MOST_BYTES:
        raise errors.Malformed(f"larger than {MOST_BYTES // 2**20} MiB")
    try:
        return data.decode("utf-8-sig", "surrogateescape" if lenient else "strict")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise errors.Malformed(f"line {line}: not UTF-8 text") from error


def is_program(path: Path) -> bool:
    """Whether a file is meant to be run: executable, and it says by what (`#!`), or is a binary. Blocking."""
    try:
        if not os.access(path, os.X_OK) or not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4).startswith((b"#!", b"\x7fELF"))
    except (OSError, ValueError):
        return False


@contextmanager
def malformed(place: Path | str) -> Iterator[None]:
    """What is malformed within is so in this place."""
    try:
        yield
    except errors.Malformed as error:
        raise errors.Malformed(f"{place}: {error}") from error
