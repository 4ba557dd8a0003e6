"""The rows of one collection, and what a run of events has done to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic

from cockpit.model.changes import Change, Remove, Upsert
from cockpit.pods.kinds.kind import R


class Rows(Generic[R]):
    """By namespace and name, so that an object that replaced another under its name takes its place."""

    def __init__(self) -> None:
        self._named: dict[str, dict[str, R]] = {}

    def __iter__(self) -> Iterator[R]:
        return (row for named in self._named.values() for row in named.values())

    def put(self, row: R) -> str | None:
        """The key of another object that had its name until now."""
        named = self._named.setdefault(row.namespace, {})
        before = named.get(row.name)
        named[row.name] = row
        return before.key if before is not None and before.key != row.key else None

    def drop(self, row: R) -> None:
        """Only this object: another may have its name by now."""
        named = self._named.get(row.namespace, {})
        before = named.get(row.name)
        if before is not None and before.key == row.key:
            del named[row.name]


class Batch(Generic[R]):
    """Events put on rows one after the other; their sum is told in one go."""

    def __init__(self, rows: Rows[R]) -> None:
        self._rows = rows
        self._upserts: dict[str, R] = {}
        self._removed: dict[str, None] = {}

    def put(self, row: R) -> None:
        """Added or changed."""
        replaced = self._rows.put(row)
        if replaced is not None:
            self._upserts.pop(replaced, None)
            self._removed[replaced] = None
        self._upserts[row.key] = row
        self._removed.pop(row.key, None)

    def drop(self, row: R) -> None:
        """Gone, or out of the selection."""
        self._rows.drop(row)
        self._upserts.pop(row.key, None)
        self._removed[row.key] = None

    @property
    def changes(self) -> list[Change[R]]:
        """At most a Remove and an Upsert, of different keys."""
        changes: list[Change[R]] = []
        if self._removed:
            changes.append(Remove(tuple(self._removed)))
        if self._upserts:
            changes.append(Upsert(tuple(self._upserts.values())))
        return changes
