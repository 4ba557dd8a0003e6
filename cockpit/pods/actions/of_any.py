"""What can be done to an object of any kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cockpit.model import errors
from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Deed, Means, job, named, sources, what
from cockpit.pods.actions.delete import Delete
from cockpit.pods.actions.subject import Subject
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object
from cockpit.tasks.action import Action, Input, Job, Risk

UNDELETED = frozenset(("events",))
"""Nobody deletes these by hand: they go by themselves."""
MOST_GRACE_SECONDS = 86_400


def actions(means: Means, kind: AnyKind) -> tuple[Action[Any], ...]:
    """Delete, and delete at once behind a typed confirmation."""
    if kind.resource in UNDELETED:
        return ()
    disabled = allowed(means, "delete", kind)
    return (
        Action(
            f"{kind.resource}.delete",
            "Delete",
            "delete",
            Risk.DESTRUCTIVE,
            lambda rows, inputs: delete_job(means, kind, rows, grace=inputs.get("grace", "")),
            disabled=disabled,
        ),
        Action(
            f"{kind.resource}.force",
            "Delete by force",
            "",
            Risk.DESTRUCTIVE,
            lambda rows, inputs: force_job(means, kind, rows, inputs),
            disabled=disabled,
            inputs=(
                Input("typed", "Its name", hint="as confirmation; of several rows their count"),
                Input("grace", "Grace in seconds", default="0", hint="0: at once, whatever the node says"),
            ),
        ),
    )


def delete_job(means: Means, kind: AnyKind, rows: Sequence[Object], *, grace: str = "", force: bool = False) -> Job:
    """Delete each and wait until it is gone. Raises errors.Refused for a grace that is none."""
    seconds = _grace(grace)
    noun = kind.kind.lower()
    how = "" if seconds is None else " at once" if seconds == 0 else f" after {seconds} s"
    risky = "; a node that cannot be reached may run it on" if seconds == 0 and noun == "pod" else ""
    return job(
        means,
        Deed(f"{kind.resource}.{'force' if force else 'delete'}", Risk.DESTRUCTIVE),
        rows,
        lambda row, name: Delete(Subject.of(kind, row), name, seconds),
        lambda names: f"Delete {what(noun, names)} in {sources(rows)}{how}{risky}",
        lambda row: f"DELETE {kind.path(row.namespace, row.name)} if its uid is {row.uid}{how}",
    )


def force_job(means: Means, kind: AnyKind, rows: Sequence[Object], inputs: Mapping[str, str]) -> Job:
    """Raises errors.Refused unless the name, or the count of several, was typed."""
    wanted = named(rows) if len(rows) == 1 else [str(len(rows))]
    typed = inputs.get("typed", "").strip()
    if typed not in (*wanted, *(row.name for row in rows if len(rows) == 1)):
        raise errors.Refused(f"type {wanted[0]} to confirm")
    return delete_job(means, kind, rows, grace=inputs.get("grace", "0").strip() or "0", force=True)


def _grace(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text) <= MOST_GRACE_SECONDS):
        raise errors.Refused(f"{text!r} is no grace period; write seconds, at most {MOST_GRACE_SECONDS}")
    return int(text)
