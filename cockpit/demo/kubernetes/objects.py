"""What a request does to an object: defaults, preconditions, generations, scale, graceful deletion."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from cockpit.demo.kubernetes import apply, kinds, patch, shapes
from cockpit.demo.kubernetes.defaults import defaulted, validate
from cockpit.demo.kubernetes.kinds import Kind, Object, dig
from cockpit.demo.kubernetes.logs import Line, Log, Logs, Voice
from cockpit.demo.kubernetes.managed import applied_before, fields_of, managed_fields
from cockpit.demo.kubernetes.refusals import (
    Refusal,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_allowed,
    not_found,
)
from cockpit.demo.kubernetes.store import Record, Store, parse_stamp, timestamp

Voices = Callable[[Object, str], tuple[Voice | None, float]]  # pod, container -> its voice and mean seconds per line
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # apimachinery/pkg/util/rand: no vowels, no words


def with_kind(kind: Kind, body: bytes) -> bytes:
    return b'{"kind":"%s","apiVersion":"%s",%s' % (kind.kind.encode(), kind.group_version.encode(), body[1:])


def suffix(store: Store, length: int = 5) -> str:
    return "".join(store.random.choice(LETTERS) for _ in range(length))


class Objects:
    """Reads and writes as the API server does them, over the plain store."""

    def __init__(self, store: Store, logs: Logs, voices: Voices) -> None:
        self.store, self.logs, self._voices = store, logs, voices

    # -- reading

    def record(self, kind: Kind, namespace: str, name: str) -> Record:
        record = self.store.get(kind.resource, namespace, name)
        if record is None:
            raise not_found(kind, name)
        return record

    def read(self, kind: Kind, namespace: str, name: str, sub: str) -> Object:
        return self._shown(kind, self.record(kind, namespace, name).load(), sub)

    @staticmethod
    def _shown(kind: Kind, item: Object, sub: str) -> Object:
        if sub != "scale":
            return {"kind": kind.kind, "apiVersion": kind.group_version, **item}
        metadata = item["metadata"]
        labels = dig(item, "spec.selector.matchLabels") or {}
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {
                key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            },
            "spec": {"replicas": item["spec"].get("replicas", 1)},
            "status": {
                "replicas": dig(item, "status.replicas") or 0,
                "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
            },
        }

    def container(self, pod: Object, asked: str) -> str:
        """The container whose log is meant. Raises Refusal when there are several or none of that name."""
        spec, name = pod["spec"], pod["metadata"]["name"]
        names = [c["name"] for c in spec.get("containers", ())]
        inits = [c["name"] for c in spec.get("initContainers", ())]
        if asked:
            if asked not in names and asked not in inits:
                raise bad_request(f"container {asked} is not valid for pod {name}")
            return asked
        if len(names) == 1:
            return str(names[0])
        choices = f"choose one of: [{' '.join(names)}]"
        if inits:
            choices += f" or one of the init containers: [{' '.join(inits)}]"
        raise bad_request(f"a container name must be specified for pod {name}, {choices}")

    def log(self, pod: Object, uid: str, container: str) -> Log:
        """The log of the container that runs or ran last. Raises Refusal while it has never run."""
        log = self.logs.current(uid, container)
        if log is not None:
            return log
        state = next((c.get("state") or {} for c in _statuses(pod) if c["name"] == container), {})
        running, terminated = state.get("running"), state.get("terminated")
        if running is None and terminated is None:
            reason = dig(state, "waiting.reason") or "ContainerCreating"
            raise bad_request(
                f'container "{container}" in pod "{pod["metadata"]["name"]}" is waiting to start: {reason}'
            )
        began = parse_stamp((running or terminated or {}).get("startedAt")) or self.logs.clock()
        voice, every = self._voices(pod, container)
        log = self.logs.begin(uid, container, began=began, voice=voice, every=every)
        if terminated is not None:
            log.end(parse_stamp(terminated.get("finishedAt")) or self.logs.clock())
        return log

    def previous_log(self, pod: Object, uid: str, container: str) -> list[Line] | None:
        """The lines of the instance before the last start; while it waits to be started again, of the last one."""
        status = next((c for c in _statuses(pod) if c["name"] == container), {})
        if "waiting" in (status.get("state") or {}) and dig(status, "lastState.terminated"):
            log = self.logs.current(uid, container)
            return list(log.lines) if log is not None else None
        return self.logs.previous(uid, container)

    # -- writing

    def save(
        self, kind: Kind, item: Object, *, manager: str = "kube-controller-manager", applied: Object | None = None
    ) -> Record:
        """Write an object with its managedFields; the caller has checked it. `applied`: as in managed.py."""
        metadata = item["metadata"]
        before = self.store.get(kind.resource, metadata.get("namespace", ""), metadata["name"])
        metadata["managedFields"] = managed_fields(
            item,
            kind.group_version,
            manager=manager,
            time=timestamp(time.time()),
            before=before.load() if before is not None else None,
            applied=applied,
        )
        return self.store.put(kind, item)

    def create(self, kind: Kind, namespace: str, sent: Any, *, manager: str, dry: bool) -> Object:
        return self._made(kind, namespace, self._body(kind, sent), manager=manager, dry=dry)

    def _body(self, kind: Kind, item: Any) -> Object:
        if not isinstance(item, dict) or item.get("kind", kind.kind) != kind.kind:
            raise bad_request(f"the body is no {kind.kind}")
        if not isinstance(item.setdefault("metadata", {}), dict):
            raise bad_request("metadata is no object")
        return item

    def _made(
        self, kind: Kind, namespace: str, item: Object, *, manager: str, dry: bool, applied: Object | None = None
    ) -> Object:
        item = shapes.without_nulls(item)
        item.pop("status", None)
        shapes.check(kind, item)
        metadata = item["metadata"]
        for given in ("uid", "creationTimestamp", "resourceVersion", "deletionTimestamp", "generation"):
            metadata.pop(given, None)
        if metadata.get("generateName") and not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + suffix(self.store)
        name = metadata.get("name", "")
        if not isinstance(name, str) or len(name) > 253 or not _NAME.fullmatch(name):
            why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
            raise invalid(kind, str(name), "metadata.name", f'Invalid value: "{name}": {why}')
        if kind.namespaced:
            if self.store.get("namespaces", "", namespace) is None:
                raise not_found(kinds.NAMESPACES, namespace)
            metadata["namespace"] = namespace
        if self.store.get(kind.resource, namespace, name) is not None:
            raise already_exists(kind, name)
        metadata["uid"] = self.store.uid()
        defaulted(kind, item, self.store.random)
        validate(kind, name, item)
        if dry:
            return self._shown(kind, item, "")
        return self._shown(kind, self.save(kind, item, manager=manager, applied=applied).load(), "")

    def update(self, kind: Kind, namespace: str, name: str, sub: str, sent: Any, *, manager: str, dry: bool) -> Object:
        if not isinstance(sent, dict):
            raise bad_request("the body is no object")
        record = self.record(kind, namespace, name)
        return self._changed(kind, record, sent, sub, manager=manager, dry=dry)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        sub: str,
        change: Any,
        content_type: str,
        *,
        manager: str,
        dry: bool,
    ) -> Object:
        record = self.record(kind, namespace, name)
        shown = self._shown(kind, record.load(), sub)
        if kind.custom and content_type == "application/strategic-merge-patch+json":
            raise Refusal(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            )
        changed = patch.apply(content_type, shown, change)
        if not isinstance(changed, dict):
            raise bad_request("the patch makes no object")
        return self._changed(kind, record, changed, sub, manager=manager, dry=dry)

    def apply(
        self, kind: Kind, namespace: str, name: str, sent: Any, *, manager: str, force: bool, dry: bool
    ) -> tuple[Object, bool]:
        """The object after a server-side apply, and whether that made it."""
        config = apply.configuration(kind, sent)
        config["metadata"].setdefault("name", name)
        fields = fields_of(config)
        record = self.store.get(kind.resource, namespace, name)
        if record is None:
            return self._made(kind, namespace, config, manager=manager, dry=dry, applied=fields), True
        changed = apply.merged(record.load(), config, manager=manager, force=force)
        return self._changed(kind, record, changed, "", manager=manager, dry=dry, applied=fields), False

    def _changed(
        self,
        kind: Kind,
        record: Record,
        item: Object,
        sub: str,
        *,
        manager: str,
        dry: bool,
        applied: Object | None = None,
    ) -> Object:
        before = record.load()
        metadata = item.get("metadata")
        version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
        if version and version != str(record.version):
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(kind, record.name, why)
        if sub == "scale":
            replicas = dig(item, "spec.replicas")
            item = record.load()
            item["spec"]["replicas"] = 0 if replicas is None else replicas
            shapes.check(kind, item)
        elif sub or not isinstance(metadata, dict):
            raise not_allowed()
        else:
            if metadata.get("name", record.name) != record.name:
                raise bad_request(f"the name of the object ({metadata.get('name')}) does not match the name on the URL")
            # What only the server sets stays as it was; the status has its own path.
            kept = (
                "uid",
                "namespace",
                "name",
                "creationTimestamp",
                "deletionTimestamp",
                "generation",
                "deletionGracePeriodSeconds",
            )
            for key in kept:
                metadata.pop(key, None)
                if key in before["metadata"]:
                    metadata[key] = before["metadata"][key]
            item.pop("status", None)
            if "status" in before:
                item["status"] = before["status"]
            item = shapes.without_nulls(item)
            shapes.check(kind, item)
            defaulted(kind, item, self.store.random)
        validate(kind, record.name, item, before)
        if item.get("spec") != before.get("spec") and "generation" in before["metadata"]:
            item["metadata"]["generation"] = before["metadata"]["generation"] + 1
        same = {k: v for k, v in item.items() if k not in ("kind", "apiVersion")} == before
        same = same and (applied is None or applied_before(before, manager) == applied)
        if dry or same:
            return self._shown(kind, item, sub)
        return self._shown(kind, self.save(kind, item, manager=manager, applied=applied).load(), sub)

    def delete(
        self, kind: Kind, namespace: str, name: str, sent: Any, query: Mapping[str, str], *, dry: bool
    ) -> Object:
        """Delete one object: a pod that runs gets its grace, all else goes at once (its dependents follow)."""
        options = shapes.delete_options(sent, query)
        record = self.record(kind, namespace, name)
        wanted = options.preconditions or shapes.Preconditions()
        if wanted.uid not in (None, record.uid):
            why = f"Precondition failed: UID in precondition: {wanted.uid}, UID in object meta: {record.uid}"
            raise conflict(kind, name, why)
        if wanted.resourceVersion not in (None, str(record.version)):
            why = f"ResourceVersion in precondition: {wanted.resourceVersion}, in object meta: {record.version}"
            raise conflict(kind, name, f"Precondition failed: {why}")
        item = record.load()
        if kind is kinds.NAMESPACES or kind is kinds.NODES:
            raise not_allowed()
        dry = dry or bool(options.dryRun)
        if kind is kinds.PODS:
            return self._shown(
                kind, self._terminate(record, item, _grace(options.gracePeriodSeconds, item), dry=dry), ""
            )
        if not dry:
            if options.propagationPolicy == "Orphan":
                self._orphan(record.uid)
            self.store.remove(kind, namespace, name)
        details = {"name": name, "kind": kind.resource, "uid": record.uid}
        if kind.group:
            details["group"] = kind.group
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def terminate(self, record: Record) -> None:
        """Delete a pod with its own grace, as controllers do."""
        item = record.load()
        self._terminate(record, item, _grace(None, item), dry=False)

    def _terminate(self, record: Record, item: Object, grace: int, *, dry: bool) -> Object:
        metadata, status = item["metadata"], item.get("status", {})
        if not dig(item, "spec.nodeName") or status.get("phase") in ("Succeeded", "Failed"):
            grace = 0
        held = metadata.get("deletionGracePeriodSeconds")
        if held is not None and held <= grace:
            return item
        metadata["deletionTimestamp"] = timestamp(time.time() + grace)
        metadata["deletionGracePeriodSeconds"] = grace
        if dry:
            return item
        if grace == 0:
            self.remove_pod(record)
            return item
        return self.store.put(kinds.PODS, item).load()

    def remove_pod(self, record: Record) -> None:
        self.store.remove(kinds.PODS, record.namespace, record.name)
        self.logs.forget(record.uid)

    def _orphan(self, uid: str) -> None:
        for kind in (kinds.REPLICASETS, kinds.JOBS, kinds.PODS):
            for record in self.store.owned(uid, kind.resource):
                item = record.load()
                references = item["metadata"]["ownerReferences"]
                item["metadata"]["ownerReferences"] = [r for r in references if r["uid"] != uid]
                self.store.put(kind, item)


def _statuses(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _grace(asked: int | None, pod: Object) -> int:
    return max(0, pod.get("spec", {}).get("terminationGracePeriodSeconds", 30) if asked is None else asked)
