"""Services (printers.go, printService); EXTERNAL-IP is whole, as in kubectl's wide view."""

from __future__ import annotations

from typing import Any

from msgspec import field

from cockpit.model.tone import Tone
from cockpit.pods.api.wire import Wire
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, NONE, UNKNOWN, listed, state, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.reading import Served, labels_text, or_none, reader
from cockpit.pods.kinds.report import ObjectReport, common


class Port(Wire, frozen=True):
    port: int = 0
    node_port: int = 0
    protocol: str = "TCP"


class Ingress(Wire, frozen=True):
    ip: str = ""
    hostname: str = ""


class LoadBalancer(Wire, frozen=True):
    ingress: tuple[Ingress, ...] | None = None


class Balanced(Wire, frozen=True):
    load_balancer: LoadBalancer = LoadBalancer()


class _Spec(Wire, frozen=True):
    type: str = "ClusterIP"
    cluster_ips: tuple[str, ...] | None = field(name="clusterIPs", default=None)
    external_ips: tuple[str, ...] | None = field(name="externalIPs", default=None)
    external_name: str = ""
    ports: tuple[Port, ...] | None = None
    selector: dict[str, str] | None = None


class _Served(Served, frozen=True):
    spec: _Spec = _Spec()
    status: Balanced = Balanced()


class Service(Object, frozen=True, gc=False):
    type: str
    cluster_ip: str
    external_ip: str
    ports: str
    """ "80/TCP,443:30443/TCP"."""
    selector: str
    """Of its pods, as the server takes it; empty: none."""


class ServiceReport(ObjectReport, frozen=True, kw_only=True):
    type: str
    cluster_ip: str | None
    external_ip: str | None
    ports: str | None
    selector: str | None


def tone(row: Service) -> Tone:
    """A load balancer that has no address yet is on its way, or stuck."""
    return Tone.WARN if row.external_ip == "<pending>" else Tone.NORMAL


def balancer_text(status: Balanced) -> str:
    """Addresses of a load balancer, sorted."""
    return ",".join(sorted({each.ip or each.hostname for each in status.load_balancer.ingress or ()} - {""}))


def _external(spec: _Spec, status: Balanced) -> str:
    own = list(spec.external_ips or ())
    match spec.type:
        case "ClusterIP" | "NodePort":
            return listed(own)
        case "LoadBalancer":
            return listed([*filter(None, [balancer_text(status)]), *own], "<pending>")
        case "ExternalName":
            return spec.external_name
        case _:
            return UNKNOWN


def _port(port: Port) -> str:
    return f"{port.port}:{port.node_port}/{port.protocol}" if port.node_port else f"{port.port}/{port.protocol}"


def _row(base: dict[str, Any], found: _Served) -> Service:
    spec = found.spec
    return Service(
        **base,
        type=spec.type,
        cluster_ip=spec.cluster_ips[0] if spec.cluster_ips else NONE,
        external_ip=_external(spec, found.status),
        ports=listed(map(_port, spec.ports or ())),
        selector=labels_text(spec.selector),
    )


def _report(row: Service, now: float) -> ServiceReport:
    return ServiceReport(
        **common(row, now),
        type=row.type,
        cluster_ip=None if row.cluster_ip == NONE else row.cluster_ip,
        external_ip=None if row.external_ip in (NONE, "") else row.external_ip,
        ports=None if row.ports == NONE else row.ports,
        selector=row.selector or None,
    )


SERVICES: Kind[Service] = Kind(
    resource="services",
    kind="Service",
    group_version="v1",
    short=("svc",),
    decode=reader("service", _Served, _row),
    columns=(
        NAMESPACE,
        NAME,
        words("TYPE", 12, lambda r: r.type),
        words("CLUSTER-IP", 14, lambda r: r.cluster_ip),
        state("EXTERNAL-IP", 14, lambda r: r.external_ip, tone),
        words("PORT(S)", 16, lambda r: r.ports, least=8),
        AGE,
        words("SELECTOR", 20, lambda r: or_none(r.selector), wide=True, least=8),
    ),
    tone=tone,
    report=_report,
    search=lambda r: f"{r.source} {r.path} {r.type} {r.cluster_ip} {r.external_ip} {r.ports}".lower(),
    sort="namespace",
)
