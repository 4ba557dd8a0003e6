"""Copy to the clipboard of the terminal at the user's end, through SSH, tmux and screen (OSC 52)."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from msgspec import Struct

MOST_BYTES = 74_994
"""Terminals commonly take at most 100,000 bytes of OSC 52; so much text makes 99,992 of base64 (hterm, k9s)."""
SCREEN_CHUNK = 240
"""GNU screen takes device control strings of at most 256 bytes."""


class Copy(Struct, frozen=True):
    """What to write to the terminal, and how much of the text it holds."""

    sequence: str
    copied_bytes: int
    total_bytes: int

    @property
    def cut(self) -> bool:
        return self.copied_bytes < self.total_bytes

    @property
    def message(self) -> str:
        """One line for the user."""
        if self.cut:
            return f"copied the first {self.copied_bytes:,} of {self.total_bytes:,} bytes; more does not fit a terminal"
        return f"copied {self.copied_bytes:,} bytes"


def copy(text: str, environment: Mapping[str, str] = os.environ) -> Copy:
    """The OSC 52 sequence for the text, cut at a character and wrapped for the multiplexer that we run in."""
    data = text.encode("utf-8", "replace")
    kept = data[:MOST_BYTES].decode("utf-8", "ignore").encode() if len(data) > MOST_BYTES else data
    osc = f"\x1b]52;c;{base64.b64encode(kept).decode('ascii')}\x07"
    return Copy(_wrapped(osc, environment), len(kept), len(data))


def _wrapped(osc: str, environment: Mapping[str, str]) -> str:
    """tmux takes the bare sequence too where set-clipboard is on; the wrapped one needs allow-passthrough. Both are
    sent: the terminal gets the same text twice at worst."""
    if environment.get("TMUX"):
        escaped = osc.replace("\x1b", "\x1b\x1b")
        return f"{osc}\x1bPtmux;{escaped}\x1b\\"
    if environment.get("STY") or environment.get("TERM", "").startswith("screen"):
        pieces = [osc[at : at + SCREEN_CHUNK] for at in range(0, len(osc), SCREEN_CHUNK)]
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return osc
