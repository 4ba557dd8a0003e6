"""What can be looked into of a pod."""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.listing.views import View
from cockpit.pods.connection import Cluster
from cockpit.pods.describe import describe, events
from cockpit.pods.logs import logs
from cockpit.pods.manifest import yaml_lines
from cockpit.pods.pod import Pod


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
        View("pods.events", "Events", "e", lambda pod: events(clusters[pod.source], pod)),
        View("pods.yaml", "YAML", "y", lambda pod: yaml_lines(clusters[pod.source], pod), syntax="yaml"),
    )
