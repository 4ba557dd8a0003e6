"""OSC 52 by the rules of terminals and multiplexers; switches for sessions over SSH."""

from __future__ import annotations

import base64
import re
import subprocess
import sys

import pytest

from cockpit.tui.terminal.clipboard import MOST_BYTES, copy
from cockpit.tui.terminal.ssh import over_ssh, prepare_environment

PAYLOAD = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")


def decoded(sequence: str) -> str:
    (payload,) = PAYLOAD.findall(sequence)
    return base64.b64decode(payload, validate=True).decode()


@pytest.mark.parametrize("text", ["", "pod/web-1", "日本語 é", "two\nlines", "\x1b]52;c;x\x07"])
def test_plain(text: str) -> None:
    copied = copy(text, {})
    assert decoded(copied.sequence) == text
    assert not copied.cut
    assert copied.message == f"copied {len(text.encode())} bytes"


def test_a_lone_surrogate_is_replaced() -> None:
    assert decoded(copy("a\udc9bb", {}).sequence) == "a?b"


def test_too_much_is_cut_at_a_character_and_says_so() -> None:
    copied = copy("é" * 60_000, {})
    assert copied.cut
    assert copied.copied_bytes == MOST_BYTES
    assert len(copied.sequence) <= 100_000
    assert set(decoded(copied.sequence)) == {"é"}
    assert copied.message == "copied the first 74,994 of 120,000 bytes; more does not fit a terminal"
    odd = copy("x" + "é" * 60_000, {})
    assert odd.copied_bytes == MOST_BYTES - 1


def test_in_tmux_both_ways() -> None:
    sequence = copy("text", {"TMUX": "/tmp/tmux-0/default,1,0", "TERM": "screen-256color"}).sequence
    bare, wrapped = sequence.split("\x1bPtmux;")
    assert decoded(bare) == "text"
    assert wrapped.endswith("\x1b\\")
    assert decoded(wrapped.removesuffix("\x1b\\").replace("\x1b\x1b", "\x1b")) == "text"


@pytest.mark.parametrize("environment", [{"STY": "1.pts"}, {"TERM": "screen.xterm"}])
def test_in_screen_by_pieces(environment: dict[str, str]) -> None:
    text = "x" * 1000
    pieces = re.findall(r"\x1bP(.*?)\x1b\\", copy(text, environment).sequence, re.DOTALL)
    assert all(len(piece) <= 256 for piece in pieces)
    assert decoded("".join(pieces)) == text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"TEXTUAL_ANIMATIONS": "none"}),
        ({"SSH_CONNECTION": "1 2 3 4"}, {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}),
        ({"SSH_TTY": "/dev/pts/1"}, {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}),
        (
            {"SSH_CONNECTION": "x", "TEXTUAL_ANIMATIONS": "full", "TEXTUAL_SMOOTH_SCROLL": "1"},
            {"TEXTUAL_ANIMATIONS": "full", "TEXTUAL_SMOOTH_SCROLL": "1"},
        ),
    ],
)
def test_environment(given: dict[str, str], expected: dict[str, str]) -> None:
    environment = dict(given)
    prepare_environment(environment)
    assert {key: value for key, value in environment.items() if key.startswith("TEXTUAL")} == expected
    assert over_ssh(given) == ("SSH_CONNECTION" in given or "SSH_TTY" in given)


def test_preparing_does_not_import_textual() -> None:
    code = (
        "import sys; from cockpit.tui.terminal.ssh import prepare_environment; prepare_environment(); "
        "assert 'textual' not in sys.modules and 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
