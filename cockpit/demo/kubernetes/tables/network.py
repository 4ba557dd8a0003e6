"""printService, printIngress."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.tables.cells import AGE, NAME, NONE, UNKNOWN, Printer, age, pairs


def _balancer(item: Object) -> list[str]:
    return [entry.get("ip") or entry.get("hostname", "") for entry in dig(item, "status.loadBalancer.ingress") or ()]


def _external(item: Object) -> str:
    spec = item["spec"]
    given = list(spec.get("externalIPs") or ())
    match spec.get("type", "ClusterIP"):
        case "ClusterIP" | "NodePort":
            return ",".join(given) or NONE
        case "LoadBalancer":
            return ",".join(_balancer(item) + given) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
    return UNKNOWN


def _port(port: Object) -> str:
    number = f"{port['port']}:{port['nodePort']}" if port.get("nodePort") else str(port["port"])
    return f"{number}/{port.get('protocol', 'TCP')}"


def _service(item: Object, now: float) -> list[Any]:
    spec = item["spec"]
    return [
        item["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        (spec.get("clusterIPs") or [NONE])[0],
        _external(item),
        ",".join(map(_port, spec.get("ports") or ())) or NONE,
        age(item, now),
        pairs(spec.get("selector")),
    ]


def _ingress(item: Object, now: float) -> list[Any]:
    spec = item["spec"]
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    return [
        item["metadata"]["name"],
        spec.get("ingressClassName") or NONE,
        ",".join(hosts) or "*",
        ",".join(_balancer(item)),
        "80, 443" if spec.get("tls") else "80",
        age(item, now),
    ]


SERVICES: Printer = (
    (
        NAME,
        ("Type", "string", 0),
        ("Cluster-IP", "string", 0),
        ("External-IP", "string", 0),
        ("Port(s)", "string", 0),
        AGE,
        ("Selector", "string", 1),
    ),
    _service,
)
INGRESSES: Printer = (
    (NAME, ("Class", "string", 0), ("Hosts", "string", 0), ("Address", "string", 0), ("Ports", "string", 0), AGE),
    _ingress,
)
