"""What the reflector, the table and the actions need to know of a kind of object. One file of `kinds` makes each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from cockpit.listing.cells import Column
from cockpit.model.tone import Tone
from cockpit.pods.api.paths import collection_path, object_path
from cockpit.pods.kinds.object import Object

R = TypeVar("R", bound=Object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[R]):
    """One resource of the API, with its rows and its columns."""

    resource: str
    """"deployments": the plural in paths, the name of its pane and the word after `:`."""
    kind: str
    """"Deployment"."""
    group_version: str
    """"v1", "apps/v1"."""
    short: tuple[str, ...] = ()
    """"deploy"; the singular is always understood."""
    namespaced: bool = True
    as_table: bool = False
    """Asked for as the server's Table; `decode` is given a row of it, or a Table of one row from a watch."""
    watched: bool = True
    """False: the server can only list it, so it is listed again and again."""
    decode: Callable[[str, bytes | msgspec.Raw], tuple[R, str]]
    """(source, one object as served) -> its row and its resource version. Raises errors.Malformed."""
    columns: tuple[Column[R], ...]
    """kubectl's columns with kubectl's texts; NAMESPACE first where it has one. The source column is the pane's."""
    tone: Callable[[R], Tone]
    """What its state means for the one on call. "Faults only" shows what is BAD or WARN."""
    report: Callable[[R, float], Struct]
    """(row, now in Unix seconds) -> what `--format json` says of it."""
    search: Callable[[R], str]
    """Lower-case text that a filter looks into."""
    sort: str = "name"
    """Id of the column it is first sorted by."""
    descending: bool = False

    @property
    def title(self) -> str:
        """ "Deployments", "Ingresses", "NetworkPolicies", "Endpoints"."""
        if self.kind.endswith("y") and self.kind[-2:-1] not in "aeiou":
            return f"{self.kind[:-1]}ies"
        return self.kind + ("es" if self.kind.endswith("ss") else "" if self.kind.endswith("s") else "s")

    @property
    def group(self) -> str:
        """ "apps"; empty for the core."""
        return self.group_version.rpartition("/")[0]

    def collection(self, namespace: str) -> str:
        """The path of its objects in a namespace; "" is all of them."""
        return collection_path(self.group_version, self.resource, namespace)

    def path(self, namespace: str, name: str) -> str:
        """The path of one object."""
        return object_path(self.group_version, self.resource, namespace, name)


AnyKind = Kind[Any]
