"""How a command says which process it is, and what the script that ends it is told and says."""

from __future__ import annotations

import itertools
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.fleet.engine import announce, stopper
from cockpit.fleet.engine.announce import Announced, Announcement
from cockpit.fleet.engine.stopper import Said

MARK = "0123456789abcdef"
BOOT = "16afe113-ccc3-4703-afa1-ebd73a6220e8"
LINE = f"{MARK} 77 {BOOT} 77 (ba) sh) R 1 77 77 0 -1 1 2 3 4 5 6 7 8 9 10 11 12 13 4242 0 0\n".encode()


def heard(pieces: list[bytes]) -> tuple[bytes, Announced | None]:
    announcement = Announcement(MARK)
    output = b"".join(announcement.feed(piece) for piece in pieces)
    return output + announcement.release(), announcement.who


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.binary(max_size=300), st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=8))
def test_it_is_taken_out_wherever_the_output_is_cut(before: bytes, after: bytes, places: list[int]) -> None:
    output, who = heard(cut(before + LINE + after, places))
    assert output == before + after
    assert who == Announced(77, "4242", BOOT)


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=8))
def test_output_without_one_is_whole(data: bytes, places: list[int]) -> None:
    assert heard(cut(data + MARK.encode()[:9], places)) == (data + MARK.encode()[:9], None)


def test_only_the_first_counts() -> None:
    forged = LINE.replace(b" 77 ", b" 1 ", 1)
    assert heard([LINE, forged]) == (forged, Announced(77, "4242", BOOT))
    assert heard([LINE + forged]) == (forged, Announced(77, "4242", BOOT))


def test_noise_goes_on_at_once_and_only_what_may_be_the_mark_is_held_back() -> None:
    announcement = Announcement(MARK)
    assert announcement.feed(b"Welcome\nLoading") == b"Welcome\nLoading"
    assert announcement.feed(b"... 0123") == b"... "
    assert announcement.feed(b"4 of 9") == b"01234 of 9"
    assert announcement.feed(LINE) == b"" and not announcement.awaited


def test_endless_noise_is_not_searched_for_ever() -> None:
    announcement = Announcement(MARK)
    while announcement.awaited:
        assert announcement.feed(b"x" * 9999) == b"x" * 9999
    assert announcement.feed(LINE) == LINE and announcement.who is None


@pytest.mark.parametrize(
    ("line", "who"),
    [
        (f"{MARK} 77  \n", Announced(77)),  # no /proc
        (f"{MARK} 77 {BOOT} \r\n", Announced(77, "", BOOT)),
        (f"{MARK} 77 {BOOT} 77 (sh) R 1\n", Announced(77, "", BOOT)),
    ],
)
def test_what_a_host_does_not_say_is_not_made_up(line: str, who: Announced) -> None:
    assert heard([line.encode()]) == (b"", who)


def test_its_line_is_one_line_and_has_nothing_that_csh_would_take_for_history() -> None:
    line = announce.line(MARK)
    assert line.endswith("\n") and line.count("\n") == 1 and "!" not in line


def test_the_script_can_be_read_by_a_shell_and_says_only_what_is_known() -> None:
    script = stopper.script(Announced(77, "4242", BOOT), MARK).decode()
    assert subprocess.run(["/bin/sh", "-n"], input=script.encode()).returncode == 0
    words = set(re.findall(r'echo "\$mark (\w+) ', script))
    assert words == {"ready", "denied", "gone", "absent", "orphans", "left", "blind", "elsewhere"}


def test_what_the_script_says() -> None:
    output = f"noise\n{MARK} ready ::\nother left ::1\n{MARK} left denied:: 12 13\r\n{MARK} gone :hidden:\n".encode()
    assert stopper.said(output, MARK) == [
        Said("ready"),
        Said("left", denied=True, pids=(12, 13)),
        Said("gone", hidden=True),
    ]
    assert stopper.said(output[:-1], MARK)[-1].word == "left"
