"""What can be done to nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cockpit.model import errors
from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Deed, Means, job, sources, what
from cockpit.pods.actions.cordon import Cordon
from cockpit.pods.actions.drain import Consent, Drain
from cockpit.pods.actions.subject import Subject
from cockpit.pods.kinds.node import NODES, Node
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.tasks.action import Action, Input, Job, Risk

YES, NO = frozenset(("y", "yes", "true")), frozenset(("n", "no", "false", ""))
MOST_SECONDS = 7 * 24 * 3600


def actions(means: Means) -> tuple[Action[Any], ...]:
    """Cordon, uncordon and drain."""
    return (
        Action(
            "nodes.cordon",
            "Cordon",
            "C",
            Risk.DISRUPTIVE,
            lambda rows, _: cordon_job(means, rows, cordoned=True),
            disabled=allowed(means, "patch", NODES, first=lambda rows: _all(rows, True, "it is cordoned already")),
        ),
        Action(
            "nodes.uncordon",
            "Uncordon",
            "U",
            Risk.SAFE,
            lambda rows, _: cordon_job(means, rows, cordoned=False),
            disabled=allowed(means, "patch", NODES, first=lambda rows: _all(rows, False, "it is not cordoned")),
        ),
        Action(
            "nodes.drain",
            "Drain",
            "D",
            Risk.DISRUPTIVE,
            lambda rows, inputs: drain_job(means, rows, consent(inputs)),
            disabled=allowed(means, "create", PODS, "eviction", everywhere=True, first=allowed(means, "patch", NODES)),
            inputs=(
                Input("bare", "Bare pods too", default="no", hint="yes: delete pods that nothing makes again"),
                Input("empty_dir", "emptyDir data too", default="no", hint="yes: their data is lost"),
                Input("timeout", "Seconds at most", default="0", hint="0: however long it takes"),
                Input("grace", "Grace in seconds", hint="empty: each pod's own", required=False),
            ),
        ),
    )


def cordon_job(means: Means, rows: Sequence[Object], *, cordoned: bool) -> Job:
    """Whether they take new pods."""
    word = "cordon" if cordoned else "uncordon"
    return job(
        means,
        Deed(f"nodes.{word}", Risk.DISRUPTIVE if cordoned else Risk.SAFE),
        rows,
        lambda row, name: Cordon(Subject.of(NODES, row), name, cordoned),
        lambda names: f"{word.capitalize()} {what('node', names)} in {sources(rows)}",
        lambda row: f"PATCH {NODES.path('', row.name)}: unschedulable {str(cordoned).lower()}",
    )


def drain_job(means: Means, rows: Sequence[Object], agreed: Consent) -> Job:
    """Cordon them and evict their pods. Destructive with pods or data that do not come back."""
    lost = [word for word, said in (("bare pods", agreed.bare), ("emptyDir data", agreed.empty_dir)) if said]
    loses = f"; {' and '.join(lost)} on {'it' if len(rows) == 1 else 'them'} are lost" if lost else ""
    return job(
        means,
        Deed("nodes.drain", Risk.DESTRUCTIVE if lost else Risk.DISRUPTIVE, None),
        rows,
        lambda row, name: Drain(Subject.of(NODES, row), name, agreed),
        lambda names: f"Drain {what('node', names)} in {sources(rows)}: cordon and evict the pods{loses}",
        lambda row: f"PATCH {NODES.path('', row.name)}: unschedulable; POST an eviction for each of its pods",
    )


def consent(inputs: Mapping[str, str]) -> Consent:
    """Raises errors.Refused for what cannot be understood."""
    grace = inputs.get("grace", "").strip()
    return Consent(
        bare=_yes(inputs, "bare"),
        empty_dir=_yes(inputs, "empty_dir"),
        grace_seconds=_seconds(grace) if grace else None,
        timeout_seconds=float(_seconds(inputs.get("timeout", "").strip() or "0")),
    )


def _yes(inputs: Mapping[str, str], name: str) -> bool:
    text = inputs.get(name, "").strip().lower()
    if text not in YES | NO:
        raise errors.Refused(f"{text!r} is neither yes nor no")
    return text in YES


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= MOST_SECONDS):
        raise errors.Refused(f"{text!r} is no number of seconds, at most {MOST_SECONDS}")
    return int(text)


def _all(rows: Sequence[Object], cordoned: bool, why: str) -> str | None:
    return why if all(isinstance(row, Node) and row.unschedulable == cordoned for row in rows) else None
