"""What stands around the workloads: services, ingresses, settings, secrets, budgets, a cron job, certificates."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.defaults import defaulted
from cockpit.demo.kubernetes.kinds import Kind, Object
from cockpit.demo.kubernetes.scenery.cast import DAY, HOUR, Workload, template_of
from cockpit.demo.kubernetes.store import Store, timestamp

Save = Callable[[Kind, Object], Any]
BALANCER = "198.51.100.20"  # the address of what is seen from outside
_SERVICES = (
    ("shop", "storefront", "ClusterIP", 80),
    ("shop", "cart", "ClusterIP", 8080),
    ("shop", "catalog", "ClusterIP", 8080),
    ("shop", "checkout", "ClusterIP", 8080),
    ("payments", "gateway", "ClusterIP", 8443),
    ("payments", "ledger", "ClusterIP", 8080),
    ("platform", "ingress-nginx", "LoadBalancer", 443),
    ("platform", "grafana", "NodePort", 3000),
    ("platform", "postgres", "Headless", 5432),
    ("kube-system", "coredns", "ClusterIP", 53),
)
_HOSTS = (("shop", "storefront", "shop.example"), ("platform", "grafana", "grafana.example"))
_SETTINGS = (
    ("shop", "storefront-settings", {"nginx.conf": "worker_processes auto;\n", "FEATURES": "search,recommendations"}),
    ("payments", "gateway-settings", {"TIMEOUT_SECONDS": "4", "UPSTREAM": "ledger:8080"}),
    ("kube-system", "coredns", {"Corefile": ".:53 {\n    errors\n    health\n}\n"}),
)
_SECRETS = (
    ("payments", "ledger-db", "Opaque", {"username": "ledger", "password": "not-a-real-password"}),
    ("shop", "registry", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": "{}"}),
    ("shop", "storefront-tls", "kubernetes.io/tls", {"tls.crt": "a certificate", "tls.key": "a key"}),
)
_BUDGETS: tuple[tuple[str, str, Object], ...] = (
    ("shop", "cart", {"minAvailable": 2}),
    ("payments", "gateway", {"maxUnavailable": 1}),
    ("platform", "postgres", {"minAvailable": 1}),
)


def furnish(store: Store, save: Save, now: float) -> None:
    def put(kind: Kind, space: str, name: str, age: float, **fields: Any) -> None:
        metadata = {"name": name, "namespace": space, "creationTimestamp": timestamp(now - age)}
        item: Object = {"metadata": metadata, **fields}
        defaulted(kind, item, store.random)
        save(kind, item)

    for space, name, kind_of, port in _SERVICES:
        spec: Object = {"selector": {"app": name}, "ports": [{"name": "main", "port": port}], "type": kind_of}
        status: Object = {"loadBalancer": {}}
        if kind_of == "Headless":
            spec |= {"type": "ClusterIP", "clusterIP": "None"}
        elif kind_of == "LoadBalancer":
            status["loadBalancer"] = {"ingress": [{"ip": BALANCER}]}
        put(kinds.SERVICES, space, name, 40 * DAY, spec=spec, status=status)
    for space, name, host in _HOSTS:
        backend = {"service": {"name": name, "port": {"name": "main"}}}
        rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        spec = {"ingressClassName": "nginx", "rules": [rule], "tls": [{"hosts": [host], "secretName": f"{name}-tls"}]}
        status = {"loadBalancer": {"ingress": [{"ip": BALANCER}]}}
        put(kinds.INGRESSES, space, name, 33 * DAY, spec=spec, status=status)
    for space, name, settings in _SETTINGS:
        put(kinds.CONFIGMAPS, space, name, 12 * DAY, data=settings)
    for space, name, kind_of, words in _SECRETS:
        data = {key: base64.b64encode(word.encode()).decode() for key, word in words.items()}
        put(kinds.SECRETS, space, name, 33 * DAY, type=kind_of, data=data)
    for space, name, limit in _BUDGETS:
        put(kinds.BUDGETS, space, name, 20 * DAY, spec={**limit, "selector": {"matchLabels": {"app": name}}})
    for name, ready, why in (
        ("storefront-tls", "True", "Certificate is up to date and has not expired"),
        ("grafana-tls", "False", "Issuing certificate as Secret does not exist"),
    ):
        condition = {"type": "Ready", "status": ready, "reason": "Ready" if ready == "True" else "DoesNotExist"}
        condition |= {"message": why, "lastTransitionTime": timestamp(now - 5 * HOUR)}
        spec = {"secretName": name, "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"}}
        space = "shop" if ready == "True" else "platform"
        put(kinds.CERTIFICATES, space, name, 33 * DAY, spec=spec, status={"conditions": [condition]})
    put(kinds.CRONJOBS, "payments", "sync-rates", 61 * DAY, spec=_cron("sync-rates", "* * * * *"))
    suspended = _cron("ledger-archive", "30 2 * * 0") | {"suspend": True}
    put(kinds.CRONJOBS, "payments", "ledger-archive", 61 * DAY, spec=suspended)


def _cron(name: str, schedule: str) -> Object:
    image = f"registry.example/pay/{name}:1.0.3"
    template = template_of(Workload("payments", name, 1, image, "worker", "complete", owner="Job"))
    return {"schedule": schedule, "jobTemplate": {"spec": {"template": template, "backoffLimit": 2}}}
