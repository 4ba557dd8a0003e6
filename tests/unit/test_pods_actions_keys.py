"""The keys of every kind's pane: no clash, none of the table's own, and no command of the app loses its last key."""

from __future__ import annotations

import pytest

from cockpit.pods.actions.catalogue import actions_for
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.registry import KINDS
from cockpit.session import catalogue
from cockpit.session.pods.objects import objects_pane


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_the_keys_of_a_kind(kind: AnyKind) -> None:
    pane = objects_pane({}, kind)
    panes = {pane.name: pane}
    assert catalogue.clashes(panes, {}) == []
    bound, commands = catalogue.bound(panes, {}), catalogue.commands(panes)
    own = {key for command in commands if command.pane == pane.name for key in bound[command.id]}
    assert own.isdisjoint(key for command in commands if command.place == "table" for key in bound[command.id])
    assert [c.id for c in commands if c.place in ("main", "table") and own.issuperset(bound[c.id])] == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_ids_begin_with_the_resource(kind: AnyKind) -> None:
    assert all(action.id.startswith(f"{kind.resource}.") for action in actions_for({}, kind))
