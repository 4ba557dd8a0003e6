"""Meaning of a piece of text, which a theme turns into a colour. Never the only signal: a glyph goes with it."""

from __future__ import annotations

import enum


class Tone(enum.StrEnum):
    NORMAL = ""
    MUTED = "muted"
    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"


GLYPHS: dict[Tone, str] = {
    Tone.GOOD: "●",
    Tone.BUSY: "◐",
    Tone.WARN: "▲",
    Tone.BAD: "✗",
    Tone.MUTED: "○",
}
"""The sign that goes before a status of that tone, so that colour is never needed to read it."""
