"""What the command line needs of the three standard streams."""

from __future__ import annotations

import os
import sys

import click


def open_closed_streams() -> None:
    """Put /dev/null where a standard stream was closed (`>&-`).

    Else the next file or socket that is opened takes its number and is written to as if it were the terminal.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for good


def demand_terminal(instead: str) -> None:
    """Raises click.UsageError, which names the command `instead`, where the screen could not be drawn or read.

    It is drawn on stderr, so a redirected stderr is no terminal either.
    """
    if not all(stream is not None and stream.isatty() for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__)):
        raise click.UsageError(f"this is no terminal; for a report use: {instead}")
    if os.environ.get("TERM") == "dumb":
        raise click.UsageError(f"this terminal cannot move its cursor (TERM=dumb); for a report use: {instead}")
