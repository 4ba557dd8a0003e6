"""A shell's screen of cells, the tilde of ssh, and keys as bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from cockpit.fleet.shell.emulator import Emulator
from cockpit.tasks.terminal import HELP, Escapes
from cockpit.tui.terminal.typed import typed

SEQUENCES = st.sampled_from(
    [
        b"\x1b[",
        b"\x1b]",
        b"\x1bP",
        b"\x07",
        b"\x1b\\",
        b"?1049h",
        b"?1049l",
        b"1;",
        b"m",
        b"H",
        b"J",
        b"9K",
        b"\r\n",
        b"\t",
        b"\xe4\xbd\xa0",
        b"\xc2\x9b",
        b"\xc2\x9d",
        b"\xc2\x9c",
        b"a",
        b"99999999",
        b"\x1b#8",
        b"\x1b(0",
        b"$",
        b"\xb2",
    ]
)


@given(st.lists(st.one_of(SEQUENCES, st.binary(max_size=20)), max_size=60), st.integers(1, 90), st.integers(1, 40))
def test_any_bytes_are_drawn_within_the_screen(pieces: list[bytes], columns: int, rows: int) -> None:
    screen = Emulator(20, 5)
    for place, piece in enumerate(pieces):
        screen.feed(piece)
        if place == len(pieces) // 2:
            screen.resize(columns, rows)
    for y in range(screen.rows):
        assert len(screen.row(y)) == screen.columns
    cursor = screen.cursor
    assert cursor is None or (0 <= cursor[0] < screen.columns and 0 <= cursor[1] < screen.rows)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
def test_how_the_bytes_are_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    whole, cut = Emulator(30, 6), Emulator(30, 6)
    whole.feed(data)
    edges = sorted({0, len(data), *(min(edge, len(data)) for edge in cuts)})
    for start, end in itertools.pairwise(edges):
        cut.feed(data[start:end])
    assert whole.text() == cut.text()


def test_strings_for_the_terminal_itself_are_dropped_however_long_they_are() -> None:
    screen = Emulator(30, 3)
    screen.feed(b"before \x1b]52;c;")
    for _ in range(100):
        screen.feed(b"x" * 10_000)
    screen.feed(b"\x07after")
    assert screen.text().rstrip() == "before after"


def test_a_sequence_without_an_end_is_given_up() -> None:
    screen = Emulator(30, 3)
    for _ in range(200):
        screen.feed(b"\x1b[" + b"1;" * 4000)
    screen.feed(b"\x1b[2J\x1b[Hstill here")
    assert screen.text().splitlines()[0] == "still here"


def test_the_alternate_screen_gives_the_first_one_back() -> None:
    screen = Emulator(20, 3)
    screen.feed(b"prompt\x1b[?1049h\x1b[Hvim")
    assert screen.text().splitlines()[0] == "vim"
    screen.feed(b"\x1b[?1049l")
    assert screen.text().splitlines()[0] == "prompt"


def test_a_smaller_screen_keeps_the_row_of_the_cursor() -> None:
    screen = Emulator(20, 10)
    screen.feed(b"one\r\ntwo\r\n$ ")
    screen.resize(20, 4)
    assert screen.text().splitlines()[:3] == ["one", "two", "$"]
    screen.resize(20, 2)
    assert screen.text().splitlines() == ["two", "$"]


def test_a_program_that_asks_where_the_cursor_is_gets_its_answer() -> None:
    assert Emulator(20, 5).feed(b"ab\x1b[6n") == b"\x1b[1;3R"


@pytest.mark.parametrize(
    ("keys", "sent", "said", "leaves"),
    [
        ([b"ls\r"], b"ls\r", b"", False),
        ([b"~."], b"", b"", True),
        ([b"~", b"."], b"", b"", True),
        ([b"a~."], b"a~.", b"", False),
        ([b"a\r~."], b"a\r", b"", True),
        ([b"~~."], b"~.", b"", False),
        ([b"~?", b"~."], b"", HELP, True),
        ([b"~x"], b"~x", b"", False),
        ([b"~/bin\r"], b"~/bin\r", b"", False),
    ],
)
def test_a_tilde_counts_at_the_start_of_a_line_only(keys: list[bytes], sent: bytes, said: bytes, leaves: bool) -> None:
    escapes = Escapes()
    taken = [escapes.take(data) for data in keys]
    assert b"".join(t[0] for t in taken) == sent
    assert b"".join(t[1] for t in taken) == said
    assert taken[-1][2] is leaves


@pytest.mark.parametrize(
    ("key", "character", "sent"),
    [
        ("a", "a", b"a"),
        ("é", "é", "é".encode()),
        ("ctrl+c", "\x03", b"\x03"),
        ("ctrl+q", None, b"\x11"),
        ("up", None, b"\x1b[A"),
        ("f1", None, b"\x1b[[A"),
        ("escape", "\x1b", b"\x1b"),
        ("enter", "\r", b"\r"),
        ("backspace", "\x7f", b"\x7f"),
        ("alt+b", None, b"\x1bb"),
        ("ctrl+shift+f9", None, b""),
    ],
)
def test_keys_become_the_bytes_of_a_terminal(key: str, character: str | None, sent: bytes) -> None:
    assert typed(events.Key(key, character)) == sent
