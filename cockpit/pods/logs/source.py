"""What is to be followed: pods by name, or all that a selector finds, and how much of their past is wanted."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

MOST_STREAMS = 100
"""Logs that are read at the same time; each takes a connection. The rest wait, and the view says how many."""


class Tail(Struct, frozen=True):
    """The last lines of each container."""

    lines: int


class Since(Struct, frozen=True):
    """What is no older than so many seconds."""

    seconds: int


class Everything(Struct, frozen=True):
    """All that the server has kept."""


Past: TypeAlias = Tail | Since | Everything
TAIL = Tail(1000)


class OnePod(Struct, frozen=True):
    """A pod by its name; one that takes its name (of a stateful set) is followed next."""

    source: str
    namespace: str
    name: str

    @property
    def title(self) -> str:
        return f"{self.namespace}/{self.name}"


class Selected(Struct, frozen=True):
    """The pods that a label selector finds, those too that come later."""

    source: str
    namespace: str
    """Empty: the configured ones of the source."""
    labels: str
    title: str
    """What they belong to: "deployment shop/web"."""


class Workload(Struct, frozen=True):
    """The pods that the selector of an object finds: of a deployment, a stateful set, a job, a service."""

    source: str
    namespace: str
    path: str
    """Of the object in the API."""
    title: str


Target: TypeAlias = OnePod | Selected | Workload


class LogQuery(Struct, frozen=True):
    """Whose logs, and which part of them."""

    targets: tuple[Target, ...]
    past: Past = TAIL
    previous: bool = False
    """Of the containers before their last restart; these do not go on."""
    containers: tuple[str, ...] = ()
    """Empty: all that a pod has."""
    one: bool = False
    """Without `containers`: only the one that kubectl would choose."""
    follow: bool = True

    @property
    def title(self) -> str:
        if len(self.targets) == 1:
            return self.targets[0].title
        return f"{len(self.targets)} {'pods' if all(isinstance(t, OnePod) for t in self.targets) else 'targets'}"
