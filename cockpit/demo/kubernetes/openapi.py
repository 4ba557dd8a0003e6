"""As much of /openapi/v3 as kubectl reads before it writes: that the server itself validates fields (it does not)."""

from __future__ import annotations

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Object

ROOT = "/openapi/v3"


def _served(group_version: str) -> str:
    return f"apis/{group_version}" if "/" in group_version else f"api/{group_version}"


def fixed(path: str) -> Object | None:
    """The index, or the document of one group version; None for any other path."""
    versions = dict.fromkeys(kind.group_version for kind in kinds.KINDS.values())
    if path == ROOT:
        return {"paths": {_served(v): {"serverRelativeURL": f"{ROOT}/{_served(v)}"} for v in versions}}
    for version in versions:
        if path == f"{ROOT}/{_served(version)}":
            return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": _paths(version)}
    return None


def _paths(group_version: str) -> Object:
    paths: Object = {}
    for kind in kinds.KINDS.values():
        if kind.group_version == group_version:
            where = "namespaces/{namespace}/" if kind.namespaced else ""
            group, _, version = group_version.rpartition("/")
            about = {"group": group, "version": version, "kind": kind.kind}
            parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
            operation = {"parameters": parameters, "x-kubernetes-group-version-kind": about, "responses": {}}
            paths[f"/{_served(group_version)}/{where}{kind.resource}/{{name}}"] = {"patch": operation}
    return paths
