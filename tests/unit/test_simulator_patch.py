"""The simulator's patches, with the examples of their specifications."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.demo.kubernetes.patch import json_patch, merge, strategic
from cockpit.demo.kubernetes.refusals import Refusal


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


@pytest.mark.parametrize(
    ("target", "operations", "result"),
    [  # RFC 6902, appendix A
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "q"}], {"foo": ["bar", "q", "baz"]}),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": "q"}], {"foo": ["bar", "q"]}),
        ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
        ({"foo": ["a", "b"]}, [{"op": "remove", "path": "/foo/0"}], {"foo": ["b"]}),
        ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
        ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a/b", "path": "/c"}], {"a": {"b": 1}, "c": 1}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ],
)
def test_json_patch(target: Any, operations: Any, result: Any) -> None:
    assert json_patch(target, operations) == result


@pytest.mark.parametrize(
    "operations",
    [
        {},
        ["x"],
        [{"op": "test", "path": "/a", "value": 2}],
        [{"op": "remove", "path": "/none"}],
        [{"op": "remove", "path": "/none/deeper"}],
        [{"op": "replace", "path": "/list/9", "value": 1}],
        [{"op": "add", "path": "/list/x", "value": 1}],
        [{"op": "move", "from": "/none", "path": "/a"}],
        [{"op": "copy", "path": "/a"}],
        [{"op": "spin", "path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": "/a/b", "value": 1}],
    ],
)
def test_json_patch_refuses(operations: Any) -> None:
    target = {"a": 1, "list": [1]}
    with pytest.raises(Refusal):
        json_patch(target, operations)
    assert target == {"a": 1, "list": [1]}


def test_strategic_merges_containers_by_name() -> None:
    target = {
        "spec": {"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}
    }
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": "a"}],
            "containers": [{"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}]}, {"name": "c"}],
        }
    }
    assert strategic(target, patch)["spec"]["containers"] == [
        {"name": "a", "image": "2", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
        {"name": "b"},
        {"name": "c"},
    ]
    assert target["spec"]["containers"][0]["image"] == "1"


def test_strategic_directives() -> None:
    target = {"containers": [{"name": "a"}, {"name": "b"}], "labels": {"x": "1"}, "finalizers": ["f"], "args": ["1"]}
    assert strategic(target, {"containers": [{"$patch": "delete", "name": "a"}]})["containers"] == [{"name": "b"}]
    assert strategic(target, {"containers": [{"$patch": "replace"}, {"name": "z"}]})["containers"] == [{"name": "z"}]
    assert strategic(target, {"labels": {"$patch": "replace", "y": "2"}})["labels"] == {"y": "2"}
    assert strategic(target, {"finalizers": ["g", "f"]})["finalizers"] == ["f", "g"]
    assert strategic(target, {"$deleteFromPrimitiveList/finalizers": ["f"]})["finalizers"] == []
    assert strategic(target, {"args": ["2"]})["args"] == ["2"]
    assert strategic({"s": {"a": 1, "b": 2}}, {"s": {"$retainKeys": ["b"], "b": 3}}) == {"s": {"b": 3}}
    with pytest.raises(Refusal):
        strategic(target, {"containers": [{"image": "nameless"}]})
