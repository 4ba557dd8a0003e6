"""An edit done again on top of another: nothing of either is lost where they do not meet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model import errors
from cockpit.pods.actions.forward import Ports, parsed
from cockpit.pods.actions.merge import again, dumped, loaded

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(objects, objects)
def test_alone_each_side_is_taken_as_it_is(base: dict[str, Any], changed: dict[str, Any]) -> None:
    clashes: list[str] = []
    assert again(base, changed, base, clashes=clashes) == changed
    assert again(base, base, changed, clashes=clashes) == changed
    assert again(base, changed, changed, clashes=clashes) == changed
    assert clashes == []


@given(objects, objects, objects)
def test_what_only_one_side_changed_is_there(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    merged = again(base, mine, theirs, clashes=[])
    missing = object()
    for key in "abcd":
        was, own, now = (each.get(key, missing) for each in (base, mine, theirs))
        if own == was:
            assert merged.get(key, missing) == now
        elif now == was:
            assert merged.get(key, missing) == own


@given(objects)
def test_the_text_reads_back_as_the_object(item: dict[str, Any]) -> None:
    assert loaded(dumped(item)) == item


@pytest.mark.parametrize(
    ("text", "ports"), [("80", Ports(80, 80)), ("8080:80", Ports(8080, 80)), (":80", Ports(0, 80))]
)
def test_ports_as_kubectl_has_them(text: str, ports: Ports) -> None:
    assert parsed(text) == ports


@given(st.text(max_size=12))
def test_any_other_text_is_refused_and_nothing_else(text: str) -> None:
    try:
        found = parsed(text)
    except errors.Refused:
        return
    assert 0 <= found.local < 65536 and 0 < found.remote < 65536
