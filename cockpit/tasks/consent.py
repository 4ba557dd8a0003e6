"""What must be typed before a job runs: the same on the screen and on the command line."""

from __future__ import annotations

from cockpit.tasks.action import Job


def demanded(job: Job) -> str:
    """The one target's name, or the count. Empty outside production."""
    if not any(target.production for target in job.targets):
        return ""
    return job.targets[0].name if len(job.targets) == 1 else str(len(job.targets))
