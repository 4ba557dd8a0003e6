"""Addresses of objects. Names come from the server and are quoted: a hostile one must not reach another path."""

from __future__ import annotations

from urllib.parse import quote

from cockpit.model import errors
from cockpit.pods.pod import Pod


def pods_path(namespace: str) -> str:
    """The pods of a namespace; "" is all of them."""
    return f"/api/v1/namespaces/{_segment(namespace)}/pods" if namespace else "/api/v1/pods"


def pod_path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{_segment(pod.namespace)}/pods/{_segment(pod.name)}"


def apps_path(namespace: str, plural: str, name: str) -> str:
    """A deployment, stateful set, daemon set or replica set."""
    return f"/apis/apps/v1/namespaces/{_segment(namespace)}/{plural}/{_segment(name)}"


def events_path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{_segment(pod.namespace)}/events"


def _segment(name: str) -> str:
    """Raises errors.Malformed for what would name another place: "..", or nothing."""
    if name.strip(".") == "":
        raise errors.Malformed(f"{name!r} is no name of an object")
    return quote(name, safe="")
