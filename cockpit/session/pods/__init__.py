"""The pods pane."""

from __future__ import annotations

from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.pods.actions.catalogue import actions, target
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.columns import SOURCE
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.logs.view import pod_logs
from cockpit.pods.moments import moments
from cockpit.pods.views.catalogue import views
from cockpit.session.pane import Pane
from cockpit.session.pods.objects import adapter, drills, ways

HINT = "add [[pods]] with name, kubeconfig and context to the config; to begin one: cockpit config init"


def build(settings: Settings) -> Pane[Pod]:
    """No I/O: the kubeconfig is read when the feed starts."""
    clusters = {source.name: Cluster(source) for source in settings.pods}
    adapters = [adapter(cluster, PODS) for cluster in clusters.values()]
    feed: Feed[Pod] = Feed(adapters, hint=HINT)
    led = drills(clusters, PODS)
    return Pane(
        name="pods",
        title="Pods",
        feed=feed,
        columns=(SOURCE, *PODS.columns) if len(adapters) > 1 else PODS.columns,
        sort=PODS.sort,
        report=PODS.report,
        target=lambda pod: target(clusters, pod),
        search=PODS.search,
        subject=lambda pod: pod.workload,
        actions=actions(clusters),
        views=views(clusters),
        logs=pod_logs(clusters),
        drills=led,
        **ways(clusters, PODS).fields(feed, led, named=True),
        moments=moments,
        notes=lambda: [source.note for source in settings.pods if source.note],
        production=frozenset(source.name for source in settings.pods if source.production),
        read_only=bool(settings.pods) and all(source.read_only for source in settings.pods),
    )
