"""What can be done to cron jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Deed, Means, job, sources, what
from cockpit.pods.actions.cronjob import Suspend, Trigger
from cockpit.pods.actions.subject import Subject
from cockpit.pods.kinds.cronjob import CRONJOBS, CronJob
from cockpit.pods.kinds.job import JOBS
from cockpit.pods.kinds.object import Object
from cockpit.tasks.action import Action, Job, Risk


def actions(means: Means) -> tuple[Action[Any], ...]:
    """Run it now, suspend it, let it run again."""
    return (
        Action(
            "cronjobs.trigger",
            "Run now",
            "T",
            Risk.DISRUPTIVE,
            lambda rows, _: trigger_job(means, rows),
            disabled=allowed(means, "create", JOBS),
        ),
        Action(
            "cronjobs.suspend",
            "Suspend",
            "P",
            Risk.DISRUPTIVE,
            lambda rows, _: suspend_job(means, rows, suspended=True),
            disabled=allowed(means, "patch", CRONJOBS, first=lambda rows: _all(rows, True, "it is suspended already")),
        ),
        Action(
            "cronjobs.resume",
            "Resume",
            "C",
            Risk.DISRUPTIVE,
            lambda rows, _: suspend_job(means, rows, suspended=False),
            disabled=allowed(means, "patch", CRONJOBS, first=lambda rows: _all(rows, False, "it is not suspended")),
        ),
    )


def trigger_job(means: Means, rows: Sequence[Object]) -> Job:
    """A job of each, watched until it has ended, however long that takes."""
    return job(
        means,
        Deed("cronjobs.trigger", Risk.DISRUPTIVE, None),
        rows,
        lambda row, name: Trigger(Subject.of(CRONJOBS, row), name),
        lambda names: f"Run {what('cron job', names)} in {sources(rows)} now, and watch the job to its end",
        lambda row: f"POST {JOBS.collection(row.namespace)}: a job of {row.name}",
    )


def suspend_job(means: Means, rows: Sequence[Object], *, suspended: bool) -> Job:
    """Whether they make jobs."""
    word = "suspend" if suspended else "resume"
    return job(
        means,
        Deed(f"cronjobs.{word}", Risk.DISRUPTIVE),
        rows,
        lambda row, name: Suspend(Subject.of(CRONJOBS, row), name, suspended),
        lambda names: f"{word.capitalize()} {what('cron job', names)} in {sources(rows)}",
        lambda row: f"PATCH {CRONJOBS.path(row.namespace, row.name)}: suspend {str(suspended).lower()}",
    )


def _all(rows: Sequence[Object], suspended: bool, why: str) -> str | None:
    return why if all(isinstance(row, CronJob) and bool(row.suspended) == suspended for row in rows) else None
