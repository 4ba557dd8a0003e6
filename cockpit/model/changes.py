"""What a source says about its items. Items are frozen values with a key that is unique in the feed ("prod/<uid>")."""

from __future__ import annotations

from typing import Generic, Protocol, TypeAlias, TypeVar

from msgspec import Struct, field


class Keyed(Protocol):
    """Anything a feed can hold."""

    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=Keyed)


class Reset(Struct, Generic[T], frozen=True):
    """All items of the source, consistent: what is not in it is gone."""

    items: tuple[T, ...]


class Upsert(Struct, Generic[T], frozen=True):
    """New or changed items."""

    items: tuple[T, ...]
    fresh: bool = True
    """False: it came another way (measurements of the items), and says nothing of how fresh the items are."""


class Remove(Struct, frozen=True):
    """Items that are gone."""

    keys: tuple[str, ...]


class Confirm(Struct, frozen=True):
    """Looked, nothing changed (a 304, a bookmark, a keepalive): the data is fresh as of now."""


Change: TypeAlias = Reset[T] | Upsert[T] | Remove | Confirm


class Delta(Struct, Generic[T]):
    """What changed since this follower last looked, merged by key. Keys of `upserts` and `removed` are disjoint."""

    reset: bool = False
    """Forget everything before applying `upserts`."""
    upserts: dict[str, T] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    health: bool = False
    """The health of some source changed."""

    def __bool__(self) -> bool:
        return self.reset or bool(self.upserts) or bool(self.removed) or self.health
