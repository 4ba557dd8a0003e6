"""Groups and hosts as ansible knows them, and which value of a variable counts.

The rules are those of ansible-core 2.14 (lib/ansible/inventory/data.py, group.py, helpers.py; vars/manager.py), held to
`ansible-inventory --list` by a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cockpit.model import errors

ALL, UNGROUPED = "all", "ungrouped"
PRIORITY = "ansible_group_priority"
MOST = 1_000_000
"""Times that a host may stand in a group: a range of a range would fill the memory."""
Vars = dict[Any, Any]
"""Names are text, but for what YAML makes of an unquoted `no` or `1`."""


@dataclass(slots=True)
class Group:
    """One group, without its parents' affairs."""

    name: str
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)
    vars: Vars = field(default_factory=dict)
    priority: int = 1
    depth: int = 0
    """Of the longest way from "all"."""


class Tree:
    """What inventory files have said so far. `settle` ends the reading."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.hosts: dict[str, Vars] = {}
        self.notes: dict[str, None] = {}
        """What was skipped, a line each."""
        self._placed = 0
        self._groups_of: dict[str, tuple[str, ...]] = {}
        self.add_group(ALL)
        self.add_group(UNGROUPED)
        self.add_child(ALL, UNGROUPED)

    def add_group(self, name: object) -> str:
        if not isinstance(name, str) or not name:
            raise errors.Malformed(f"{name!r} is no name for a group")
        self.groups.setdefault(name, Group(name))
        return name

    def add_host(self, name: object, group: str, port: int | None = None) -> None:
        if not isinstance(name, str) or not name:
            raise errors.Malformed(f"{name!r} is no name for a host; quote numbers")
        if name not in self.hosts:
            self.hosts[name] = {} if port is None else {"ansible_port": port}
        self._place(name, group)

    def _place(self, host: str, group: str) -> None:
        self._placed += 1
        if self._placed > MOST:
            raise errors.Malformed(f"more than {MOST} places of hosts in groups")
        self.groups[group].hosts[host] = None

    def set_variable(self, owner: str, name: str, value: Any) -> None:
        """Of a group or a host; where both have the name it is the group's, as in ansible."""
        if owner not in self.groups:
            self.hosts[owner][name] = value
        elif name == PRIORITY:
            try:
                self.groups[owner].priority = int(value)
            except (TypeError, ValueError) as error:
                raise errors.Malformed(f"{PRIORITY} of {owner} is {value!r}; write a number") from error
        else:
            self.groups[owner].vars[name] = value

    def add_child(self, group: str, child: str) -> None:
        """Put a group into a group."""
        if child == group or group in self._below(child):
            raise errors.Malformed(f"the group {group!r} cannot hold {child!r}, which holds it")
        self.groups[group].children[child] = None
        self.groups[child].parents[group] = None

    def _below(self, group: str) -> set[str]:
        """Children, their children and so on."""
        found: set[str] = set()
        waiting = [group]
        while waiting:
            new = [child for child in self.groups[waiting.pop()].children if child not in found]
            found.update(new)
            waiting += new
        return found

    def settle(self) -> None:
        """Every group is below "all", every host in a group, and depths are known."""
        for group in self.groups.values():
            if group.name != ALL and not group.parents:
                self.add_child(ALL, group.name)
        self._measure()
        for name in self.groups.keys() & self.hosts.keys():
            self.notes[f"{name!r} is a group and a host; as in ansible, the variables of the host are the group's"] = (
                None
            )
        whole = {name: frozenset((name, *self._above(name))) for name in self.groups}
        placed: dict[str, set[str]] = {host: set() for host in self.hosts}
        for group in self.groups.values():
            for host in group.hosts:
                placed[host].add(group.name)
        order = {name: place for place, name in enumerate(sorted(self.groups, key=self._rank))}
        shared: dict[frozenset[str], tuple[str, ...]] = {}
        for host, names in placed.items():
            if frozenset().union(*(whole[name] for name in names)) - {ALL, UNGROUPED}:
                names.discard(UNGROUPED)
                self.groups[UNGROUPED].hosts.pop(host, None)
            else:
                names.add(UNGROUPED)
                self.groups[UNGROUPED].hosts[host] = None
            key = frozenset(names)
            if key not in shared:
                shared[key] = tuple(sorted({ALL}.union(*(whole[name] for name in names)), key=order.__getitem__))
            self._groups_of[host] = shared[key]

    def _above(self, group: str) -> Iterator[str]:
        seen = {group}
        waiting = [group]
        while waiting:
            for parent in self.groups[waiting.pop()].parents:
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
                    yield parent

    def _measure(self) -> None:
        """The longest way from "all" to each group: a group's depth is known once all its parents' are."""
        left = {name: len(group.parents) for name, group in self.groups.items()}
        waiting = [ALL]
        while waiting:
            group = self.groups[waiting.pop()]
            for name in group.children:
                child = self.groups[name]
                child.depth = max(child.depth, group.depth + 1)
                left[name] -= 1
                if not left[name]:
                    waiting.append(name)

    def _rank(self, name: str) -> tuple[int, int, str]:
        group = self.groups[name]
        return group.depth, group.priority, name

    def groups_of(self, host: str) -> tuple[str, ...]:
        """All groups of a host, "all" first: a later one wins over an earlier one."""
        return self._groups_of[host]

    def variables(self, group_files: Mapping[str, Vars], host_files: Mapping[str, Vars]) -> dict[str, Vars]:
        """Of each host. The arguments are what group_vars and host_vars say of each group and host."""
        shared: dict[tuple[str, ...], Vars] = {}
        found: dict[str, Vars] = {}
        for host, own in self.hosts.items():
            groups = self._groups_of[host]
            if groups not in shared:
                shared[groups] = self._of_groups(groups, group_files)
            found[host] = shared[groups] | own | host_files.get(host, {})
        return found

    def _of_groups(self, groups: tuple[str, ...], files: Mapping[str, Vars]) -> Vars:
        """Those of the inventory first, "all" before the others, then those of group_vars in the same way."""
        merged: Vars = {}
        for name in groups:
            merged |= self.groups[name].vars
        for name in groups:
            merged |= files.get(name, {})
        return merged
