"""Ownership of fields: trees of what differs, and what is left of an object without them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cockpit.demo.kubernetes import managed, patch

SCALARS = st.one_of(st.integers(0, 3), st.sampled_from(("a", "b")), st.lists(st.integers(0, 2), max_size=2))
CONTAINERS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("xyz"), "image": SCALARS}, optional={"tty": SCALARS}),
    max_size=3,
    unique_by=lambda item: item["name"],
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "replicas": SCALARS,
        "containers": CONTAINERS,
        "strategy": st.dictionaries(st.sampled_from("mn"), SCALARS, min_size=1),
    },
)


def item(spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "labels": {"x": "1"}}, "spec": spec}


@given(SPECS, SPECS)
def test_only_what_differs_is_changed(before: Any, after: Any) -> None:
    assert managed.changed(item(before), item(before)) == {}
    different = managed.changed(item(before), item(after))
    assert managed.within(different, managed.fields_of(item(after))) == different
    everything = managed.fields_of(item(after))
    assert managed.joined(managed.without(everything, different), different) is not None
    assert not list(managed.common(managed.without(everything, different), different))


@given(SPECS, SPECS)
def test_after_an_apply_the_object_says_what_was_applied(live: Any, config: Any) -> None:
    wanted = patch.strategic(item(live), item(config))
    again = managed.changed(wanted, patch.strategic(wanted, item(config)))
    assert again == {}


@given(SPECS)
def test_all_fields_taken_away_leave_nothing_that_is_owned(spec: Any) -> None:
    left = managed.pruned(item(spec), managed.fields_of(item(spec)))
    assert not list(managed.common(managed.fields_of(left), managed.fields_of(item(spec))))


def test_paths_are_spelt_as_the_server_spells_them() -> None:
    spec = {"replicas": 1, "containers": [{"name": "app", "image": "b"}]}
    tree = managed.fields_of(item(spec))
    assert sorted(managed.common(tree, tree)) == [
        ".metadata.labels.x",
        '.spec.containers[name="app"].image',
        '.spec.containers[name="app"].name',
        ".spec.replicas",
    ]
