"""What can be looked into of a pod."""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.listing.views import View
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.logs.read import logs
from cockpit.pods.views.describe import describe
from cockpit.pods.views.events import events
from cockpit.pods.views.manifest import yaml_lines


def views(clusters: Mapping[str, Cluster]) -> tuple[View[Pod], ...]:
    """`clusters` by the name of their source."""
    return (
        View("pods.logs", "Logs", "l", lambda pod: logs(clusters[pod.source], pod), follow=True),
        View(
            "pods.previous",
            "Previous logs",
            "p",
            lambda pod: logs(clusters[pod.source], pod, previous=True),
            disabled=lambda pod: None if pod.restarts else "no container of it has been restarted",
        ),
        View("pods.describe", "Describe", "d", lambda pod: describe(clusters[pod.source], pod)),
        View("pods.events", "Events", "e", lambda pod: events(clusters[pod.source], PODS, pod)),
        View("pods.yaml", "YAML", "y", lambda pod: yaml_lines(clusters[pod.source], PODS, pod), syntax="yaml"),
    )
