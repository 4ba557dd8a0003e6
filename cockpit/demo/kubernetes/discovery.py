"""What a client asks to learn what there is: /version, /api, /apis in the unaggregated form that all kubectls take."""

from __future__ import annotations

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Object

VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64", "goVersion": "go1.26.1"}


def fixed(path: str) -> Object | None:
    """The answer to a discovery path, None for any other."""
    groups: list[Object] = [
        {
            "name": "apps",
            "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
            "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
        }
    ]
    match path.rstrip("/"):
        case "/version":
            return dict(VERSION)
        case "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        case "/apis":
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case "/apis/apps":
            return {"kind": "APIGroup", "apiVersion": "v1", **groups[0]}
        case "/api/v1" | "/apis/apps/v1" as root:
            version = root.removeprefix("/apis/").removeprefix("/api/")
            entries = [e for kind in kinds.KINDS.values() if kind.group_version == version for e in kind.discovery()]
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": entries}
    return None
