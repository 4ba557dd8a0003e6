"""What really reaches a terminal, on a pty of 160x45."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

KNOWN = re.compile(rb"\x1b\[[0-9;?<>=]*[ -/]*[a-zA-Z]|\x1b\]22;[a-z]*\x07|\x18")
"""Every sequence that textual and the compositor send: CSI, and OSC 22 for the mouse pointer."""


@pytest.fixture
def terminal(table_terminal: Callable[..., Any]) -> Any:
    return table_terminal()


@pytest.mark.parametrize("key", ["1", "2", "3"])
def test_one_changed_cell(terminal: Any, key: str) -> None:
    assert len(terminal.caused(key)) <= 100


def test_many_changed_cells(terminal: Any) -> None:
    assert len(terminal.caused("4")) <= 20 * 80


def test_the_cursor_down_a_row(terminal: Any) -> None:
    assert len(terminal.caused("j")) <= 300


def test_nothing_at_idle(terminal: Any) -> None:
    before = terminal.quiet()
    turns = terminal.status()["turns"]
    terminal.until(lambda: terminal.status()["turns"] > turns + 100, "a second of idling")
    assert len(terminal.output) == before


def test_hostile_text_sends_no_sequence(terminal: Any) -> None:
    sent = terminal.caused("5")
    assert "osc␛]52;c;aGFja2Vk␇".encode() in sent
    assert b"[red]markup[/red] [@click=app.bell]x[/]" in sent
    plain = KNOWN.sub(b"", sent).decode()
    bad = [
        c for c in plain if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E or c in "\u200b\u200d"
    ]
    assert not bad
    assert b"]52;" not in b"".join(KNOWN.findall(sent))
