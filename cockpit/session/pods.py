"""The pods pane."""

from __future__ import annotations

from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.pods.actions import actions, target
from cockpit.pods.adapter import PodsAdapter
from cockpit.pods.columns import COLUMNS, SOURCE
from cockpit.pods.moments import moments
from cockpit.pods.pod import Pod
from cockpit.pods.report import report
from cockpit.pods.views import views
from cockpit.session.pane import Pane

HINT = "add [[pods]] with name, kubeconfig and context to the config; to begin one: cockpit config init"


def build(settings: Settings) -> Pane[Pod]:
    """No I/O: the kubeconfig is read when the feed starts."""
    adapters = [PodsAdapter(source) for source in settings.pods]
    clusters = {adapter.name: adapter.cluster for adapter in adapters}
    return Pane(
        name="pods",
        title="Pods",
        feed=Feed(adapters, hint=HINT),
        columns=(SOURCE, *COLUMNS) if len(adapters) > 1 else COLUMNS,
        sort="namespace",
        report=report,
        target=lambda pod: target(clusters, pod),
        search=search,
        subject=lambda pod: pod.workload,
        actions=actions(clusters),
        views=views(clusters),
        moments=moments,
        notes=lambda: [source.note for source in settings.pods if source.note],
        production=frozenset(source.name for source in settings.pods if source.production),
        read_only=bool(settings.pods) and all(source.read_only for source in settings.pods),
    )


def search(pod: Pod) -> str:
    """Lower-case text that a filter looks into."""
    return f"{pod.source} {pod.namespace}/{pod.name} {pod.status} {pod.workload} {pod.node} {pod.ip}".lower()
