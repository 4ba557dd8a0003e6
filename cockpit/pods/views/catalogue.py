"""What can be looked into of a pod."""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.listing.views import View
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.views.describe import describe
from cockpit.pods.views.events import events
from cockpit.pods.views.manifest import yaml_lines


def views(clusters: Mapping[str, Cluster]) -> tuple[View[Pod], ...]:
    """`clusters` by the name of their source."""
    return (
        View("pods.describe", "Describe", "d", lambda pod: describe(clusters[pod.source], pod)),
        View("pods.events", "Events", "e", lambda pod: events(clusters[pod.source], PODS, pod)),
        View("pods.yaml", "YAML", "y", lambda pod: yaml_lines(clusters[pod.source], PODS, pod), syntax="yaml"),
    )
