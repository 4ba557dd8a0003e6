"""What can be done to deployments, stateful sets, daemon sets and replica sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cockpit.model import errors
from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Deed, Means, job, sources, what
from cockpit.pods.actions.rollout import Pause, Restart, Rollout, SetImage, Status, images_of
from cockpit.pods.actions.scale import Scale, replicas_of
from cockpit.pods.actions.subject import Subject
from cockpit.pods.actions.undo import Undo
from cockpit.pods.kinds.daemonset import DAEMONSETS
from cockpit.pods.kinds.deployment import DEPLOYMENTS
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.replicaset import REPLICASETS
from cockpit.pods.kinds.workload import Workload
from cockpit.tasks.action import Action, Input, Job, Risk

Rows = Sequence[Workload]
Inputs = Mapping[str, str]


def actions(means: Means, kind: AnyKind) -> tuple[Action[Any], ...]:
    """Those that this kind has."""
    found: tuple[Action[Any], ...] = ()
    if kind is not DAEMONSETS:
        found += (_scale(means, kind),)
    if kind is not REPLICASETS:
        found += _rolled(means, kind)
    if kind is DEPLOYMENTS:
        found += _paused(means)
    return found


def _scale(means: Means, kind: AnyKind) -> Action[Any]:
    def bind(rows: Rows, inputs: Inputs) -> Job:
        replicas = replicas_of(inputs.get("replicas", ""))
        now = {row.replicas for row in rows}
        was = f" (now {', '.join(map(str, sorted(now)[:3]))})"
        stops = "; no pod of it is left" if not replicas else ""
        return job(
            means,
            Deed(f"{kind.resource}.scale", Risk.DISRUPTIVE),
            rows,
            lambda row, name: Scale(Subject.of(kind, row), name, replicas, _replicas(row)),
            lambda names: f"Scale {what(_noun(kind), names)} in {sources(rows)} to {replicas} replicas{was}{stops}",
            lambda row: f"PATCH {kind.path(row.namespace, row.name)}/scale: replicas {_replicas(row)} -> {replicas}",
        )

    return Action(
        f"{kind.resource}.scale",
        "Scale",
        "s",
        Risk.DISRUPTIVE,
        bind,
        disabled=allowed(means, "patch", kind, "scale", first=_deleting),
        inputs=(Input("replicas", "Replicas", hint="how many there shall be"),),
    )


def _rolled(means: Means, kind: AnyKind) -> tuple[Action[Any], ...]:
    noun = _noun(kind)

    def made(
        word: str,
        risk: Risk,
        effect: Callable[[Subject, str, int], Rollout],
        sentence: str,
        does: str,
        rows: Rows,
    ) -> Job:
        return job(
            means,
            Deed(f"{kind.resource}.{word}", risk),
            rows,
            lambda row, name: effect(Subject.of(kind, row), name, _generation(row)),
            lambda names: sentence.format(f"{what(noun, names)} in {sources(rows)}"),
            lambda row: f"{kind.path(row.namespace, row.name)}: {does}",
        )

    def restart(rows: Rows, _: Inputs) -> Job:
        sentence = "Restart all pods of {}, step by step"
        return made("rollout", Risk.DISRUPTIVE, lambda s, n, _: Restart(s, n), sentence, "PATCH restartedAt", rows)

    def undo(rows: Rows, inputs: Inputs) -> Job:
        text = inputs.get("revision", "").strip()
        if text and not (text.isascii() and text.isdigit() and len(text) < 10):
            raise errors.Refused(f"{text!r} is no revision; write its number, or nothing for the one before")
        revision = int(text or 0)
        to = f"revision {revision}" if revision else "the revision before the present one"
        return made(
            "undo",
            Risk.DISRUPTIVE,
            lambda s, n, g: Undo(s, n, g, revision),
            f"Roll {{}} back to {to}",
            f"PATCH its pod template to that of {to}",
            rows,
        )

    def status(rows: Rows, _: Inputs) -> Job:
        sentence = "Watch the rollout of {}"
        return made("status", Risk.SAFE, lambda s, n, _: Status(s, n), sentence, "GET until it is done", rows)

    def image(rows: Rows, inputs: Inputs) -> Job:
        containers = rows[0].containers if len({row.containers for row in rows}) == 1 else ()
        images = images_of(inputs.get("image", ""), containers)
        text = ", ".join(f"{container}={image}" for container, image in images.items())
        return made(
            "image",
            Risk.DISRUPTIVE,
            lambda s, n, g: SetImage(s, n, g, images),
            f"Set the image of {{}}: {text}".replace("{{", "{").replace("}}", "}"),
            f"PATCH images {text}",
            rows,
        )

    disabled = allowed(means, "patch", kind, first=_deleting)
    return (
        Action(f"{kind.resource}.rollout", "Rollout restart", "U", Risk.DISRUPTIVE, restart, disabled=disabled),
        Action(
            f"{kind.resource}.undo",
            "Rollout undo",
            "B",
            Risk.DISRUPTIVE,
            undo,
            disabled=disabled,
            inputs=(Input("revision", "Revision", hint="empty: the one before", required=False),),
        ),
        Action(f"{kind.resource}.status", "Rollout status", "S", Risk.SAFE, status),
        Action(
            f"{kind.resource}.image",
            "Set image",
            "i",
            Risk.DISRUPTIVE,
            image,
            disabled=disabled,
            inputs=(Input("image", "Image", hint="CONTAINER=IMAGE; the image alone where there is one container"),),
        ),
    )


def _paused(means: Means) -> tuple[Action[Any], ...]:
    def made(rows: Rows, paused: bool) -> Job:
        word = "pause" if paused else "resume"
        return job(
            means,
            Deed(f"deployments.{word}", Risk.DISRUPTIVE),
            rows,
            lambda row, name: Pause(Subject.of(DEPLOYMENTS, row), name, None, paused),
            lambda names: f"{word.capitalize()} the rollout of {what('deployment', names)} in {sources(rows)}",
            lambda row: f"PATCH {DEPLOYMENTS.path(row.namespace, row.name)}: paused {str(paused).lower()}",
        )

    def not_running(rows: Sequence[Object]) -> str | None:
        return _deleting(rows) or ("it is paused already" if all(_is_paused(row) for row in rows) else None)

    def not_paused(rows: Sequence[Object]) -> str | None:
        return _deleting(rows) or (None if any(_is_paused(row) for row in rows) else "it is not paused")

    return (
        Action(
            "deployments.pause",
            "Rollout pause",
            "P",
            Risk.DISRUPTIVE,
            lambda rows, _: made(rows, True),
            disabled=allowed(means, "patch", DEPLOYMENTS, first=not_running),
        ),
        Action(
            "deployments.resume",
            "Rollout resume",
            "C",
            Risk.DISRUPTIVE,
            lambda rows, _: made(rows, False),
            disabled=allowed(means, "patch", DEPLOYMENTS, first=not_paused),
        ),
    )


def _noun(kind: AnyKind) -> str:
    return kind.kind.lower()


def _replicas(row: Object) -> int | None:
    return row.replicas if isinstance(row, Workload) else None


def _generation(row: Object) -> int:
    assert isinstance(row, Workload)
    return row.generation


def _is_paused(row: Object) -> bool:
    return isinstance(row, Workload) and row.paused


def _deleting(rows: Sequence[Object]) -> str | None:
    if all(isinstance(row, Workload) and row.deleting for row in rows):
        return "it is being deleted"
    return None
