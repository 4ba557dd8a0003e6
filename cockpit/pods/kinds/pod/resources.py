"""What the containers of a pod ask for and may use, summed."""

from __future__ import annotations

from msgspec import Struct

from cockpit.pods.api.wire import Amounts, Container, PodSpec
from cockpit.pods.kinds.quantity import bytes_of, millicores_of


class Summed(Struct, frozen=True, gc=False):
    """Millicores and bytes; 0: none."""

    cpu_request: int = 0
    cpu_limit: int = 0
    memory_request: int = 0
    memory_limit: int = 0


NOTHING = Summed()
_EMPTY = Amounts()


def summed(spec: PodSpec) -> Summed:
    """Of its containers and sidecars: what runs beside each other, and so what its usage is compared with."""
    containers = spec.containers or ()
    if spec.init_containers:
        containers += tuple(each for each in spec.init_containers if each.restart_policy == "Always")
    if len(containers) == 1:
        return amounts(containers[0])
    each = [amounts(container) for container in containers]
    return Summed(
        sum(one.cpu_request for one in each),
        sum(one.cpu_limit for one in each),
        sum(one.memory_request for one in each),
        sum(one.memory_limit for one in each),
    )


def amounts(container: Container) -> Summed:
    """Of one container."""
    if container.resources is None:
        return NOTHING
    requests, limits = container.resources.requests or _EMPTY, container.resources.limits or _EMPTY
    return Summed(
        millicores_of(requests.cpu) if requests.cpu is not None else 0,
        millicores_of(limits.cpu) if limits.cpu is not None else 0,
        bytes_of(requests.memory) if requests.memory is not None else 0,
        bytes_of(limits.memory) if limits.memory is not None else 0,
    )
