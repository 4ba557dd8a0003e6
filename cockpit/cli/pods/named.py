"""Which pod is meant: [SOURCE:]NAMESPACE/NAME."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cockpit.config.settings import Settings
    from cockpit.pods.api.connection import Cluster
    from cockpit.tasks.action import Target

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes: it did not succeed; bad usage; interrupted."""


class Named(NamedTuple):
    """A pod by its name: whichever pod bears it now."""

    cluster: Cluster
    namespace: str
    name: str
    target: Target


def named(settings: Settings, text: str, *, yes: bool) -> Named:
    """Raises errors.Refused. Without `yes` production is refused: nobody is there to be asked."""
    from cockpit.model import errors
    from cockpit.pods.api.connection import Cluster
    from cockpit.tasks.action import Target

    head, colon, path = text.rpartition(":")
    namespace, slash, name = path.partition("/")
    if not slash or not namespace or not name or "/" in name:
        raise errors.Refused(f"{text!r}: write NAMESPACE/POD, or SOURCE:NAMESPACE/POD")
    sources = {source.name: source for source in settings.pods}
    if not sources:
        raise errors.Refused("no cluster is configured; write [[pods]] with name, kubeconfig and context")
    if colon and head not in sources:
        raise errors.Refused(f"there is no source {head!r}; there are: {', '.join(sources)}")
    if not colon and len(sources) > 1:
        raise errors.Refused(f"several clusters are configured; write one before it: {', '.join(sources)}")
    source = sources[head] if colon else next(iter(sources.values()))
    if settings.ui.read_only:
        raise errors.Refused("cockpit is read-only here")
    if source.production and not yes:
        raise errors.Refused(f"{source.name} is in production; to do it there write --yes")
    key = f"pods/{source.name}/{namespace}/{name}"
    target = Target(key, path, production=source.production, read_only=source.read_only)
    return Named(Cluster(source), namespace, name, target)
