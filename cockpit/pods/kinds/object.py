"""What every row has in common, whatever its kind."""

from __future__ import annotations

from msgspec import Struct


class Object(Struct, frozen=True, gc=False):
    """One object of a cluster as a slotted row. Strings that repeat are interned. Times are Unix seconds."""

    key: str
    """source/uid: an object that was replaced under the same name is another one."""
    source: str
    namespace: str
    """Empty: the kind has none."""
    name: str
    created: float | None
    owner_kind: str
    """Of its controller; empty: nothing makes it again when it is deleted."""
    owner: str

    @property
    def uid(self) -> str:
        return self.key[len(self.source) + 1 :]

    @property
    def path(self) -> str:
        """namespace/name, as actions and the timeline call it; the name alone where the kind has no namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name
