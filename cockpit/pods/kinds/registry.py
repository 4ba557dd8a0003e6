"""The kinds that are decoded here; any other one comes through the server's Table."""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.pods.kinds.claim import CLAIMS
from cockpit.pods.kinds.configmap import CONFIGMAPS
from cockpit.pods.kinds.cronjob import CRONJOBS
from cockpit.pods.kinds.daemonset import DAEMONSETS
from cockpit.pods.kinds.deployment import DEPLOYMENTS
from cockpit.pods.kinds.event import EVENTS
from cockpit.pods.kinds.ingress import INGRESSES
from cockpit.pods.kinds.job import JOBS
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.namespace import NAMESPACES
from cockpit.pods.kinds.node import NODES
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.replicaset import REPLICASETS
from cockpit.pods.kinds.secret import SECRETS
from cockpit.pods.kinds.service import SERVICES
from cockpit.pods.kinds.statefulset import STATEFULSETS

_ALL: tuple[AnyKind, ...] = (
    PODS,
    DEPLOYMENTS,
    STATEFULSETS,
    DAEMONSETS,
    REPLICASETS,
    JOBS,
    CRONJOBS,
    NODES,
    EVENTS,
    SERVICES,
    INGRESSES,
    CONFIGMAPS,
    SECRETS,
    CLAIMS,
    NAMESPACES,
)
KINDS: Mapping[str, AnyKind] = {kind.resource: kind for kind in _ALL}
"""By resource, in the order in which they are offered."""
_WORDS = {word: kind for kind in _ALL for word in (kind.resource, kind.kind.lower(), *kind.short)}


def find(word: str) -> AnyKind | None:
    """By resource ("deployments"), singular, short name ("deploy") or Kind; a group may follow after a dot."""
    name, _, group = word.strip().lower().partition(".")
    kind = _WORDS.get(name)
    return kind if kind is not None and group in ("", kind.group) else None
