"""Which files an ansible inventory is made of, and what they say together.

A folder is the sum of the files in it; beside them (beside the file, where the inventory is one) stand group_vars and
host_vars. As ansible-core 2.14 finds them: lib/ansible/inventory/manager.py, plugins/vars/host_group_vars.py,
parsing/dataloader.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cockpit.fleet.inventory.ansible import ini, listing, nested, values
from cockpit.fleet.inventory.ansible.tree import Tree, Vars
from cockpit.fleet.inventory.files import contents, is_program, malformed
from cockpit.fleet.trust.knownhosts import stamp
from cockpit.model import errors

DEPTH = 16
"""Nested folders."""
YAML = (".yml", ".yaml", ".json")
VAULT = "$ANSIBLE_VAULT"
_IGNORED = re.compile(
    r"^\.|^(?:host|group)_vars$|^vars_plugins$|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.ini|\.cfg|\.retry)$"
)
"""In a folder; the suffixes are ansible's default, which leaves out .ini because it stands beside scripts."""


def inventory_files(path: Path, depth: int = 0) -> list[Path]:
    """The files of an inventory, in the order in which they count. Blocking. Raises model.errors."""
    if not path.is_dir():
        return [path]
    if depth > DEPTH:
        raise errors.Malformed(f"{path}: more than {DEPTH} folders in each other")
    found: list[Path] = []
    for name in _listed(path):
        if not _IGNORED.search(name):
            found += inventory_files(path / name, depth + 1)
    return found


def programs(path: Path) -> list[Path]:
    """Those of the files that are to be run, see `read`. Blocking. Raises model.errors."""
    return [file for file in inventory_files(path) if is_program(file)]


class Reading:
    """An inventory read: every host with its variables. Blocking. Raises model.errors."""

    def __init__(self, path: Path, printed: Mapping[Path, bytes]) -> None:
        """`printed` is what each of the `programs` said."""
        self.tree = Tree()
        self._stamps: dict[str, tuple[str, int, int]] = {}
        self._watch(path)
        files = inventory_files(path)
        for file in files:
            self._watch(file.parent if path.is_dir() else file, file)
        skipped = [name for name in _listed(path) if name.endswith((".ini", ".cfg"))] if path.is_dir() else []
        if skipped:
            self._note(f"{', '.join(skipped)}: ansible takes no such file from a folder, so it is left out")
        for file in files:
            with malformed(file):
                self._add(file, printed.get(file))
        with malformed(path):
            self.tree.settle()
        root = path if path.is_dir() else path.parent
        groups = self._beside(root / "group_vars", self.tree.groups)
        hosts = self._beside(root / "host_vars", self.tree.hosts)
        self.variables = self.tree.variables(groups, hosts)

    @property
    def stamped(self) -> tuple[tuple[str, int, int], ...]:
        """Whatever would change the outcome when it changes, as it was before it was read."""
        return tuple(self._stamps.values())

    def _watch(self, *found: Path) -> None:
        for name in map(str, found):
            if name not in self._stamps:
                self._stamps[name] = stamp([name])[0]

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.tree.notes)

    def _note(self, text: str) -> None:
        self.tree.notes[text] = None

    def _add(self, file: Path, printed: bytes | None) -> None:
        if printed is not None:
            listing.read(printed, self.tree)
            return
        text = contents(file, lenient=file.suffix not in YAML)
        if text.startswith(VAULT):
            self._note(f"{file} is vaulted and was left out")
        elif file.suffix in YAML:
            nested.read(values.load(text), self.tree)
        elif file.suffix or not isinstance(said := _loaded(text), dict):
            ini.read(text, self.tree)
        else:
            nested.read(said, self.tree)

    def _beside(self, folder: Path, owners: Iterable[str]) -> dict[str, Vars]:
        """What the files of group_vars or host_vars say of each owner."""
        self._watch(folder)
        if not folder.is_dir():
            return {}
        names = set(_listed(folder))
        found: dict[str, Vars] = {}
        for owner in owners:
            if "/" in owner or owner in ("", ".", ".."):
                continue
            name = next((owner + suffix for suffix in ("", *YAML) if owner + suffix in names), None)
            for file in () if name is None else _variable_files(folder / name):
                found[owner] = found.get(owner, {}) | self._variables(file)
        return found

    def _variables(self, file: Path) -> Vars:
        self._watch(file.parent, file)
        with malformed(file):
            text = contents(file)
            if text.startswith(VAULT):
                self._note(f"{file} is vaulted and was left out")
                return {}
            said = values.load(text)
            if not isinstance(said, dict | None):
                raise errors.Malformed("it holds no variables; write name: value")
            return said or {}


def _loaded(text: str) -> Any:
    """A file without a suffix is YAML when that gives groups, else INI."""
    if text.lstrip().startswith("["):
        return None
    try:
        return values.load(text)
    except errors.Malformed:
        return None


def _variable_files(path: Path, depth: int = 0) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    if depth > DEPTH:
        raise errors.Malformed(f"{path}: more than {DEPTH} folders in each other")
    for name in _listed(path):
        if name.startswith(".") or name.endswith("~"):
            continue
        suffix, whole = os.path.splitext(name)[1], path / name
        if whole.is_dir() and not suffix:
            yield from _variable_files(whole, depth + 1)
        elif whole.is_file() and (not suffix or suffix in YAML):
            yield whole


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise errors.Denied(f"cannot read {folder}: {error.strerror}") from error
