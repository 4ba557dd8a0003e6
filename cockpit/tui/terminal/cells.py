"""Text measured and cut in terminal cells.

rich and terminals disagree on the width of some characters (of 28,763 measured in tmux 3.3a, 577: spacing marks of
Indic scripts, hexagrams, counting rods; emulators differ among themselves on flags and newer emoji). Such text is
measured at its widest, so that it never leaves its place, and `compositor` puts the cursor right after it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from rich.cells import cell_len, get_character_cell_size, set_cell_size
from textual.strip import Strip

_DISPUTED = re.compile(
    "[^\x20-\x7e\xa0-\u0482\u048a-\u052f\u2010-\u205e\u2190-\u21ff\u2400-\u2426\u2500-\u25ff\u2713-\u2718\u2800-\u28ff"
    "\u3000-\u302d\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff9f\ufffd]"
)


def disputed(text: str) -> bool:
    """Whether terminals may give the text another width than rich does."""
    return not text.isascii() and _DISPUTED.search(text) is not None


def width(text: str) -> int:
    """Cells that the text takes at most."""
    if text.isascii():
        return len(text)
    return sum(map(_widest, text)) if disputed(text) else cell_len(text)


def fitted(
    text: str, cells: int, align: Literal["left", "right"] = "left", elide: Literal["end", "middle"] = "end"
) -> str:
    """The text in exactly so many cells (as rich counts): padded, or cut with an ellipsis, never through a character.

    "middle" keeps the end of a text too long, a third of the cells; text that is not ASCII is cut at its end.
    A combining mark at the start gets a space to stand on, for it would change the cell to its left.
    """
    if cells <= 0:
        return ""
    if text.isascii():
        if len(text) > cells:
            tail = cells // 3 if elide == "middle" else 0
            return f"{text[: cells - 1 - tail]}…{text[len(text) - tail :]}"
        return text.rjust(cells) if align == "right" else text.ljust(cells)
    if text and get_character_cell_size(text[0]) == 0:
        text = f" {text}"
    if width(text) > cells:
        text = f"{_cut(text, cells - 1)}…"
    before = cells - width(text) if align == "right" else 0
    return " " * before + text + " " * (cells - before - cell_len(text))


def _cut(text: str, cells: int) -> str:
    if not disputed(text):
        return set_cell_size(text, cells)
    taken = 0
    for offset, character in enumerate(text):
        taken += _widest(character)
        if taken > cells:
            return text[:offset]
    return text


def _widest(character: str) -> int:
    counted = get_character_cell_size(character)
    match unicodedata.category(character):
        case "Mn" | "Me":
            return counted
        case "So" | "No" | "Cn":
            return 2 if _DISPUTED.match(character) else counted
        case _:
            return max(1, counted)


def wide_at(strip: Strip, x: int) -> bool:
    """Whether a cut at cell `x` would go through a wide character."""
    at = 0
    for segment in strip:
        text = segment.text
        if text.isascii():
            at += len(text)
        elif (after := at + cell_len(text)) <= x:
            at = after
        else:
            for character in text:
                if at >= x:
                    break
                at += get_character_cell_size(character)
        if at >= x:
            return at > x and not text.isascii()
    return False
