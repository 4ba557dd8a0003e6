"""What can be done to the objects of a kind. The session asks for each pane, the command line for each command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.pods.actions import of_any, of_cronjobs, of_nodes, of_pods, of_workloads
from cockpit.pods.actions.batch import Means
from cockpit.pods.actions.command import command_actions
from cockpit.pods.actions.edit import edit_actions
from cockpit.pods.actions.exec import container_actions, shell_actions
from cockpit.pods.actions.forward import forward_actions
from cockpit.pods.api.access import Reviews
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.cronjob import CRONJOBS
from cockpit.pods.kinds.daemonset import DAEMONSETS
from cockpit.pods.kinds.deployment import DEPLOYMENTS
from cockpit.pods.kinds.event import EVENTS
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.node import NODES
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.replicaset import REPLICASETS
from cockpit.pods.kinds.statefulset import STATEFULSETS
from cockpit.tasks.action import Action, Target


def actions_for(
    clusters: Mapping[str, Cluster], kind: AnyKind, reviews: Reviews | None = None
) -> tuple[Action[Any], ...]:
    """Of the pane of this kind; ids are "<resource>.<word>". `clusters` by the name of their source.

    `reviews`: to share what the server has said of permissions among panes. No I/O.
    """
    means = Means(clusters, reviews or Reviews(clusters))
    own: tuple[Action[Any], ...] = ()
    if kind is PODS:
        own = (*shell_actions(means), *command_actions(means), *forward_actions(means), *of_pods.actions(means))
    elif kind is NODES:
        own = of_nodes.actions(means)
    elif kind is CRONJOBS:
        own = of_cronjobs.actions(means)
    elif kind in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, REPLICASETS):
        own = of_workloads.actions(means, kind)
    edits = () if kind is EVENTS else edit_actions(means, kind)
    return (*own, *edits, *of_any.actions(means, kind))


def actions(clusters: Mapping[str, Cluster]) -> tuple[Action[Any], ...]:
    """Of the pods' own pane."""
    return actions_for(clusters, PODS)


def actions_inside(clusters: Mapping[str, Cluster], pod: Pod) -> tuple[Action[Any], ...]:
    """Of the pane of this pod's containers."""
    return container_actions(Means(clusters, Reviews(clusters)), pod)


def target(clusters: Mapping[str, Cluster], row: Object, name: str = "") -> Target:
    """The object, not its name: one that replaced it is another target."""
    return Means(clusters, Reviews(clusters)).target(row, name)
