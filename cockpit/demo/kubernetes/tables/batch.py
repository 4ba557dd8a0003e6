"""printJob, printCronJob."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.store import parse_stamp
from cockpit.demo.kubernetes.tables.cells import (
    NAME,
    NONE,
    UNSET,
    WORKLOAD,
    Printer,
    age,
    containers,
    holds,
    human_duration,
    pairs,
    selector,
    since,
)


def _job_state(item: Object) -> str:
    for condition, shown in (("Complete", "Complete"), ("Failed", "Failed")):
        if holds(item.get("status", {}), condition):
            return shown
    if dig(item, "metadata.deletionTimestamp"):
        return "Terminating"
    for condition in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if holds(item.get("status", {}), condition):
            return condition
    return "Running"


def _job(item: Object, now: float) -> list[Any]:
    spec, status = item["spec"], item.get("status", {})
    done = status.get("succeeded", 0)
    parallel = spec.get("parallelism") or 0
    if spec.get("completions") is not None:
        completions = f"{done}/{spec['completions']}"
    else:
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    began, ended = parse_stamp(status.get("startTime")), parse_stamp(status.get("completionTime"))
    return [
        item["metadata"]["name"],
        _job_state(item),
        completions,
        "" if began is None else human_duration((now if ended is None else ended) - began),
        age(item, now),
        *containers(spec.get("template")),
        selector(item),
    ]


def _cronjob(item: Object, now: float) -> list[Any]:
    spec, status = item["spec"], item.get("status", {})
    suspend, last = spec.get("suspend"), status.get("lastScheduleTime")
    return [
        item["metadata"]["name"],
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        UNSET if suspend is None else str(bool(suspend)),
        len(status.get("active") or ()),
        since(last, now) if last else NONE,
        age(item, now),
        *containers(dig(spec, "jobTemplate.spec.template")),
        pairs(dig(spec, "jobTemplate.spec.selector.matchLabels")),
    ]


JOBS: Printer = (
    (NAME, ("Status", "string", 0), ("Completions", "string", 0), ("Duration", "string", 0), *WORKLOAD),
    _job,
)
CRONJOBS: Printer = (
    (
        NAME,
        ("Schedule", "string", 0),
        ("Timezone", "string", 0),
        ("Suspend", "boolean", 0),
        ("Active", "integer", 0),
        ("Last Schedule", "string", 0),
        *WORKLOAD,
    ),
    _cronjob,
)
