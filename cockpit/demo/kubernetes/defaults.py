"""What the API server fills in (pkg/apis/*/v1 defaults.go) and refuses (validation.go), as far as it is used."""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random
from typing import Any

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Kind, Object, dig
from cockpit.demo.kubernetes.refusals import invalid

JOB_NAME, JOB_UID = "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid"
WORKLOADS = (kinds.DEPLOYMENTS, kinds.REPLICASETS, kinds.STATEFULSETS, kinds.DAEMONSETS)


def pod_defaults(spec: Object) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        if isinstance(container, dict):
            container.setdefault("resources", {})
            container.setdefault("imagePullPolicy", "IfNotPresent")
            container.setdefault("terminationMessagePath", "/dev/termination-log")
            container.setdefault("terminationMessagePolicy", "File")


def labelled(item: Object) -> None:
    """A job's selector and template labels, which are made from its uid."""
    uid, name = item["metadata"]["uid"], item["metadata"]["name"]
    if not dig(item, "spec.selector.matchLabels"):
        item["spec"]["selector"] = {"matchLabels": {JOB_UID: uid}}
    labels = item["spec"]["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels |= {JOB_UID: uid, JOB_NAME: name, "controller-uid": uid, "job-name": name}


def _template(spec: Object) -> None:
    template = spec.get("template")
    if isinstance(template, dict) and isinstance(template.get("spec"), dict):
        pod_defaults(template["spec"])


def _pod(item: Object, spec: Object, random: Random) -> None:
    pod_defaults(spec)
    item.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})


def _replicaset(item: Object, spec: Object, random: Random) -> None:
    item["metadata"].setdefault("generation", 1)
    item.setdefault("status", {})
    spec.setdefault("replicas", 1)
    _template(spec)


def _deployment(item: Object, spec: Object, random: Random) -> None:
    _replicaset(item, spec, random)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")


def _statefulset(item: Object, spec: Object, random: Random) -> None:
    _replicaset(item, spec, random)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)


def _daemonset(item: Object, spec: Object, random: Random) -> None:
    item["metadata"].setdefault("generation", 1)
    item.setdefault("status", {})
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", 0)
        rolling.setdefault("maxUnavailable", 1)
    _template(spec)


def _job_spec(spec: Object) -> None:
    if "parallelism" not in spec and "completions" not in spec:
        spec["completions"] = 1
    for key, value in (
        ("parallelism", 1),
        ("backoffLimit", 6),
        ("completionMode", "NonIndexed"),
        ("suspend", False),
        ("podReplacementPolicy", "TerminatingOrFailed"),
    ):
        spec.setdefault(key, value)
    _template(spec)


def _job(item: Object, spec: Object, random: Random) -> None:
    item["metadata"].setdefault("generation", 1)
    item.setdefault("status", {})
    _job_spec(spec)
    labelled(item)


def _cronjob(item: Object, spec: Object, random: Random) -> None:
    item["metadata"].setdefault("generation", 1)
    item.setdefault("status", {})
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    _template(spec["jobTemplate"]["spec"])


def _service(item: Object, spec: Object, random: Random) -> None:
    item.setdefault("status", {"loadBalancer": {}})
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if kind != "ExternalName":
        address = spec.setdefault("clusterIP", f"10.96.{random.randrange(256)}.{random.randrange(1, 255)}")
        spec["clusterIPs"] = [address]
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        spec.setdefault("internalTrafficPolicy", "Cluster")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
        if kind in ("NodePort", "LoadBalancer"):
            port.setdefault("nodePort", random.randrange(30000, 32768))


def _ingress(item: Object, spec: Object, random: Random) -> None:
    item["metadata"].setdefault("generation", 1)
    item.setdefault("status", {"loadBalancer": {}})


def _claim(item: Object, spec: Object, random: Random) -> None:
    spec.setdefault("volumeMode", "Filesystem")
    item.setdefault("status", {"phase": "Pending"})


def _numbered(item: Object, spec: Object, random: Random) -> None:
    item["metadata"].setdefault("generation", 1)


def _secret(item: Object) -> None:
    item.setdefault("type", "Opaque")
    written = item.pop("stringData", None)
    if isinstance(written, dict):
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in written.items()}
        item["data"] = {**item.get("data", {}), **encoded}


_DEFAULTS: dict[str, Callable[[Object, Object, Random], None]] = {
    "pods": _pod,
    "replicasets": _replicaset,
    "deployments": _deployment,
    "statefulsets": _statefulset,
    "daemonsets": _daemonset,
    "jobs": _job,
    "cronjobs": _cronjob,
    "services": _service,
    "ingresses": _ingress,
    "persistentvolumeclaims": _claim,
    "poddisruptionbudgets": _numbered,
    "certificates": _numbered,
}


def defaulted(kind: Kind, item: Object, random: Random) -> None:
    """Fill in what the API server would; `random` picks addresses and ports."""
    if kind is kinds.SECRETS:
        _secret(item)
    spec: Any = item.get("spec")
    fill = _DEFAULTS.get(kind.resource)
    if fill is not None and isinstance(spec, dict):
        fill(item, spec, random)


def validate(kind: Kind, name: str, item: Object, before: Object | None = None) -> None:
    """Raises Refusal (422) for what a defaulted object may not say, or not say any more."""
    spec = item.get("spec", {})
    if kind in WORKLOADS:
        _validate_workload(kind, name, spec, before)
    elif kind is kinds.PODS and not spec.get("containers"):
        raise invalid(kind, name, "spec.containers", "Required value")
    elif kind is kinds.JOBS:
        if not dig(spec, "template.spec.containers"):
            raise invalid(kind, name, "spec.template.spec.containers", "Required value")
        if dig(spec, "template.spec.restartPolicy") == "Always":
            why = 'Required value: valid values: "OnFailure", "Never"'
            raise invalid(kind, name, "spec.template.spec.restartPolicy", why)
        if before is not None and spec["template"] != dig(before, "spec.template"):
            raise invalid(kind, name, "spec.template", "Invalid value: field is immutable")
    elif kind is kinds.BUDGETS and "minAvailable" in spec and "maxUnavailable" in spec:
        why = "Invalid value: minAvailable and maxUnavailable cannot be both set"
        raise invalid(kind, name, "spec", why)


def _validate_workload(kind: Kind, name: str, spec: Object, before: Object | None) -> None:
    replicas = spec.get("replicas", 1)
    if replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(kind, name, "spec.replicas", why)
    chosen, labels = dig(spec, "selector.matchLabels"), dig(spec, "template.metadata.labels")
    if not chosen:
        raise invalid(kind, name, "spec.selector", "Required value")
    if not set(chosen.items()) <= set((labels or {}).items()):
        why = "Invalid value: `selector` does not match template `labels`"
        raise invalid(kind, name, "spec.template.metadata.labels", why)
    if before is not None and chosen != dig(before, "spec.selector.matchLabels"):
        raise invalid(kind, name, "spec.selector", "Invalid value: field is immutable")
    if not dig(spec, "template.spec.containers"):
        raise invalid(kind, name, "spec.template.spec.containers", "Required value")
