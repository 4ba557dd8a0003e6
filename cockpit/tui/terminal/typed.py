"""From textual's keys back to the bytes that a terminal of the kind "linux" sends (terminfo(5), entry linux)."""

from __future__ import annotations

from textual import events

_KEYS = {
    "up": b"\x1b[A", "down": b"\x1b[B", "right": b"\x1b[C", "left": b"\x1b[D", "home": b"\x1b[1~", "insert": b"\x1b[2~",
    "delete": b"\x1b[3~", "end": b"\x1b[4~", "pageup": b"\x1b[5~", "pagedown": b"\x1b[6~", "enter": b"\r", "tab": b"\t",
    "shift+tab": b"\x1b[Z", "escape": b"\x1b", "backspace": b"\x7f", "ctrl+space": b"\0", "ctrl+@": b"\0",
    "f1": b"\x1b[[A", "f2": b"\x1b[[B", "f3": b"\x1b[[C", "f4": b"\x1b[[D", "f5": b"\x1b[[E", "f6": b"\x1b[17~",
    "f7": b"\x1b[18~", "f8": b"\x1b[19~", "f9": b"\x1b[20~", "f10": b"\x1b[21~", "f11": b"\x1b[23~", "f12": b"\x1b[24~",
    "ctrl+backslash": b"\x1c", "ctrl+right_square_bracket": b"\x1d", "ctrl+circumflex_accent": b"\x1e",
    "ctrl+underscore": b"\x1f", "ctrl+left_square_bracket": b"\x1b", "ctrl+h": b"\x08",
}  # fmt: skip


def typed(event: events.Key) -> bytes:
    """Empty for a key that such a terminal does not have."""
    if event.key in _KEYS:
        return _KEYS[event.key]
    if event.is_printable and event.character:
        return event.character.encode()
    held, _, key = event.key.rpartition("+")
    if held == "ctrl" and len(key) == 1 and key.isascii() and key.isalpha():
        return bytes([ord(key.upper()) & 0x1F])
    if held == "alt" and len(key) == 1:
        return b"\x1b" + key.encode()
    return b""
