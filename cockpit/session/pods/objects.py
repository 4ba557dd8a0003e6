"""A pane of objects of any kind: what `:deployments` opens, and where a drill leads.

`>` goes from an object down to what it owns or selects, `<` up to what owns it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cockpit.feeds.adapter import Adapter
from cockpit.feeds.feed import Feed
from cockpit.pods.actions.catalogue import actions_for, actions_inside
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.kinds.anything import anything
from cockpit.pods.kinds.columns import SOURCE
from cockpit.pods.kinds.container import COLUMNS as CONTAINER_COLUMNS
from cockpit.pods.kinds.container import Container, search_container
from cockpit.pods.kinds.container import report as container_report
from cockpit.pods.kinds.cronjob import CronJob
from cockpit.pods.kinds.job import JOBS
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.node import NODES
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.mounting import MOUNTING
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.registry import find
from cockpit.pods.kinds.secret import SECRETS, Secret
from cockpit.pods.kinds.secretkey import COLUMNS as KEY_COLUMNS
from cockpit.pods.kinds.secretkey import SecretKey
from cockpit.pods.kinds.secretkey import report as key_report
from cockpit.pods.logs.view import pod_logs, workload_logs
from cockpit.pods.views.catalogue import views
from cockpit.pods.views.objects import object_views
from cockpit.pods.views.secret import key_views
from cockpit.pods.watch.adapter import EVERYTHING, ObjectsAdapter
from cockpit.pods.watch.containers import ContainersAdapter
from cockpit.pods.watch.keys import SecretKeysAdapter
from cockpit.pods.watch.owner import kind_of_owner
from cockpit.pods.watch.selection import Selection
from cockpit.pods.watch.single import SingleAdapter
from cockpit.pods.watch.usage import MeasuredAdapter
from cockpit.session.pane import Drill, Pane
from cockpit.session.pods.ways import DISCOVERY, DOWN, UP, Ways
from cockpit.tasks.action import Target

_SELECTING = frozenset(("deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "services"))
_NEVER_OWNED = frozenset(("namespaces", "nodes", "events"))


def objects_pane(
    clusters: Mapping[str, Cluster],
    kind: AnyKind,
    *,
    title: str = "",
    selection: Selection = EVERYTHING,
    accepts: Callable[[Any], bool] | None = None,
    adapters: Sequence[Adapter[Any]] = (),
) -> Pane[Any]:
    """`clusters` by the name of their source. No I/O. `adapters` read them otherwise than a list and a watch do."""
    chosen = adapters or [adapter(cluster, kind, selection, accepts) for cluster in clusters.values()]
    feed: Feed[Any] = Feed(chosen)
    led = drills(clusters, kind)
    return Pane(
        name=kind.resource,
        title=title or kind.title,
        feed=feed,
        columns=(SOURCE, *kind.columns) if len(chosen) > 1 else kind.columns,
        sort=kind.sort,
        descending=kind.descending,
        report=kind.report,
        target=lambda row: target(clusters, kind, row),
        search=kind.search,
        subject=lambda row: row.workload if isinstance(row, Pod) else row.name,
        actions=actions_for(clusters, kind) if kind.group_version else (),
        views=views(clusters) if kind is PODS else object_views(clusters, kind) if kind.group_version else (),
        logs=pod_logs(clusters) if kind is PODS else workload_logs(clusters, kind),
        drills=led,
        **ways(clusters, kind).fields(feed, led, selection.labels),
        **_marks(clusters),
    )


def ways(clusters: Mapping[str, Cluster], kind: AnyKind) -> Ways:
    """From a pane of this kind to others."""
    return Ways(clusters, kind, objects_pane, adapter)


def adapter(
    cluster: Cluster, kind: AnyKind, selection: Selection = EVERYTHING, accepts: Callable[[Any], bool] | None = None
) -> Adapter[Any]:
    """What is used is measured where rows can show it."""
    rows: ObjectsAdapter[Any] = ObjectsAdapter(cluster, kind, selection, accepts)
    return MeasuredAdapter(rows, kind.resource, selection) if kind is PODS or kind is NODES else rows


def target(clusters: Mapping[str, Cluster], kind: AnyKind, row: Object) -> Target:
    """This object and not its name: one that replaced it is another target."""
    source = clusters[row.source].source
    return Target(f"{kind.resource}/{row.key}", row.path, production=source.production, read_only=source.read_only)


def containers_pane(clusters: Mapping[str, Cluster], pod: Pod) -> Pane[Container]:
    """The containers of a pod, in the order in which they start."""
    cluster = clusters[pod.source]
    return Pane(
        name="containers",
        title="Containers",
        feed=Feed([ContainersAdapter(cluster, pod)]),
        columns=CONTAINER_COLUMNS,
        sort="order",
        report=container_report,
        target=lambda row: Target(
            f"containers/{row.key}",
            f"{pod.path}/{row.name}",
            production=cluster.source.production,
            read_only=cluster.source.read_only,
        ),
        search=search_container,
        subject=lambda row: row.name,
        actions=actions_inside(clusters, pod),
        **_marks({cluster.name: cluster}),
    )


def keys_pane(clusters: Mapping[str, Cluster], secret: Secret) -> Pane[SecretKey]:
    """The keys of a secret; a value is shown when it is asked for."""
    cluster = clusters[secret.source]
    return Pane(
        name="keys",
        title="Keys",
        feed=Feed([SecretKeysAdapter(cluster, secret)]),
        columns=KEY_COLUMNS,
        sort="name",
        report=key_report,
        target=lambda row: target(clusters, SECRETS, row),
        search=lambda row: row.name.lower(),
        subject=lambda row: row.owner,
        views=key_views(clusters, secret.uid),
        **_marks({cluster.name: cluster}),
    )


def drills(clusters: Mapping[str, Cluster], kind: AnyKind) -> tuple[Drill[Any], ...]:
    """Where the rows of this kind lead."""
    of = kind.resource
    found: list[Drill[Any]] = []
    match of:
        case "pods":
            found.append(
                Drill(
                    "pods.containers",
                    "Containers",
                    DOWN,
                    lambda row: containers_pane(clusters, row),
                    commands=(("containers.shell", "s", "Shell"),),
                )
            )
        case "cronjobs":
            found.append(Drill("cronjobs.jobs", "Jobs", DOWN, lambda row: _jobs(clusters, row)))
        case "nodes":
            found.append(Drill("nodes.pods", "Pods", DOWN, lambda row: _pods_on(clusters, row)))
        case "namespaces":
            found.append(Drill("namespaces.pods", "Pods", DOWN, lambda row: _pods_in(clusters, row)))
        case "persistentvolumeclaims":
            found.append(Drill(f"{of}.pods", "Pods", DOWN, lambda row: _pods_mounting(clusters, row)))
        case "secrets":
            found.append(
                Drill(
                    "secrets.keys",
                    "Keys",
                    DOWN,
                    lambda row: keys_pane(clusters, row),
                    commands=(("keys.reveal", "v", "Reveal the value"),),
                )
            )
        case _ if of in _SELECTING:
            found.append(
                Drill(f"{of}.pods", "Pods", DOWN, lambda row: _pods_of(clusters, kind, row), disabled=_selects_none)
            )
        case _:
            pass
    if of not in _NEVER_OWNED:
        found.append(
            Drill(f"{of}.owner", "Owner", UP, lambda row: _owner(clusters, kind, row), disabled=_owned_by_none)
        )
    return tuple(found)


def _selects_none(row: Any) -> str | None:
    return None if row.selector else "it selects no pods"


def _owned_by_none(row: Object) -> str | None:
    return None if row.owner else "nothing owns it"


def _here(clusters: Mapping[str, Cluster], row: Object) -> dict[str, Cluster]:
    return {row.source: clusters[row.source]}


def _pods_of(clusters: Mapping[str, Cluster], kind: AnyKind, row: Any) -> Pane[Any]:
    """The server selects by label; of workloads with the same labels only the owner's are kept."""
    selection = Selection(namespaces=(row.namespace,), labels=row.selector)
    return objects_pane(_here(clusters, row), PODS, selection=selection, accepts=_belongs(kind, row))


