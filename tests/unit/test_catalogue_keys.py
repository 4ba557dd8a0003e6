"""A pane's own key may hide one of the app's keys, never the last one of a command."""

from __future__ import annotations

import pytest

from cockpit.config.settings import Settings
from cockpit.session import catalogue
from cockpit.session.panes import build_panes

PANES = build_panes(Settings())


@pytest.mark.parametrize("pane", PANES)
def test_every_command_keeps_a_key_in_every_pane(pane: str) -> None:
    bound = catalogue.bound(PANES, {})
    commands = catalogue.commands(PANES)
    own = {key for command in commands if command.pane == pane for key in bound[command.id]}
    body = "grid" if pane in catalogue.GRID_PANES else "table"
    lost = [c.id for c in commands if c.place in ("main", body) and own.issuperset(bound[c.id])]
    assert lost == []


@pytest.mark.parametrize("pane", PANES)
def test_no_key_of_a_row_is_an_action(pane: str) -> None:
    bound = catalogue.bound(PANES, {})
    commands = catalogue.commands(PANES)
    own = {key for command in commands if command.pane == pane for key in bound[command.id]}
    body = {key for command in commands if command.place in ("table", "grid") for key in bound[command.id]}
    assert own & body == set()
