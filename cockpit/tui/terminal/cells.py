"""Text measured and cut in terminal cells."""

from __future__ import annotations

from typing import Literal

from rich.cells import cell_len, get_character_cell_size, set_cell_size
from textual.strip import Strip


def width(text: str) -> int:
    """Cells that the text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fitted(text: str, cells: int, align: Literal["left", "right"] = "left") -> str:
    """The text in exactly so many cells: padded, or cut with an ellipsis, never through a wide character.

    A combining mark at the start gets a space to stand on, for it would change the cell to its left.
    """
    if cells <= 0:
        return ""
    if text and not text.isascii() and get_character_cell_size(text[0]) == 0:
        text = f" {text}"
    taken = width(text)
    if taken > cells:
        return f"{set_cell_size(text, cells - 1)}…"
    padding = " " * (cells - taken)
    return padding + text if align == "right" else text + padding


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