def _belongs(kind: AnyKind, row: Object) -> Callable[[Pod], bool] | None:
    match kind.kind:
        case "Service":
            return None
        case "Deployment":
            return lambda pod: pod.owner_kind == "ReplicaSet" and pod.workload == row.name
        case _:
            return lambda pod: pod.owner_kind == kind.kind and pod.owner == row.name


def _pods_on(clusters: Mapping[str, Cluster], node: Object) -> Pane[Any]:
    return objects_pane(_here(clusters, node), PODS, selection=Selection(fields=f"spec.nodeName={node.name}"))


def _pods_in(clusters: Mapping[str, Cluster], namespace: Object) -> Pane[Any]:
    return objects_pane(_here(clusters, namespace), PODS, selection=Selection(namespaces=(namespace.name,)))


def _pods_mounting(clusters: Mapping[str, Cluster], claim: Object) -> Pane[Any]:
    selection = Selection(namespaces=(claim.namespace,))
    rows = ObjectsAdapter(clusters[claim.source], MOUNTING, selection, lambda pod: claim.name in pod.claims)
    measured = MeasuredAdapter(rows, PODS.resource, selection)
    return objects_pane(_here(clusters, claim), PODS, selection=selection, adapters=[measured])


def _jobs(clusters: Mapping[str, Cluster], cronjob: CronJob) -> Pane[Any]:
    return objects_pane(
        _here(clusters, cronjob),
        JOBS,
        selection=Selection(namespaces=(cronjob.namespace,)),
        accepts=lambda job: job.owner_kind == "CronJob" and job.owner == cronjob.name,
    )


def _owner(clusters: Mapping[str, Cluster], kind: AnyKind, row: Object) -> Pane[Any]:
    """Of a kind that is not known here the server is asked for its name, and the metadata is shown."""

    async def owners(connection: Connection) -> AnyKind:
        return await kind_of_owner(connection, DISCOVERY, kind, row)

    what = f"{row.owner_kind} {row.owner}, the owner of {row.path},"
    single = SingleAdapter(clusters[row.source], row.namespace, row.owner, what, owners)
    shown = find(row.owner_kind) or anything(row.owner_kind, row.owner_kind.lower(), "", namespaced=True)
    return objects_pane(_here(clusters, row), shown, title=row.owner_kind, adapters=[single])


def _marks(clusters: Mapping[str, Cluster]) -> dict[str, Any]:
    sources = [cluster.source for cluster in clusters.values()]
    return {
        "notes": lambda: [source.note for source in sources if source.note],
        "production": frozenset(source.name for source in sources if source.production),
        "read_only": bool(sources) and all(source.read_only for source in sources),
    }
