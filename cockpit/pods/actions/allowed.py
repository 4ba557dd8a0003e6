"""Greyed by what the server allows, as far as that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from cockpit.pods.actions.batch import Means
from cockpit.pods.api.access import Question
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object

LOOKED_AT = 1000
"""Marked rows whose namespaces are asked about; of more, the first."""
NAMESPACES = 16

Why = Callable[[Sequence[Object]], str | None]


def allowed(
    means: Means, verb: str, kind: AnyKind, sub: str = "", *, everywhere: bool = False, first: Why | None = None
) -> Why:
    """A `disabled`: what `first` says, else what forbids `verb`. `everywhere`: asked of all namespaces at once."""

    def why(rows: Sequence[Object]) -> str | None:
        if first is not None and (said := first(rows)):
            return said
        return means.reviews.why_not(
            (source, Question(verb, kind, namespace, sub)) for source, namespace in _places(rows, everywhere)
        )

    return why


def _places(rows: Sequence[Object], everywhere: bool) -> Iterator[tuple[str, str]]:
    found = dict.fromkeys((row.source, "" if everywhere else row.namespace) for row in rows[:LOOKED_AT])
    return islice(found, NAMESPACES)
