"""What a client asks to learn what there is: /version, /api, /apis; whole groups at once where it accepts those."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.refusals import unavailable

VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64", "goVersion": "go1.26.1"}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
METRICS = "metrics.k8s.io/v1beta1"
AUTHORIZATION = "authorization.k8s.io/v1"
Served = Literal["served", "broken", "absent"]  # of metrics.k8s.io; broken: its own server is down


def _only(resource: str, kind: str, verbs: list[str], *, namespaced: bool, singular: str = "") -> Object:
    return {"name": resource, "singularName": singular, "namespaced": namespaced, "kind": kind, "verbs": verbs}


_COMPUTED = {
    AUTHORIZATION: [
        _only("selfsubjectaccessreviews", "SelfSubjectAccessReview", ["create"], namespaced=False),
        _only("selfsubjectrulesreviews", "SelfSubjectRulesReview", ["create"], namespaced=False),
    ],
    METRICS: [
        _only("nodes", "NodeMetrics", ["get", "list"], namespaced=False),
        _only("pods", "PodMetrics", ["get", "list"], namespaced=True),
    ],
}


def _group_versions(metrics: Served) -> list[str]:
    stored = dict.fromkeys(kind.group_version for kind in kinds.KINDS.values())
    return [*stored, AUTHORIZATION, *([] if metrics == "absent" else [METRICS])]


def _resources(group_version: str) -> list[Object]:
    if group_version in _COMPUTED:
        return _COMPUTED[group_version]
    return [e for kind in kinds.KINDS.values() if kind.group_version == group_version for e in kind.discovery()]


def _group(group_version: str) -> Object:
    group, _, version = group_version.rpartition("/")
    served = {"groupVersion": group_version, "version": version}
    return {"name": group, "versions": [served], "preferredVersion": served}


def fixed(path: str, *, metrics: Served) -> Object | None:
    """The answer to a discovery path, None for any other. Raises Refusal (503) for a broken group's own."""
    path = path.rstrip("/")
    versions = _group_versions(metrics)
    match path:
        case "/version":
            return dict(VERSION)
        case "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        case "/apis":
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(version) for version in versions if "/" in version],
            }
    for version in versions:
        if "/" in version and path == f"/apis/{version.partition('/')[0]}":
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(version)}
        if path == (f"/apis/{version}" if "/" in version else f"/api/{version}"):
            if version == METRICS and metrics == "broken":
                raise unavailable()
            resources = _resources(version)
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
    return None


def aggregated(path: str, *, metrics: Served) -> Object | None:
    """All groups of /api or /apis with their resources (apidiscovery.k8s.io/v2), None for any other path."""
    path = path.rstrip("/")
    if path not in ("/api", "/apis"):
        return None
    items = []
    for group_version in _group_versions(metrics):
        group, _, version = group_version.rpartition("/")
        if bool(group) != (path == "/apis"):
            continue
        broken = group_version == METRICS and metrics == "broken"
        served: Object = {"version": version, "freshness": "Stale" if broken else "Current"}
        if not broken:
            served["resources"] = _nested(group, version, _resources(group_version))
        items.append({"metadata": {"name": group, "creationTimestamp": None}, "versions": [served]})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _nested(group: str, version: str, entries: Iterable[Object]) -> list[Object]:
    """Resources with their subresources inside them."""
    found: dict[str, Object] = {}
    for entry in entries:
        name, _, sub = entry["name"].partition("/")
        answers = {
            "group": entry.get("group", group),
            "version": entry.get("version", version),
            "kind": entry["kind"],
        }
        if sub:
            child = {"subresource": sub, "responseKind": answers, "verbs": entry["verbs"]}
            found[name].setdefault("subresources", []).append(child)
            continue
        found[name] = {
            "resource": name,
            "responseKind": answers,
            "scope": "Namespaced" if entry["namespaced"] else "Cluster",
            "singularResource": entry["singularName"],
            "verbs": entry["verbs"],
        }
        found[name] |= {key: entry[key] for key in ("shortNames", "categories") if key in entry}
    return list(found.values())
