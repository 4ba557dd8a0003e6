"""A script for /bin/sh as a command line that every login shell passes on unchanged."""

from __future__ import annotations

import re
import shlex

_RUN = """exec /bin/sh -c 'eval "$(printf %b "$1")"' cockpit """


def command_line(script: str, *words: str) -> str:
    """`script` with `words` as its $1 and on.

    Login shells differ in what they take for special between single quotes (csh: "!" and line ends, fish: a backslash),
    so nothing of that is left there: it is written as printf(1) reads it.
    """
    whole = f"set -- {shlex.join(words)}\n{script}" if words else script
    coded = re.sub(r"[\\'!\x00-\x1f]", lambda found: f"\\0{ord(found[0]):03o}", whole)
    return f"{_RUN}'{coded}'"
