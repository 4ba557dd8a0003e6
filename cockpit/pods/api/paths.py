"""Addresses of objects. Names come from the server and are quoted: a hostile one must not reach another path."""

from __future__ import annotations

from urllib.parse import quote

from cockpit.model import errors


def collection_path(group_version: str, resource: str, namespace: str) -> str:
    """All objects of a resource in a namespace; "" is all namespaces, or none where the resource has none."""
    within = f"namespaces/{_segment(namespace)}/" if namespace else ""
    return f"{_root(group_version)}/{within}{_segment(resource)}"


def object_path(group_version: str, resource: str, namespace: str, name: str) -> str:
    """One object. Raises errors.Malformed for a name that none can have."""
    return f"{collection_path(group_version, resource, namespace)}/{_segment(name)}"


def pod_path(namespace: str, name: str) -> str:
    return object_path("v1", "pods", namespace, name)


def _root(group_version: str) -> str:
    group, _, version = group_version.rpartition("/")
    return f"/apis/{_segment(group)}/{_segment(version)}" if group else f"/api/{_segment(version)}"


def _segment(name: str) -> str:
    """Raises errors.Malformed for what would name another place: "..", or nothing."""
    if name.strip(".") == "":
        raise errors.Malformed(f"{name!r} is no name of an object")
    return quote(name, safe="")
