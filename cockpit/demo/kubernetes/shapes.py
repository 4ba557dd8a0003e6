"""What an object must look like to be taken in: the types of the fields that the simulator reads, no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from cockpit.demo.kubernetes.kinds import Kind, Object
from cockpit.demo.kubernetes.refusals import Refusal, bad_request

MOST_REPLICAS = 5_000  # of one workload: memory is the simulator's, not a cluster's
_Texts = dict[str, str]
_Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class Owner(msgspec.Struct):
    kind: str
    name: str
    uid: str
    controller: bool = False


class Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    generateName: str = ""
    labels: _Texts = {}
    annotations: _Texts = {}
    ownerReferences: list[Owner] = []
    finalizers: list[str] = []


class Container(msgspec.Struct):
    name: str
    image: str
    restartPolicy: str = ""
    env: list[Object] = []
    ports: list[Object] = []
    volumeMounts: list[Object] = []


class PodSpec(msgspec.Struct):
    containers: list[Container]
    initContainers: list[Container] = []
    volumes: list[Object] = []
    nodeName: str = ""
    restartPolicy: Literal["Always", "OnFailure", "Never"] = "Always"
    terminationGracePeriodSeconds: _Int32 = 30
    readinessGates: list[Object] = []
    nodeSelector: _Texts = {}


class Template(msgspec.Struct):
    spec: PodSpec
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class LabelSelector(msgspec.Struct):
    matchLabels: _Texts = {}


class Rolling(msgspec.Struct):
    maxSurge: _Int32 | str = 1
    maxUnavailable: _Int32 | str = 1


class Strategy(msgspec.Struct):
    type: Literal["RollingUpdate", "Recreate"] = "RollingUpdate"
    rollingUpdate: Rolling = msgspec.field(default_factory=Rolling)


class WorkloadSpec(msgspec.Struct):
    selector: LabelSelector
    template: Template
    replicas: _Int32 = 1
    paused: bool = False
    revisionHistoryLimit: _Int32 = 10
    progressDeadlineSeconds: _Int32 = 600
    strategy: Strategy = msgspec.field(default_factory=Strategy)


class Requests(msgspec.Struct):
    requests: _Texts = {}


class ClaimSpec(msgspec.Struct):
    accessModes: list[str] = []
    storageClassName: str = ""
    volumeName: str = ""
    volumeMode: str = ""
    volumeAttributesClassName: str = ""
    resources: Requests = msgspec.field(default_factory=Requests)


class Named(msgspec.Struct):
    name: str


class ClaimTemplate(msgspec.Struct):
    metadata: Named
    spec: ClaimSpec


class SetRolling(msgspec.Struct):
    partition: _Int32 = 0
    maxSurge: _Int32 | str = 0
    maxUnavailable: _Int32 | str = 1


class UpdateStrategy(msgspec.Struct):
    type: Literal["RollingUpdate", "OnDelete"] = "RollingUpdate"
    rollingUpdate: SetRolling = msgspec.field(default_factory=SetRolling)


class SetSpec(msgspec.Struct):
    """Of a StatefulSet or a DaemonSet."""

    selector: LabelSelector
    template: Template
    replicas: _Int32 = 1
    serviceName: str = ""
    podManagementPolicy: Literal["OrderedReady", "Parallel"] = "OrderedReady"
    updateStrategy: UpdateStrategy = msgspec.field(default_factory=UpdateStrategy)
    volumeClaimTemplates: list[ClaimTemplate] = []


class JobSpec(msgspec.Struct):
    template: Template
    selector: LabelSelector = msgspec.field(default_factory=LabelSelector)
    parallelism: _Int32 = 1
    completions: _Int32 = 1
    backoffLimit: _Int32 = 6
    suspend: bool = False


class JobTemplate(msgspec.Struct):
    spec: JobSpec
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class CronJobSpec(msgspec.Struct):
    schedule: str
    jobTemplate: JobTemplate
    suspend: bool = False
    successfulJobsHistoryLimit: _Int32 = 3
    failedJobsHistoryLimit: _Int32 = 1
    concurrencyPolicy: Literal["Allow", "Forbid", "Replace"] = "Allow"
    timeZone: str = ""


class Port(msgspec.Struct):
    port: _Int32
    nodePort: _Int32 = 0


class ServiceSpec(msgspec.Struct):
    clusterIP: str = ""
    externalName: str = ""
    ports: list[Port] = []
    selector: _Texts = {}
    externalIPs: list[str] = []
    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"


class Rule(msgspec.Struct):
    host: str = ""


class IngressSpec(msgspec.Struct):
    rules: list[Rule] = []
    tls: list[Object] = []
    ingressClassName: str = ""


class BudgetSpec(msgspec.Struct):
    selector: LabelSelector = msgspec.field(default_factory=LabelSelector)
    minAvailable: _Int32 | str = 0
    maxUnavailable: _Int32 | str = 0


class IssuerRef(msgspec.Struct):
    name: str


class CertificateSpec(msgspec.Struct):
    secretName: str
    issuerRef: IssuerRef


class CertificateShape(msgspec.Struct):
    spec: CertificateSpec
    metadata: Metadata


class EventSource(msgspec.Struct):
    component: str = ""
    host: str = ""


class EventShape(msgspec.Struct):
    metadata: Metadata
    involvedObject: _Texts = {}
    source: EventSource = msgspec.field(default_factory=EventSource)
    count: _Int32 = 1
    type: str = ""
    reason: str = ""
    message: str = ""
    firstTimestamp: str = ""
    lastTimestamp: str = ""
    eventTime: str = ""


class PodShape(msgspec.Struct):
    spec: PodSpec
    metadata: Metadata


class WorkloadShape(msgspec.Struct):
    spec: WorkloadSpec
    metadata: Metadata


class SetShape(msgspec.Struct):
    spec: SetSpec
    metadata: Metadata


class JobShape(msgspec.Struct):
    spec: JobSpec
    metadata: Metadata


class CronJobShape(msgspec.Struct):
    spec: CronJobSpec
    metadata: Metadata


class ServiceShape(msgspec.Struct):
    spec: ServiceSpec
    metadata: Metadata


class IngressShape(msgspec.Struct):
    spec: IngressSpec
    metadata: Metadata


class BudgetShape(msgspec.Struct):
    spec: BudgetSpec
    metadata: Metadata


class ClaimShape(msgspec.Struct):
    spec: ClaimSpec
    metadata: Metadata


class AnyShape(msgspec.Struct):
    metadata: Metadata
    type: str = ""
    spec: Object = {}
    data: _Texts = {}


class Preconditions(msgspec.Struct):
    uid: str | None = None
    resourceVersion: str | None = None


class DeleteOptions(msgspec.Struct):
    preconditions: Preconditions | None = None
    gracePeriodSeconds: _Int32 | None = None
    propagationPolicy: str | None = None
    dryRun: list[str] | None = None


_SHAPES: dict[str, type[Any]] = {
    "pods": PodShape,
    "deployments": WorkloadShape,
    "replicasets": WorkloadShape,
    "statefulsets": SetShape,
    "daemonsets": SetShape,
    "jobs": JobShape,
    "cronjobs": CronJobShape,
    "services": ServiceShape,
    "ingresses": IngressShape,
    "poddisruptionbudgets": BudgetShape,
    "persistentvolumeclaims": ClaimShape,
    "certificates": CertificateShape,
    "events": EventShape,
}


def without_nulls(value: Any) -> Any:
    """An object without its null fields, which mean the same as no field."""
    if isinstance(value, dict):
        return {key: without_nulls(held) for key, held in value.items() if held is not None}
    return [without_nulls(held) for held in value] if isinstance(value, list) else value


def delete_options(sent: Any, query: Mapping[str, str]) -> DeleteOptions:
    """The options of the body, else of the query. Raises Refusal (400)."""
    try:
        options = msgspec.convert(sent, type=DeleteOptions)
        if options.gracePeriodSeconds is None and query.get("gracePeriodSeconds"):
            options.gracePeriodSeconds = msgspec.convert(query["gracePeriodSeconds"], type=_Int32, strict=False)
    except msgspec.ValidationError as error:
        raise bad_request(f"DeleteOptions cannot be handled: {error}") from None
    options.propagationPolicy = options.propagationPolicy or query.get("propagationPolicy")
    return options


def check(kind: Kind, item: Object) -> None:
    """Raises Refusal (400) for a field of the wrong type, 403 for more replicas than can be held here."""
    try:
        shaped = msgspec.convert(item, type=_SHAPES.get(kind.resource, AnyShape))
    except msgspec.ValidationError as error:
        name = kind.kind
        raise bad_request(f'{name} in version "{kind.group_version}" cannot be handled as a {name}: {error}') from None
    match shaped:
        case WorkloadShape() | SetShape():
            many = shaped.spec.replicas
        case JobShape():
            many = shaped.spec.parallelism
        case CronJobShape():
            many = shaped.spec.jobTemplate.spec.parallelism
        case _:
            many = 0
    if many > MOST_REPLICAS:
        raise Refusal(403, "Forbidden", f"exceeded quota: a workload has at most {MOST_REPLICAS} replicas here")
