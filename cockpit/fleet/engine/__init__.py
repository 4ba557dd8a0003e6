"""Connections to hosts, and commands on them: the one room that speaks SSH."""

from __future__ import annotations

import ctypes.util

_find_library = ctypes.util.find_library


def _without_extras(name: str) -> str | None:
    """asyncssh, when imported, has ldconfig and a compiler look for liboqs and nettle: up to 0.1 s of processor time,
    for a key exchange (sntrup761) and a MAC (umac) that servers offer beside others, on machines that mostly lack them.
    """
    return None if name.removeprefix("lib") in ("oqs", "nettle") else _find_library(name)


ctypes.util.find_library = _without_extras
