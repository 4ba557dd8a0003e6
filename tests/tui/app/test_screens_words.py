"""Words of the dialogs and of the state of a pane."""

from __future__ import annotations

import pytest

from cockpit.model import clock, health
from cockpit.tui.panes.frame import state_pieces
from cockpit.tui.screens.sure import refusal


@pytest.mark.parametrize(("verb", "word"), [("Cancel run", "Leave it"), ("Restart pod", "Cancel"), ("Leave", "Cancel")])
def test_the_safe_button_never_says_what_the_deed_says(verb: str, word: str) -> None:
    assert refusal(verb) == word


def test_a_live_source_that_is_quiet_for_long_shows_its_age() -> None:
    now = clock.steady()
    assert [piece.text for piece in state_pieces(health.Live(now))] == ["● live"]
    (piece,) = state_pieces(health.Live(now - 45))
    assert piece.text in ("● live 45s", "● live 46s")


def test_of_equal_sources_the_oldest_speaks() -> None:
    old, young, never = health.Live(1.0), health.Live(9.0), health.Stale(None, "gone", 5.0)
    assert health.worst([young, old]) is old
    assert health.worst([health.Stale(2.0, "gone", 5.0), never, old]) is never
