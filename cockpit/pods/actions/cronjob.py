"""A cron job run now (`kubectl create job --from=cronjob/...`), suspended, or let run again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from cockpit.model import errors
from cockpit.pods.actions.effects import Effect, Seen
from cockpit.pods.actions.subject import MANAGER, MERGE, Subject, written
from cockpit.pods.api.access import Question
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.wire import Condition, Metadata, Wire
from cockpit.pods.kinds.job import JOBS

JOB_SECONDS = 24 * 3600.0
"""A job may take its time; it is watched to its end, for that is what was asked for."""
NAME_CHARS = 63
"""Of a job: its pods bear it as a label (RFC 1123)."""
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Without vowels, as the API server's own suffixes: no words come of it."""


class _Template(Wire, frozen=True):
    metadata: dict[str, Any] | None = None
    spec: dict[str, Any] = msgspec.field(default_factory=dict)


class _Spec(Wire, frozen=True):
    suspend: bool | None = None
    job_template: _Template = _Template()


class _CronJob(Wire, frozen=True):
    metadata: Metadata
    spec: _Spec = _Spec()


class _JobStatus(Wire, frozen=True):
    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failed: int = 0
    conditions: tuple[Condition, ...] | None = None


class _JobSpec(Wire, frozen=True):
    completions: int | None = None


class _Job(Wire, frozen=True):
    metadata: Metadata
    spec: _JobSpec = _JobSpec()
    status: _JobStatus = _JobStatus()


@dataclass(slots=True)
class Trigger(Effect):
    """Makes a job of the template and watches it until it has ended: a job that fails is a failure."""

    subject: Subject
    name: str
    _job: Subject | None = field(default=None, init=False)
    _body: dict[str, Any] = field(default_factory=dict, init=False)

    @property
    def question(self) -> Question:
        return Question("create", JOBS, self.subject.namespace)

    @property
    def left(self) -> str:
        return f"the job {self._job.name if self._job else ''} goes on".replace("  ", " ")

    async def prepare(self, connection: Connection) -> None:
        cron = await self.subject.read(connection, _CronJob)
        template, meta = cron.spec.job_template, cron.spec.job_template.metadata or {}
        tail = "-manual-" + "".join(secrets.choice(LETTERS) for _ in range(5))
        name = self.subject.name[: NAME_CHARS - len(tail)].rstrip("-.") + tail
        owner = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": self.subject.name,
            "uid": cron.metadata.uid,
            "controller": True,
        }
        self._body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": self.subject.namespace,
                "labels": meta.get("labels") or {},
                "annotations": {**(meta.get("annotations") or {}), "cronjob.kubernetes.io/instantiate": "manual"},
                "ownerReferences": [owner],
            },
            "spec": template.spec,
        }
        self._job = Subject(JOBS, self.source, self.subject.namespace, name)
        self.note = f"makes the job {name}"

    async def send(self, connection: Connection) -> float:
        assert self._job is not None
        path = f"{JOBS.collection(self.subject.namespace)}?fieldManager={MANAGER}"
        made = written(await connection.send("POST", path, self._body))
        self._job = Subject(JOBS, self.source, self.subject.namespace, self._job.name, made.uid)
        return JOB_SECONDS

    async def look(self, connection: Connection) -> Seen:
        assert self._job is not None
        try:
            job = await self._job.read(connection, _Job)
        except errors.NotFound as error:
            raise errors.Refused(f"the job {self._job.name} was deleted before it had ended") from error
        status, total = job.status, 1 if job.spec.completions is None else job.spec.completions
        for condition in status.conditions or ():
            if condition.status == "True" and condition.type == "Complete":
                return Seen(total, total, True, f"{self._job.name} succeeded")
            if condition.status == "True" and condition.type == "Failed":
                why = condition.message or condition.reason or "no reason was given"
                raise errors.Refused(f"the job {self._job.name} failed: {why}; see the logs of its pods")
        text = f"{self._job.name} runs: {status.active} active, {status.succeeded} of {total} succeeded"
        return Seen(status.succeeded, total, False, text + (f", {status.failed} failed" if status.failed else ""))


@dataclass(slots=True)
class Suspend(Effect):
    """Whether a cron job makes jobs; those that run are not touched."""

    subject: Subject
    name: str
    suspended: bool = True
    _before: Metadata = field(default_factory=Metadata, init=False)
    anew_on_conflict: ClassVar[bool] = True

    @property
    def question(self) -> Question:
        return Question("patch", self.subject.kind, self.subject.namespace)

    async def prepare(self, connection: Connection) -> None:
        cron = await self.subject.read(connection, _CronJob)
        if bool(cron.spec.suspend) == self.suspended:
            raise errors.Refused(f"{self.subject.said} is {'suspended already' if self.suspended else 'not suspended'}")
        self._before = cron.metadata

    async def send(self, connection: Connection) -> float:
        change = {"spec": {"suspend": self.suspended}}
        await self.subject.patch(connection, change, self._before, content_type=MERGE)
        return 60.0

    async def look(self, connection: Connection) -> Seen:
        cron = await self.subject.read(connection, _CronJob)
        if bool(cron.spec.suspend) != self.suspended:
            raise errors.Refused(f"somebody else has changed {self.name} back")
        return Seen(1, 1, True, "suspended" if self.suspended else "makes jobs again")
