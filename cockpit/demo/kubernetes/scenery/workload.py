"""What controls the pods of the cast: deployments, sets and jobs as objects."""

from __future__ import annotations

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.defaults import defaulted
from cockpit.demo.kubernetes.kinds import Kind, Object
from cockpit.demo.kubernetes.scenery.cast import Workload, template_of
from cockpit.demo.kubernetes.store import Store, timestamp

OWNERS = {
    "Deployment": kinds.DEPLOYMENTS,
    "StatefulSet": kinds.STATEFULSETS,
    "DaemonSet": kinds.DAEMONSETS,
    "Job": kinds.JOBS,
}


def workload(each: Workload, kind: Kind, store: Store, born: float) -> Object:
    template = template_of(each)
    metadata: Object = {
        "name": each.name,
        "namespace": each.space,
        "uid": store.uid(),
        "labels": dict(template["metadata"]["labels"]),
        "creationTimestamp": timestamp(born),
    }
    spec: Object = {"template": template}
    if kind is not kinds.JOBS:
        spec["selector"] = {"matchLabels": {"app": each.name}}
    if kind in (kinds.DEPLOYMENTS, kinds.STATEFULSETS):
        spec["replicas"] = each.replicas
    item: Object = {"metadata": metadata, "spec": spec}
    if kind is kinds.STATEFULSETS:
        spec["serviceName"] = each.name
        template["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/var/lib/data"}]
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "40Gi"}}}
        spec["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": claim}]
    if kind is kinds.JOBS:
        spec["backoffLimit"] = 1
        item["status"] = _ended(each, born)
    defaulted(kind, item, store.random)
    return item


def _ended(each: Workload, born: float) -> Object:
    """A job of the past: it has succeeded or failed."""
    stop = timestamp(born + (200 if each.behaviour == "complete" else 140))
    status: Object = {"startTime": timestamp(born + 1), "ready": 0, "uncountedTerminatedPods": {}}
    if each.behaviour == "complete":
        told = ("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        status |= {"succeeded": each.replicas, "completionTime": stop}
    else:
        told = ("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        status["failed"] = each.replicas
    kind, reason, message = told
    status["conditions"] = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastProbeTime": stop,
            "lastTransitionTime": stop,
        }
    ]
    return status
