"""pkg/controller/cronjob: a job at each minute that a schedule names, as far back kept as the history limits say.

A schedule's fields are `*`, numbers, ranges, lists and steps; names (`MON`, `@daily`) are not known here.
"""

from __future__ import annotations

import copy
import datetime

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.controllers.jobs import ended
from cockpit.demo.kubernetes.controllers.owning import Pods, owner_reference
from cockpit.demo.kubernetes.defaults import defaulted
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.objects import Objects
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Record, Store, timestamp

_LOWEST, _HIGHEST = (0, 0, 1, 1, 0), (59, 23, 31, 12, 7)  # minute, hour, day, month, weekday (0 and 7: Sunday)


def _named(field: str, low: int, high: int) -> set[int]:
    """The numbers of one field. Raises ValueError for none that is understood."""
    numbers: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if span == "*" else int(first)
        end = high if span == "*" or (step and not last) else int(last or first)
        numbers.update(range(start, end + 1, int(step or 1)))
    return numbers


def is_due(schedule: str, moment: datetime.datetime) -> bool:
    """Whether a schedule of five fields names this minute; False for one that is not understood."""
    fields = schedule.split()
    if len(fields) != 5:
        return False
    try:
        minute, hour, day, month, weekday = map(_named, fields, _LOWEST, _HIGHEST)
    except ValueError:
        return False
    of_month, of_week = moment.day in day, bool({moment.isoweekday(), moment.isoweekday() % 7} & weekday)
    either = "*" not in (fields[2][0], fields[4][0])  # both restricted: one of the two is enough (crontab(5))
    on_day = of_month or of_week if either else of_month and of_week
    return moment.minute in minute and moment.hour in hour and moment.month in month and on_day


class CronJobs:
    def __init__(self, store: Store, objects: Objects, recorder: Recorder) -> None:
        self._store, self._objects = store, objects
        self._says = Pods(kinds.CRONJOBS, "cronjob-controller", store, objects, recorder)

    def reconcile(self, record: Record, now: float | None = None) -> bool:
        """Which jobs are at work, and how many of the ended are kept."""
        item = record.load()
        jobs = [(job, job.load()) for job in self._store.owned(record.uid, "jobs")]
        jobs.sort(key=lambda pair: pair[0].version)
        for condition, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            done = [job for job, loaded in jobs if _has(loaded, condition)]
            kept = item["spec"].get(limit, 3 if condition == "Complete" else 1)
            for job in done[: max(0, len(done) - kept)]:
                self._store.remove(kinds.JOBS, *job.key)
        status = copy.deepcopy(item.get("status") or {})
        active = [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": job.name,
                "namespace": job.namespace,
                "uid": job.uid,
                "resourceVersion": str(job.version),
            }
            for job, loaded in jobs
            if not ended(loaded)
        ]
        before = status.pop("active", [])
        if [entry["uid"] for entry in active] == [entry["uid"] for entry in before]:
            active = before
        if active:
            status["active"] = active
        self._says.report(item, status)
        return False

    def start_due(self, moment: datetime.datetime) -> None:
        """Start the jobs of every schedule that names this minute."""
        for record in self._store.all("cronjobs"):
            item = record.load()
            if item["spec"].get("suspend") or not is_due(item["spec"].get("schedule", ""), moment):
                continue
            forbidden = item["spec"].get("concurrencyPolicy") == "Forbid" and dig(item, "status.active")
            name = f"{record.name}-{int(moment.timestamp()) // 60}"
            if forbidden or self._store.get("jobs", record.namespace, name) is not None:
                continue
            self._objects.save(kinds.JOBS, job_for(self._store, item, name))
            item["status"] = {**item.get("status", {}), "lastScheduleTime": timestamp(moment.timestamp())}
            saved = self._objects.save(kinds.CRONJOBS, item)
            self._says.say(saved.load(), "SuccessfulCreate", f"Created job {name}")


def job_for(store: Store, item: Object, name: str) -> Object:
    template = copy.deepcopy(item["spec"]["jobTemplate"])
    made: Object = {
        "metadata": {
            **template.get("metadata", {}),
            "name": name,
            "namespace": item["metadata"]["namespace"],
            "uid": store.uid(),
            "ownerReferences": [owner_reference(kinds.CRONJOBS, item)],
        },
        "spec": template["spec"],
    }
    defaulted(kinds.JOBS, made, store.random)
    return made


def _has(job: Object, condition: str) -> bool:
    return any(c["type"] == condition and c["status"] == "True" for c in dig(job, "status.conditions") or ())
