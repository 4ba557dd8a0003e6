"""Text from outside, made safe to draw: one line, no control character, nothing whose width terminals dispute.

textual and rich forward escape sequences that stand in text, so an OSC 52 in a pod name would reach the user's
clipboard. C0 controls are shown as control pictures, C1 controls and lone surrogates as U+FFFD; bidirectional
controls, zero-width characters, variation selectors, skin tones and tag characters are dropped, for terminals
disagree on their width and a partial repaint would corrupt the line.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\u20e3\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff\ud800-\udfff]"
)
_PICTURES = {code: chr(0x2400 + code) for code in range(32)} | {0x7F: "\u2421"}


def printable(text: str) -> str:
    """One line that can be drawn as it is. Idempotent. About 80 ns for plain ASCII."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_replace, text)


def escaped(document: str, *, pairs: bool = True) -> str:
    r"""A JSON document (`pairs=False`: a TOML one) with what no terminal should be sent as \u escapes.

    To a parser it is the same document. Its own line breaks and tabs stay.
    """
    if document.isascii() and "\x7f" not in document:
        return document

    def escape(match: re.Match[str]) -> str:
        char = match[0]
        if char in "\n\t\r":
            return char
        code = ord(char)
        if code <= 0xFFFF:
            return f"\\u{code:04x}"
        high, low = divmod(code - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}" if pairs else f"\\U{code:08x}"

    return _UNSAFE.sub(escape, document)


def _replace(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code in _PICTURES:
        return _PICTURES[code]
    return "\ufffd" if code <= 0x9F or 0xD800 <= code <= 0xDFFF else ""
