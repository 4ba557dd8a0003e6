"""Addresses of objects. Names come from the server and are quoted: a hostile one must not reach another path."""

from __future__ import annotations

from urllib.parse import quote

from cockpit.pods.pod import Pod


def pod_path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{quote(pod.namespace, safe='')}/pods/{quote(pod.name, safe='')}"


def apps_path(namespace: str, plural: str, name: str) -> str:
    """A deployment, stateful set, daemon set or replica set."""
    return f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/{plural}/{quote(name, safe='')}"


def events_path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{quote(pod.namespace, safe='')}/events"
