"""Ansible's files, without ansible: what is refused and how it is said; what ansible makes of the rest is compared with
ansible itself in tests/integration/fleet/test_fleet_ansible.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cockpit.fleet.inventory.ansible import ini, listing, nested, values
from cockpit.fleet.inventory.ansible.folder import Reading
from cockpit.fleet.inventory.ansible.ranges import hosts
from cockpit.fleet.inventory.ansible.tree import Tree
from cockpit.model import errors


def from_yaml(text: str, tree: Tree) -> None:
    nested.read(values.load(text), tree)


def from_json(text: str, tree: Tree) -> None:
    listing.read(text.encode(errors="surrogateescape"), tree)


def read(form: Callable[[str, Tree], None], text: str) -> Tree:
    tree = Tree()
    form(text, tree)
    tree.settle()
    return tree


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        (ini.read, "a\n[web\nx y=1\n", "line 2: "),
        (ini.read, "\n[web x]\n", "line 2: '[web x]' is no section"),
        (ini.read, "[web:hostz]\n", "line 1: [web:hostz] is of no kind that is known"),
        (ini.read, "[a:children]\nb\n", "line 2: there is no group 'b'; write a section [b]"),
        (ini.read, "[b:vars]\nx=1\n", "line 1: there is no group 'b'"),
        (ini.read, "[b]\n[b:vars]\nx\n", "line 3: this is no variable; write name=value"),
        (ini.read, "a ansible_password=my hunter2\n", "line 1: behind a host stand name=value"),
        (ini.read, "a x='\n", "line 1: this is no host: no closing quotation"),
        (ini.read, "---\nall:\n", "a YAML inventory has the suffix .yml"),
        (ini.read, "web[1:2\n", "line 1: 'web[1:2' has a bracket without its pair"),
        (ini.read, "web[1-3]\n", "'1-3' in 'web[1-3]' is no range; write it like web[01:20]"),
        (ini.read, "web[3:1]\n", "the range '3:1' in 'web[3:1]' runs backwards"),
        (ini.read, "web[01:100]\n", "must be of one length"),
        (ini.read, "web[1:3:0]\n", "has no step"),
        (ini.read, "web[1:999999999]\n", "stands for more than 100000 hosts"),
        (ini.read, "w[1:400][1:400]\n", "stands for more than 100000 hosts"),
        (ini.read, "[a:children]\nb\n[b:children]\na\n", "the group 'b' cannot hold 'a', which holds it"),
        (ini.read, "[a:children]\na\n", "cannot hold 'a'"),
        (ini.read, "[a]\n[a:vars]\nansible_group_priority=high\n", "ansible_group_priority of a is 'high'"),
        (ini.read, "a\n\udcff\n", "line 2: not UTF-8 text"),
        (from_yaml, "a: [b", "line 2: not YAML"),
        (from_yaml, "- a\n", "it holds no groups"),
        (from_yaml, "", "it holds no groups"),
        (from_yaml, "plugin: aws_ec2\n", "it configures the plugin 'aws_ec2'"),
        (from_yaml, "g: {hosts: [a]}", "'hosts' of the group 'g' must be a mapping"),
        (from_yaml, "g: {hosts: {1: }}", "the host 1 of the group 'g' is no text; put it in quotes"),
        (from_yaml, "g: {hosts: {a: b}}", "what stands behind the host 'a' of the group 'g' is no mapping"),
        (from_yaml, "1: {hosts: {a: }}", "1 is no name for a group"),
        (from_yaml, "&a a: {children: {b: &b {children: {c: *b}}}}", "its groups hold each other"),
        (from_yaml, "a: {children: {b: {children: {a: }}}}", "which holds it"),
        (from_yaml, "[" * 200, "nested deeper than 100"),
        (from_yaml, "a: 2024-13-45", "not YAML that can be read"),
        (from_json, "<html>\n", "it prints neither JSON nor one host name a line"),
        (from_json, '{"a": ', "what it prints is no JSON (line 1 column 7)"),
        (from_json, "[" * 100000, "no JSON that can be read"),
        (from_json, '{"a": ["x"]}', "it prints no _meta.hostvars"),
        (from_json, '{"a": "x"}', "hosts of the group 'a' is no list"),
        (from_json, '{"_meta": {"hostvars": {"x": 1}}, "a": ["x"]}', "_meta.hostvars of 'x' must be an object"),
        (from_json, '["a", 1]', "it prints neither JSON nor one host name a line"),
        (from_json, "\udcff", "what it prints is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said(form: Callable[[str, Tree], None], text: str, said: str) -> None:
    with pytest.raises(errors.Malformed) as caught:
        read(form, text)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_plain_names_and_lists_of_names() -> None:
    assert list(read(from_json, "# hosts\nweb1\n\n db1 \n").hosts) == ["web1", "db1"]
    assert list(read(from_json, '["web1", "::1"]').hosts) == ["web1", "::1"]
    assert read(from_json, "{}").hosts == {} and read(from_json, "").hosts == {}


def test_strays_and_skipped_keys_are_noted() -> None:
    tree = read(from_json, '{"_meta": {"hostvars": {"x": {}, "y": {}}}, "a": ["x"]}')
    assert list(tree.notes) == ["_meta.hostvars names 1 hosts that stand in no group; they are left out"]
    tree = read(from_yaml, "a: {hosts: {x: }, hots: {y: }}\nb: 3\n")
    assert list(tree.notes) == [
        "'hots' of the group 'a' was skipped; there are hosts, vars and children",
        "'b' is no group and was skipped",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-3", -3), ("007", "007"), ("1.5", 1.5), ("-1.5", -1.5), (".5", 0.5), ("0x1f", 31), ("1_0", 10),
        ("True", True), ("true", "true"), ("None", None), ("'1'", "1"), ('"a b"', "a b"), ("[1, 'x']", [1, "x"]),
        ("{'a': (1,)}", {"a": (1,)}), ("10.0.0.1", "10.0.0.1"), ("b'x'", "x"), ("1if", "1if"), ("'\\d'", "\\d"),
        ("", ""), ("(" * 500, "(" * 500), ("{[]: 1}", "{[]: 1}"), ("9" * 5000, "9" * 5000), ("1 # x", 1),
    ],
)  # fmt: skip
def test_values_of_ini_files_are_literals_of_python(text: str, value: Any) -> None:
    assert ini.literal(text) == value and type(ini.literal(text)) is type(value)


@pytest.mark.parametrize(
    ("pattern", "names", "port"),
    [
        ("web1", ["web1"], None),
        ("web1:2222", ["web1"], 2222),
        ("web[09:11].x:22", ["web09.x", "web10.x", "web11.x"], 22),
        ("web[:2]", ["web0", "web1", "web2"], None),
        ("[2001:db8::1]:22", ["2001:db8::1"], 22),
        ("2001:db8::[1:2]", ["2001:db8::1", "2001:db8::2"], None),
        ("::1", ["::1"], None),
        ("db-[a:e:2]", ["db-a", "db-c", "db-e"], None),
        ("under_:22", ["under_:22"], None),
    ],
)
def test_patterns_of_hosts(pattern: str, names: list[str], port: int | None) -> None:
    found, number = hosts(pattern)
    assert (list(found), number) == (names, port)


def test_vaults_are_left_out_with_a_note_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        "web:\n  hosts:\n    w1:\n      a: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        61\n"
    )
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "web.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "w1").write_text("t: !unsafe '{{ x }}'\nn: !unsafe 1\n")
    reading = Reading(tmp_path / "hosts.yml", {})
    assert isinstance(reading.variables["w1"]["a"], values.Vaulted)
    assert (reading.variables["w1"]["t"], reading.variables["w1"]["n"]) == ("{{ x }}", "1")
    assert reading.notes == (f"{tmp_path}/group_vars/web.yml is vaulted and was left out",)


def test_names_that_are_paths_read_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.yml").write_text("stolen: true\n")
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "hosts").write_text("../secret\n..\n")
    assert Reading(tmp_path / "hosts", {}).variables == {"../secret": {}, "..": {}}


def test_a_folder_says_what_it_leaves_out_and_whose_fault_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("web1\n")
    (tmp_path / "b.ini").write_text("web2\n")
    reading = Reading(tmp_path, {})
    assert list(reading.tree.hosts) == ["web1"]
    assert reading.notes == ("b.ini: ansible takes no such file from a folder, so it is left out",)
    (tmp_path / "c.yml").write_text("x: {hosts: 3}\n")
    with pytest.raises(errors.Malformed, match=rf"{tmp_path}/c.yml: 'hosts' of the group 'x' must be a mapping"):
        Reading(tmp_path, {})


def test_a_changed_or_new_file_of_variables_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("web1\n")
    paths = [path for path, _, _ in Reading(tmp_path / "hosts", {}).stamped]
    assert paths == [f"{tmp_path}/hosts", f"{tmp_path}/group_vars", f"{tmp_path}/host_vars"]


SECTIONS = ["hosts", "vars", "children", "_meta", "hostvars", "a", "g"]
LINES = [
    "[web]",
    "[web:vars]",
    "[all:children]",
    "web",
    "[db:children]",
    "a[1:3] x=1",
    "x = 'y",
    "b:22 v=[1",
    "#",
    "a=",
]
lines = st.lists(st.sampled_from(LINES) | st.text(max_size=12))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["hosts", "a", "g"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SECTIONS), inner, max_size=4),
    max_leaves=12,
)


def survives(form: Callable[[str, Tree], None], text: str) -> None:
    try:
        read(form, text).variables({}, {})
    except errors.Malformed as error:
        assert str(error)


@given(lines)
def test_any_ini_is_read_or_malformed(found: list[str]) -> None:
    survives(ini.read, "\n".join(found))


@given(st.text(max_size=40) | st.text("a:-[]{}&* !\n'\"|>?#%@", max_size=30))
def test_any_yaml_is_read_or_malformed(text: str) -> None:
    survives(from_yaml, text)


@given(json_values)
def test_any_groups_are_read_or_malformed(data: Any) -> None:
    survives(from_yaml, yaml.safe_dump(data))
    survives(from_json, json.dumps(data))


@given(st.binary(max_size=40))
def test_any_output_is_read_or_malformed(said: bytes) -> None:
    try:
        listing.read(said, Tree())
    except errors.Malformed as error:
        assert str(error)


@given(st.text("web[]:09az.-_:,x", max_size=16))
def test_any_pattern_is_hosts_or_malformed(pattern: str) -> None:
    try:
        assert hosts(pattern)[0]
    except errors.Malformed as error:
        assert str(error)
