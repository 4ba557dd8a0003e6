"""Ansible's YAML form: groups with `hosts`, `vars` and `children`, one in another.

As ansible-core 2.14 reads it (lib/ansible/plugins/inventory/yaml.py).
"""

from __future__ import annotations

from typing import Any

from cockpit.fleet.inventory.ansible.ranges import hosts
from cockpit.fleet.inventory.ansible.tree import Tree
from cockpit.model import errors

MOST_GROUPS = 100_000
"""Sections of groups that are looked into: aliases can hold each other many times over."""
SECTIONS = ("vars", "children", "hosts")


class _Reader:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._seen = 0

    def group(self, name: Any, data: Any) -> None:
        if not isinstance(data, dict | None):
            self.tree.notes[f"{name!r} is no group and was skipped"] = None
            return
        self._seen += 1
        if self._seen > MOST_GROUPS:
            raise errors.Malformed(f"more than {MOST_GROUPS} groups")
        group = self.tree.add_group(name)
        for key, section in (data or {}).items():
            if key not in SECTIONS:
                self.tree.notes[f"{key!r} of the group {group!r} was skipped; there are hosts, vars and children"] = (
                    None
                )
                continue
            if isinstance(section, str):
                section = {section: None}
            if not isinstance(section, dict | None):
                raise errors.Malformed(f"{key!r} of the group {group!r} must be a mapping")
            self._section(group, key, section or {})

    def _section(self, group: str, key: str, section: dict[Any, Any]) -> None:
        match key:
            case "vars":
                for name, value in section.items():
                    self.tree.set_variable(group, name, value)
            case "children":
                for child, data in section.items():
                    self.group(child, data)
                    if child not in self.tree.groups:
                        raise errors.Malformed(f"{child!r}, a child of {group!r}, is no group")
                    self.tree.add_child(group, child)
            case _:
                for pattern, variables in section.items():
                    self._hosts(group, pattern, variables or {})

    def _hosts(self, group: str, pattern: Any, variables: Any) -> None:
        if not isinstance(pattern, str):
            raise errors.Malformed(f"the host {pattern!r} of the group {group!r} is no text; put it in quotes")
        if not isinstance(variables, dict):
            raise errors.Malformed(f"what stands behind the host {pattern!r} of the group {group!r} is no mapping")
        names, port = hosts(pattern)
        for host in names:
            self.tree.add_host(host, group, port)
            for name, value in variables.items():
                self.tree.set_variable(host, name, value)


def read(data: Any, tree: Tree) -> None:
    """Add what a YAML document says. Raises errors.Malformed."""
    if not isinstance(data, dict) or not data:
        raise errors.Malformed("it holds no groups; write all: with hosts: below it")
    if data.get("plugin"):
        raise errors.Malformed(
            f"it configures the plugin {data['plugin']!r}, which only ansible has; "
            "write command:ansible-inventory --list -i FILE instead"
        )
    reader = _Reader(tree)
    try:
        for name, group in data.items():
            reader.group(name, group)
    except RecursionError as error:
        raise errors.Malformed("its groups hold each other by aliases") from error
