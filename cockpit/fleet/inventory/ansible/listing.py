"""What an inventory script prints for `--list`: JSON with groups, and the variables of each host under `_meta`.

As ansible-core 2.14 reads it (lib/ansible/plugins/inventory/script.py), but no script is asked once more for each host.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cockpit.fleet.inventory.ansible.tree import UNGROUPED, Tree
from cockpit.model import errors

_NAME = re.compile(r"[\w.:%@+-]+")


def read(said: bytes, tree: Tree) -> None:
    """Add what was printed: groups, a JSON list of names, or one name a line. Raises errors.Malformed."""
    try:
        text = said.decode()
    except UnicodeDecodeError as error:
        raise errors.Malformed("what it prints is not UTF-8") from error
    if text.lstrip()[:1] not in ("{", "["):
        _names([line.strip() for line in text.splitlines()], tree)
        return
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise errors.Malformed(f"what it prints is no JSON (line {error.lineno} column {error.colno})") from error
    except (ValueError, RecursionError) as error:
        raise errors.Malformed("what it prints is no JSON that can be read") from error
    if isinstance(data, list):
        _names(data, tree)
    else:
        _groups(data, tree)


def _names(names: list[Any], tree: Tree) -> None:
    for name in names:
        if name == "" or (isinstance(name, str) and name.startswith("#")):
            continue
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise errors.Malformed("it prints neither JSON nor one host name a line")
        tree.add_host(name, UNGROUPED)


def _groups(data: dict[str, Any], tree: Tree) -> None:
    meta = data.pop("_meta", None)
    hosts: dict[str, None] = {}
    for name, said in data.items():
        _group(name, said, tree, hosts)
    variables = meta.get("hostvars") if isinstance(meta, dict) else None
    if variables is None and hosts:
        raise errors.Malformed(
            "it prints no _meta.hostvars, and cockpit does not ask it with --host for each host; "
            'let it print "_meta": {"hostvars": {...}}'
        )
    if not isinstance(variables, dict | None):
        raise errors.Malformed("_meta.hostvars must be an object")
    for host in hosts:
        own = (variables or {}).get(host, {})
        if not isinstance(own, dict):
            raise errors.Malformed(f"_meta.hostvars of {host!r} must be an object")
        for variable, value in own.items():
            tree.set_variable(host, variable, value)
    strays = len((variables or {}).keys() - hosts.keys())
    if strays:
        tree.notes[f"_meta.hostvars names {strays} hosts that stand in no group; they are left out"] = None


def _group(name: str, said: Any, tree: Tree, hosts: dict[str, None]) -> None:
    group = tree.add_group(name)
    if not isinstance(said, dict):
        said = {"hosts": said}
    elif not said.keys() & {"hosts", "vars", "children"}:
        said = {"hosts": [name], "vars": said}
    for key, kind in (("hosts", list), ("vars", dict), ("children", list)):
        if not isinstance(said.get(key, kind()), kind):
            raise errors.Malformed(f"{key} of the group {name!r} is no {'object' if kind is dict else 'list'}")
    for host in said.get("hosts", ()):
        tree.add_host(host, group)
        hosts[host] = None
    for variable, value in said.get("vars", {}).items():
        tree.set_variable(group, variable, value)
    for child in said.get("children", ()):
        tree.add_child(group, tree.add_group(child))
