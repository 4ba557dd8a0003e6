"""What a cluster serves: every resource by its plural, singular, short names and kind, custom ones included.

One request each to /api and /apis where the server aggregates its discovery (stable since Kubernetes 1.30, KEP-3352);
otherwise one for each version of each group. A group whose own server does not answer hides no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from weakref import WeakKeyDictionary

from msgspec import Struct

from cockpit.model import clock, errors
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.wire import Wire

ACCEPT = ",".join(
    [
        *(f"application/json;g=apidiscovery.k8s.io;v={v};as=APIGroupDiscoveryList" for v in ("v2", "v2beta1")),
        "application/json",
    ]
)
KNOWN_SECONDS = 600.0
"""So long what was read is used again, as in kubectl."""
ANEW_SECONDS = 5.0
"""A word that is not known is looked for anew at most so often: a CustomResourceDefinition may just have come."""
NEAREST = 3


class Resource(Struct, frozen=True):
    """One kind of object that a server lists."""

    group_version: str
    """"v1", "cert-manager.io/v1"."""
    resource: str
    """"certificates"."""
    kind: str
    singular: str
    short: tuple[str, ...]
    namespaced: bool
    watched: bool
    """It can be watched; the metrics of pods, for one, can only be listed."""

    @property
    def group(self) -> str:
        """Empty for the core."""
        return self.group_version.rpartition("/")[0]

    @property
    def qualified(self) -> str:
        """ "certificates.cert-manager.io"; the plural alone for the core."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def means(self, word: str) -> bool:
        """`word` is lower-case; a group, or a version and a group, may follow the name after a dot."""
        name, _, group = word.partition(".")
        version = self.group_version.rpartition("/")[2]
        if group and group not in (self.group, f"{version}.{self.group}".rstrip(".")):
            return False
        return name in (self.resource, self.singular, self.kind.lower(), *self.short)


class _Version(Wire, frozen=True):
    version: str = ""
    group_version: str = ""


class _Kind(Wire, frozen=True):
    kind: str = ""


class _Served(Wire, frozen=True):
    """A resource in either form of discovery."""

    resource: str = ""
    name: str = ""
    kind: str = ""
    response_kind: _Kind | None = None
    singular_resource: str | None = None
    singular_name: str | None = None
    scope: str = ""
    namespaced: bool = False
    short_names: tuple[str, ...] | None = None
    verbs: tuple[str, ...] | None = None


class _ServedVersion(Wire, frozen=True):
    version: str = ""
    resources: tuple[_Served, ...] | None = None


class _Name(Wire, frozen=True):
    name: str = ""


class _ServedGroup(Wire, frozen=True):
    metadata: _Name = _Name()
    versions: tuple[_ServedVersion, ...] | None = None


class _Group(Wire, frozen=True):
    versions: tuple[_Version, ...] | None = None
    preferred_version: _Version | None = None


class _Root(Wire, frozen=True):
    """/api or /apis: APIGroupDiscoveryList has items, APIGroupList groups, APIVersions versions."""

    items: tuple[_ServedGroup, ...] | None = None
    groups: tuple[_Group, ...] | None = None
    versions: tuple[str, ...] | None = None


class _ResourceList(Wire, frozen=True):
    resources: tuple[_Served, ...] | None = None


class _Known(Struct, frozen=True):
    resources: tuple[Resource, ...]
    silent: tuple[str, ...]
    """Group versions that did not answer."""
    read_at: float


class Discovery:
    """Remembers what each cluster serves; one request at a time asks a cluster."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Cluster, _Known] = WeakKeyDictionary()
        self._reading: WeakKeyDictionary[Cluster, asyncio.Lock] = WeakKeyDictionary()

    async def resources(self, connection: Connection) -> tuple[Resource, ...]:
        """All that can be listed, the core first, each in its preferred version. Raises `model.errors`."""
        return (await self._read(connection, KNOWN_SECONDS)).resources

    async def find(self, connection: Connection, word: str) -> Resource:
        """By plural, singular, short name or kind, a group after a dot. Raises errors.NotFound with the nearest."""
        name = word.lower()
        for fresh_seconds in (KNOWN_SECONDS, ANEW_SECONDS):
            known = await self._read(connection, fresh_seconds)
            # A name comes before a short name of something else, as in kubectl.
            exact = (r for r in known.resources if r.means(name) and name.partition(".")[0] not in r.short)
            found = next(exact, None) or next((r for r in known.resources if r.means(name)), None)
            if found is not None:
                return found
        where = connection.cluster.name
        near = get_close_matches(name, _names(known.resources), NEAREST)
        hint = f"; there is {', '.join(near)}" if near else ""
        silent = f"; {', '.join(known.silent[:NEAREST])} did not answer" if known.silent else ""
        raise errors.NotFound(f"{where}: the server has no resource {word!r}{hint}{silent}")

    async def _read(self, connection: Connection, fresh_seconds: float) -> _Known:
        cluster = connection.cluster
        async with self._reading.setdefault(cluster, asyncio.Lock()):
            known = self._known.get(cluster)
            if known is None or clock.steady() - known.read_at > fresh_seconds:
                self._known[cluster] = known = await _discovered(connection)
            return known


async def _discovered(connection: Connection) -> _Known:
    core, named = await asyncio.gather(*(connection.get(path, _Root, accept=ACCEPT) for path in ("/api", "/apis")))
    found: list[tuple[str, tuple[_Served, ...]]] = []
    asked: list[str] = list(core.versions or ())
    for group in (*(core.items or ()), *(named.items or ())):
        prefix = f"{group.metadata.name}/" if group.metadata.name else ""
        found += [(prefix + each.version, each.resources or ()) for each in group.versions or ()]
    for listed in named.groups or ():
        preferred = listed.preferred_version.group_version if listed.preferred_version else ""
        names = [each.group_version for each in listed.versions or ()]
        asked += sorted(filter(None, names), key=lambda name: name != preferred)
    answers = await asyncio.gather(*(_resources(connection, name) for name in asked))
    found += [(name, answer) for name, answer in zip(asked, answers, strict=True) if answer is not None]
    silent = tuple(name for name, answer in zip(asked, answers, strict=True) if answer is None)
    return _Known(tuple(_first(found)), silent, clock.steady())


async def _resources(connection: Connection, group_version: str) -> tuple[_Served, ...] | None:
    """None: the group does not answer (an aggregated one, whose server is down)."""
    root = "/apis" if "/" in group_version else "/api"
    try:
        return (await connection.get(f"{root}/{group_version}", _ResourceList)).resources or ()
    except errors.Denied:
        raise
    except errors.SourceError:
        return None


def _first(found: Iterable[tuple[str, tuple[_Served, ...]]]) -> Iterator[Resource]:
    """Each resource once, in the first version that has it; without subresources and what cannot be listed."""
    seen: set[tuple[str, str]] = set()
    for group_version, served in found:
        for each in served:
            name, verbs = each.resource or each.name, each.verbs or ()
            identity = group_version.rpartition("/")[0], name
            if not name or "/" in name or "list" not in verbs or identity in seen:
                continue
            seen.add(identity)
            kind = each.response_kind.kind if each.response_kind else each.kind
            yield Resource(
                group_version=group_version,
                resource=name,
                kind=kind or name,
                singular=each.singular_resource or each.singular_name or kind.lower(),
                short=each.short_names or (),
                namespaced=each.namespaced or each.scope == "Namespaced",
                watched="watch" in verbs,
            )


def _names(resources: Iterable[Resource]) -> list[str]:
    return [name for each in resources for name in (each.resource, each.singular, *each.short, each.qualified)]
