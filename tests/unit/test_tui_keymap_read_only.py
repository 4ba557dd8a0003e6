"""A pane whose sources are all read-only binds no action; one that has another source keeps them."""

from __future__ import annotations

import pytest

from cockpit.config.settings import PodsSource, Settings
from cockpit.session.panes import build_panes
from cockpit.tui.keymap import Keymap


@pytest.mark.parametrize(("locked", "bound"), [((True, True), False), ((True, False), True), ((), True)])
def test_actions_of_a_pane_go_with_its_last_writable_source(locked: tuple[bool, ...], bound: bool) -> None:
    sources = [PodsSource(name=str(number), read_only=only) for number, only in enumerate(locked)]
    settings = Settings(pods=sources, keys={"pods.restart": "Q"})
    keymap = Keymap(settings)
    assert keymap.adopt(build_panes(settings)) == [], "the key stays a known one"
    ids = {command.id for command in keymap.commands("pods")}
    assert ("pods.restart" in ids) is bound and "pods.logs" in ids
    assert (keymap.action("pods", "pods.restart") is not None) is bound
