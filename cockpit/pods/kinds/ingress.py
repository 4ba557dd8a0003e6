"""Ingresses (printers.go, printIngress)."""

from __future__ import annotations

from typing import Any

from cockpit.model.tone import Tone
from cockpit.pods.api.wire import Wire
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.reading import Served, or_none, reader
from cockpit.pods.kinds.report import ObjectReport, common
from cockpit.pods.kinds.service import Balanced, balancer_text

MOST_HOSTS = 3


class _Rule(Wire, frozen=True):
    host: str = ""


class _Tls(Wire, frozen=True):
    secret_name: str = ""


class _Spec(Wire, frozen=True):
    ingress_class_name: str | None = None
    rules: tuple[_Rule, ...] | None = None
    tls: tuple[_Tls, ...] | None = None


class _Served(Served, frozen=True):
    spec: _Spec = _Spec()
    status: Balanced = Balanced()


class Ingress(Object, frozen=True, gc=False):
    class_name: str
    hosts: str
    every_host: tuple[str, ...]
    address: str
    ports: str


class IngressReport(ObjectReport, frozen=True, kw_only=True):
    class_name: str | None
    hosts: tuple[str, ...]
    """Empty: every host."""
    address: str | None
    ports: str


def _hosts(rules: tuple[_Rule, ...]) -> str:
    named: list[str] = []
    more = False
    for rule in rules:
        more = more or len(named) == MOST_HOSTS
        if rule.host and not more:
            named.append(rule.host)
    if not named:
        return "*"
    return ",".join(named) + (f" + {len(rules) - MOST_HOSTS} more..." if more else "")


def _row(base: dict[str, Any], found: _Served) -> Ingress:
    rules = found.spec.rules or ()
    return Ingress(
        **base,
        class_name=found.spec.ingress_class_name or "",
        hosts=_hosts(rules),
        every_host=tuple(rule.host for rule in rules if rule.host),
        address=balancer_text(found.status),
        ports="80, 443" if found.spec.tls else "80",
    )


def _report(row: Ingress, now: float) -> IngressReport:
    return IngressReport(
        **common(row, now),
        class_name=row.class_name or None,
        hosts=row.every_host,
        address=row.address or None,
        ports=row.ports,
    )


INGRESSES: Kind[Ingress] = Kind(
    resource="ingresses",
    kind="Ingress",
    group_version="networking.k8s.io/v1",
    short=("ing",),
    decode=reader("ingress", _Served, _row),
    columns=(
        NAMESPACE,
        NAME,
        words("CLASS", 8, lambda r: or_none(r.class_name)),
        words("HOSTS", 24, lambda r: r.hosts, least=10),
        words("ADDRESS", 14, lambda r: r.address),
        words("PORTS", 7, lambda r: r.ports),
        AGE,
    ),
    tone=lambda _: Tone.NORMAL,
    report=_report,
    search=lambda r: f"{r.source} {r.path} {r.class_name} {' '.join(r.every_host)} {r.address}".lower(),
    sort="namespace",
)
