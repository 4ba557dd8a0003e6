"""The simulator's history: old views stay what they were, and a watch from anywhere arrives at the list."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.selectors import selector
from cockpit.demo.kubernetes.store import Compacted, Store

STEPS = st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.sampled_from(["x", "y"])), max_size=60)


def item(name: str, label: str = "x", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": name, "labels": {"l": label}}, **fields}


def play(store: Store, steps: list[tuple[str, bool, str]]) -> dict[int, dict[str, str]]:
    """What the list was after each version."""
    model: dict[str, str] = {}
    views = {store.version: {}}
    for name, put, label in steps:
        if put:
            store.put(kinds.PODS, item(name, label))
            model[name] = label
        elif store.remove(kinds.PODS, "n", name) is not None:
            del model[name]
        views[store.version] = dict(model)
    return views


def shown(store: Store, version: int) -> dict[str, str]:
    return {record.name: record.labels["l"] for record in store.view("pods", version).records}


@given(STEPS)
def test_every_old_version_can_be_seen_again(steps: list[tuple[str, bool, str]]) -> None:
    store = Store()
    for version, model in play(store, steps).items():
        assert shown(store, version) == model
        assert list(shown(store, version)) == sorted(model)


@given(STEPS, st.integers(0, 60))
def test_changes_after_any_version_lead_to_the_present(steps: list[tuple[str, bool, str]], start: int) -> None:
    store = Store(history=1000)
    views = play(store, steps)
    version = sorted(views)[min(start, len(views) - 1)]
    state = dict(views[version])
    last = version
    for event in store.since(version):
        assert event.record.version == last + 1
        last = event.record.version
        assert (event.before is None) == (event.record.name not in state)
        if event.gone:
            del state[event.record.name]
        else:
            state[event.record.name] = event.record.labels["l"]
    assert last == store.version and state == views[store.version]


@given(STEPS)
def test_a_short_history_refuses_rather_than_lies(steps: list[tuple[str, bool, str]]) -> None:
    store = Store(history=4)
    for version, model in play(store, steps).items():
        try:
            assert shown(store, version) == model
        except Compacted:
            assert version < store.oldest
            with pytest.raises(Compacted):
                store.since(version)
        else:
            assert version >= store.oldest


def test_expire_makes_every_version_too_old() -> None:
    store = Store()
    store.put(kinds.PODS, item("a"))
    before = store.version
    store.expire()
    with pytest.raises(Compacted):
        store.since(before)
    assert shown(store, store.version) == {"a": "x"}


def test_owners_know_what_they_control() -> None:
    store = Store()
    owned = item("a")
    owned["metadata"]["ownerReferences"] = [{"uid": "u", "controller": True, "kind": "ReplicaSet", "name": "r"}]
    store.put(kinds.PODS, owned)
    assert [record.name for record in store.owned("u", "pods")] == ["a"]
    store.put(kinds.PODS, item("a"))
    assert store.owned("u", "pods") == []


async def test_waiters_wake_and_leave_nothing_behind() -> None:
    store = Store()
    waiting = [asyncio.create_task(store.changed(store.version)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    store.put(kinds.PODS, item("a"))
    await asyncio.gather(*waiting, return_exceptions=True)
    assert waiting[1].done() and not store._waiting


@pytest.mark.parametrize(
    ("text", "labels", "accepted"),
    [
        ("a=1", {"a": "1"}, True),
        ("a==1", {"a": "2"}, False),
        ("a!=1", {}, True),
        ("a!=1", {"a": "1"}, False),
        ("a in (1, 2),b", {"a": "2", "b": ""}, True),
        ("a in (1,2),b", {"a": "2"}, False),
        ("a notin (1,2)", {}, True),
        ("a notin (1,2)", {"a": "2"}, False),
        ("!a", {}, True),
        ("!a", {"a": ""}, False),
        ("app.kubernetes.io/name=web", {"app.kubernetes.io/name": "web"}, True),
    ],
)
def test_label_selectors(text: str, labels: dict[str, str], accepted: bool) -> None:
    accepts = selector(kinds.PODS, text)
    assert accepts is not None
    record = Store().put(kinds.PODS, {"metadata": {"namespace": "n", "name": "p", "labels": labels}})
    assert accepts(record) is accepted


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("metadata.name=p", True),
        ("metadata.name!=p", False),
        ("metadata.namespace=n,status.phase=Running", True),
        ("status.phase!=Running", False),
        ("spec.nodeName=", True),
    ],
)
def test_field_selectors(text: str, accepted: bool) -> None:
    accepts = selector(kinds.PODS, "", text)
    assert accepts is not None
    assert accepts(Store().put(kinds.PODS, item("p", status={"phase": "Running"}))) is accepted
