"""Effects on chosen objects as one job: names, locks, the sentence that is asked and the lines that are previewed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cockpit.pods.actions.effects import Effect, carry_out
from cockpit.pods.api.access import Reviews
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.refusals import Forbidden
from cockpit.pods.kinds.object import Object
from cockpit.tasks.action import Job, Progress, Risk, Target

LANE = "pods"
RUN_SECONDS = 1800.0
"""Above the limits that each effect states itself, with a message of its own."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class Means:
    """What jobs need of the session. `clusters` and `reviews` know a cluster by the name of its source."""

    clusters: Mapping[str, Cluster]
    reviews: Reviews

    def target(self, row: Object, name: str = "") -> Target:
        """The object, not its name: one that replaced it is another target."""
        source = self.clusters[row.source].source
        return Target(f"pods/{row.key}", name or row.path, production=source.production, read_only=source.read_only)


@dataclass(frozen=True, slots=True)
class Deed:
    """What is the same for all targets of a job."""

    action: str
    risk: Risk
    timeout_seconds: float | None = RUN_SECONDS


def job(
    means: Means,
    deed: Deed,
    rows: Sequence[Object],
    effect: Callable[[Object, str], Effect],
    sentence: Callable[[Sequence[str]], str],
    preview: Callable[[Object], str],
    targets: Sequence[Target] = (),
) -> Job:
    """`effect` and `preview` are asked for each row, `sentence` is given the names; the sources are added to it."""
    names = named(rows) if not targets else [target.name for target in targets]
    targets = targets or tuple(means.target(row, name) for row, name in zip(rows, names, strict=True))
    effects = [effect(row, name) for row, name in zip(rows, names, strict=True)]

    def refused(effect: Effect, error: Forbidden) -> None:
        if effect.question is not None:
            means.reviews.refused(effect.source, effect.question, str(error))

    async def run(progress: Progress) -> None:
        await carry_out(means.clusters, effects, progress, refused)

    return Job(
        action=deed.action,
        sentence=sentence(names),
        targets=tuple(targets),
        run=run,
        risk=deed.risk,
        lane=LANE,
        timeout_seconds=deed.timeout_seconds,
        exclusive=frozenset(target.key for target in targets),
        preview=tuple(f"{row.source}: {preview(row)}" for row in rows),
    )


def named(rows: Sequence[Object]) -> list[str]:
    """The path; with the source before it where another one has the same path."""
    count = Counter(row.path for row in rows)
    return [row.path if count[row.path] == 1 else f"{row.source}:{row.path}" for row in rows]


def what(noun: str, names: Sequence[str]) -> str:
    """ "pod shop/web-1", "3 pods (shop/web-1, ...)"."""
    return f"{noun} {names[0]}" if len(names) == 1 else f"{len(names)} {noun}s ({listed(names)})"


def listed(names: Sequence[str]) -> str:
    """The first of them."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def sources(rows: Sequence[Object]) -> str:
    """Each once."""
    return ", ".join(dict.fromkeys(row.source for row in rows))
