"""printNode, printNamespace, printEvent."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.tables.cells import AGE, NAME, NONE, UNKNOWN, Printer, age, holds, since


def _event(item: Object, now: float) -> list[Any]:
    first = since(item.get("firstTimestamp") or item.get("eventTime"), now)
    count = item.get("count") or 1
    last = first if not item.get("lastTimestamp") else since(item["lastTimestamp"], now)
    about = item.get("involvedObject", {})
    source = item.get("source", {})
    return [
        last,
        item.get("type", ""),
        item.get("reason", ""),
        f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(part for part in (source.get("component"), source.get("host")) if part),
        str(item.get("message", "")).strip(),
        first,
        count,
        item["metadata"]["name"],
    ]


def _node(item: Object, now: float) -> list[Any]:
    status = item.get("status", {})
    info = status.get("nodeInfo", {})
    state = "Ready" if holds(status, "Ready") else "NotReady"
    if dig(item, "spec.unschedulable"):
        state += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = sorted(k.removeprefix(prefix) for k in item["metadata"].get("labels", {}) if k.startswith(prefix))
    addresses = {a["type"]: a["address"] for a in status.get("addresses", ())}
    return [
        item["metadata"]["name"],
        state,
        ",".join(roles) or NONE,
        age(item, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage", UNKNOWN),
        info.get("kernelVersion", UNKNOWN),
        info.get("containerRuntimeVersion", UNKNOWN),
    ]


def _namespace(item: Object, now: float) -> list[Any]:
    phase = dig(item, "status.phase")
    return [item["metadata"]["name"], phase, age(item, now)]


EVENTS: Printer = (
    (
        ("Last Seen", "string", 0),
        ("Type", "string", 0),
        ("Reason", "string", 0),
        ("Object", "string", 0),
        ("Subobject", "string", 1),
        ("Source", "string", 1),
        ("Message", "string", 0),
        ("First Seen", "string", 1),
        ("Count", "integer", 1),
        ("Name", "string", 1),
    ),
    _event,
)
NODES: Printer = (
    (
        NAME,
        ("Status", "string", 0),
        ("Roles", "string", 0),
        AGE,
        ("Version", "string", 0),
        ("Internal-IP", "string", 1),
        ("External-IP", "string", 1),
        ("OS-Image", "string", 1),
        ("Kernel-Version", "string", 1),
        ("Container-Runtime", "string", 1),
    ),
    _node,
)
NAMESPACES: Printer = ((NAME, ("Status", "string", 0), AGE), _namespace)
