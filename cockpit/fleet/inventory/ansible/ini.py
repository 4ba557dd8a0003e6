"""Ansible's INI form: `[group]`, `[group:children]`, `[group:vars]`, hosts with variables behind them.

As ansible-core 2.14 reads it (lib/ansible/plugins/inventory/ini.py).
"""

from __future__ import annotations

import ast
import re
import shlex
import threading
import warnings
from typing import Any

from cockpit.fleet.inventory.ansible.ranges import hosts
from cockpit.fleet.inventory.ansible.tree import UNGROUPED, Tree, Vars
from cockpit.model import errors

MOST_CHARS = 64 * 1024
"""Of a value that is read as a literal."""
_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")
_WORD = re.compile(r"[A-Za-z_/~$%@:;?!*&|<>=^][^()\[\]{}'\"#]*|[0-9]+(?:\.[0-9]+){2,}")
"""What is certainly no literal of Python, save the three words below: quick, and most values are of this kind."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {"True": True, "False": False, "None": None}
_warnings = threading.Lock()


class _Reader:
    """The state of one file."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.group, self.state = UNGROUPED, "hosts"
        self.waiting: dict[str, tuple[int, list[str]]] = {}
        """Groups that nothing has declared yet: on which line they were named, and the groups that hold them."""

    def line(self, number: int, line: str) -> None:
        section = _SECTION.fullmatch(line)
        if section is not None:
            self._section(number, section[1], section[2] or "hosts")
        elif line.startswith("[") and line.endswith("]"):
            raise errors.Malformed(f"{line!r} is no section; write it like [web] or [web:vars], without spaces")
        elif self.state == "hosts":
            self._host(line)
        elif self.state == "vars":
            name, equals, value = line.partition("=")
            if not equals:
                raise errors.Malformed("this is no variable; write name=value")
            self.tree.set_variable(self.group, name.strip(), literal(value.strip()))
        else:
            self._child(number, line)

    def _section(self, number: int, group: str, state: str) -> None:
        if state not in ("hosts", "children", "vars"):
            raise errors.Malformed(f"[{group}:{state}] is of no kind that is known; there are hosts, children and vars")
        self.group, self.state = group, state
        if group not in self.tree.groups:
            if state == "vars":
                self.waiting.setdefault(group, (number, []))
            self.tree.add_group(group)
        if state != "vars":
            for parent in self.waiting.pop(group, (0, []))[1]:
                self.tree.add_child(parent, group)

    def _host(self, line: str) -> None:
        try:
            words = shlex.split(line, comments=True) if re.search(r"""['"\\#]""", line) else line.split()
        except ValueError as error:
            raise errors.Malformed(f"this is no host: {str(error).lower()}") from error
        if words[0].endswith(":") or words[0] == "---":
            raise errors.Malformed(f"{words[0]!r} is no host; a YAML inventory has the suffix .yml")
        names, port = hosts(words[0])
        variables: Vars = {}
        for word in words[1:]:
            name, equals, value = word.partition("=")
            if not equals:
                raise errors.Malformed("behind a host stand name=value, with quotes around spaces")
            variables[name] = literal(value)
        for host in names:
            self.tree.add_host(host, self.group, port)
            for name, value in variables.items():
                self.tree.set_variable(host, name, value)

    def _child(self, number: int, line: str) -> None:
        child = _GROUP.fullmatch(line)
        if child is None:
            raise errors.Malformed("this is no name of a group")
        if child[1] in self.tree.groups and child[1] not in self.waiting:
            self.tree.add_child(self.group, child[1])
        else:
            self.waiting.setdefault(child[1], (number, []))[1].append(self.group)


def read(text: str, tree: Tree) -> None:
    """Add what an INI file says. Comments may hold lone surrogates. Raises errors.Malformed with the line."""
    reader = _Reader(tree)
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        try:
            if _SURROGATE.search(stripped):
                raise errors.Malformed("not UTF-8 text")
            reader.line(number, stripped)
        except errors.Malformed as error:
            raise errors.Malformed(f"line {number}: {error}") from error
    for group, (number, _) in reader.waiting.items():
        raise errors.Malformed(f"line {number}: there is no group {group!r}; write a section [{group}]")


def literal(text: str) -> Any:
    """A value as a literal of Python, or the text when it is none: `1` is a number, `"1"` and `one` are text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _WORD.fullmatch(text) or len(text) > MOST_CHARS:
        return text
    try:
        with _warnings, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value.decode(errors="replace") if isinstance(value, bytes) else value
