"""What the commands print, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

FAILED, USAGE, SOURCE, INTERRUPTED = 1, 2, 3, 130
"""Exit codes: some target did not succeed; bad usage; a source could not be read; interrupted."""


def drawn(line: str, *, terminal: bool | None = None) -> str:
    """Safe for a terminal; a file or a pipe gets what the host said."""
    from cockpit.model.printable import printable

    return printable(line.expandtabs()) if (sys.stdout.isatty() if terminal is None else terminal) else line


def complain(line: str) -> None:
    from cockpit.model.printable import printable

    click.echo(printable(line), err=True)


def refuse(lines: Sequence[str]) -> NoReturn:
    for line in lines:
        complain(line)
    sys.exit(USAGE)
