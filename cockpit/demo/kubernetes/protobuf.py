"""Bodies in Kubernetes' protobuf, which kubectl's own clients send: read into what the same object is in JSON.

Only the messages that kubectl sends in `create`, `drain` and `auth can-i` are known (field numbers: generated.proto of
k8s.io/api and apimachinery). A field that is not in these tables is refused (415), never dropped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.refusals import Refusal
from cockpit.demo.kubernetes.store import timestamp

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_Read = Callable[[Any], Any]
_Field = tuple[str, _Read, str]  # its JSON name, what reads it, one | kept | many | map
_Message = Mapping[int, _Field]


class _Unknown(Exception):
    """A body that these tables do not know."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and raw values. Raises _Unknown or IndexError for what is cut short."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
            case 2:
                size, at = _varint(data, at)
                if at + size > len(data):
                    raise _Unknown("the body is cut short")
                yield tag >> 3, data[at : at + size]
                at += size
            case wire:
                raise _Unknown(f"wire type {wire}")


def _text(raw: Any) -> str:
    return bytes(raw).decode()


def _bytes(raw: Any) -> str:
    return base64.b64encode(raw).decode()


def _number(raw: Any) -> int:
    return int(raw) - (1 << 64) if raw >> 63 else int(raw)


def _flag(raw: Any) -> bool:
    return bool(raw)


def _time(raw: Any) -> str | None:
    fields = dict(_wire(raw))
    return timestamp(float(_number(fields[1]))) if fields.get(1) else None


def _quantity(raw: Any) -> str:
    return _text(dict(_wire(raw)).get(1, b""))


def _int_or_string(raw: Any) -> int | str:
    fields = dict(_wire(raw))
    return _text(fields.get(3, b"")) if fields.get(1) else _number(fields.get(2, 0))


def _message(fields: _Message) -> _Read:
    return lambda raw: _object(raw, fields)


def _object(raw: bytes, fields: _Message) -> Object:
    """Plain fields are always on the wire: an empty one says nothing. Those that are `kept` were pointers."""
    found: Object = {}
    for number, value in _wire(raw):
        if number not in fields:
            raise _Unknown(f"field {number}")
        name, read, how = fields[number]
        if how == "map":
            entry = dict(_wire(value if isinstance(value, bytes) else b""))
            found.setdefault(name, {})[_text(entry.get(1, b""))] = read(entry.get(2, b""))
            continue
        shown = read(value)
        if how == "many":
            found.setdefault(name, []).append(shown)
        elif how == "inline":
            found.update(shown)
        elif how == "kept" or shown not in ("", 0, False, None, {}):
            found[name] = shown
    return found


def _one(name: str, read: _Read = _text) -> _Field:
    return name, read, "one"


def _kept(name: str, read: _Read = _text) -> _Field:
    return name, read, "kept"


def _many(name: str, read: _Read = _text) -> _Field:
    return name, read, "many"


def _map(name: str, read: _Read = _text) -> _Field:
    return name, read, "map"


_OWNER = {
    1: _one("kind"),
    3: _one("name"),
    4: _one("uid"),
    5: _one("apiVersion"),
    6: _kept("controller", _flag),
    7: _kept("blockOwnerDeletion", _flag),
}
_METADATA = {
    1: _one("name"),
    2: _one("generateName"),
    3: _one("namespace"),
    4: _one("selfLink"),
    5: _one("uid"),
    6: _one("resourceVersion"),
    7: _one("generation", _number),
    8: _one("creationTimestamp", _time),
    11: _map("labels"),
    12: _map("annotations"),
    13: _many("ownerReferences", _message(_OWNER)),
    14: _many("finalizers"),
}
_META = _one("metadata", _message(_METADATA))
_DELETE_OPTIONS = {
    1: _kept("gracePeriodSeconds", _number),
    2: _kept("preconditions", _message({1: _kept("uid"), 2: _kept("resourceVersion")})),
    4: _kept("propagationPolicy"),
    5: _many("dryRun"),
}
_ATTRIBUTES = {
    number: _one(name)
    for number, name in enumerate(("namespace", "verb", "group", "version", "resource", "subresource", "name"), 1)
}
_IGNORED = _one("status", lambda raw: None)  # an empty status travels with what is created
_ACCESS_REVIEW = {
    1: _META,
    2: _one(
        "spec",
        _message(
            {
                1: _kept("resourceAttributes", _message(_ATTRIBUTES)),
                2: _kept("nonResourceAttributes", _message({1: _one("path"), 2: _one("verb")})),
            }
        ),
    ),
    3: _IGNORED,
}
_PORT = {
    1: _one("name"),
    2: _one("hostPort", _number),
    3: _one("containerPort", _number),
    4: _one("protocol"),
    5: _one("hostIP"),
}
_ENV = {
    1: _one("name"),
    2: _one("value"),
    3: _kept("valueFrom", _message({1: _kept("fieldRef", _message({1: _one("apiVersion"), 2: _one("fieldPath")}))})),
}
_HTTP_GET = {1: _one("path"), 2: _one("port", _int_or_string), 3: _one("host"), 4: _one("scheme")}
_PROBE: _Message = {
    1: ("", _message({2: _kept("httpGet", _message(_HTTP_GET))}), "inline"),
    2: _one("initialDelaySeconds", _number),
    3: _one("timeoutSeconds", _number),
    4: _one("periodSeconds", _number),
    5: _one("successThreshold", _number),
    6: _one("failureThreshold", _number),
}
_CONTAINER = {
    1: _one("name"),
    2: _one("image"),
    3: _many("command"),
    4: _many("args"),
    5: _one("workingDir"),
    6: _many("ports", _message(_PORT)),
    7: _many("env", _message(_ENV)),
    8: _one("resources", _message({1: _map("limits", _quantity), 2: _map("requests", _quantity)})),
    11: _kept("readinessProbe", _message(_PROBE)),
    13: _one("terminationMessagePath"),
    14: _one("imagePullPolicy"),
    16: _one("stdin", _flag),
    17: _one("stdinOnce", _flag),
    18: _one("tty", _flag),
    20: _one("terminationMessagePolicy"),
    24: _kept("restartPolicy"),
}
_POD = {
    2: _many("containers", _message(_CONTAINER)),
    3: _one("restartPolicy"),
    4: _kept("terminationGracePeriodSeconds", _number),
    6: _one("dnsPolicy"),
    7: _map("nodeSelector"),
    8: _one("serviceAccountName"),
    9: _one("serviceAccount"),
    10: _one("nodeName"),
    11: _one("hostNetwork", _flag),
    12: _one("hostPID", _flag),
    13: _one("hostIPC", _flag),
    14: _kept("securityContext", _message({})),
    16: _one("hostname"),
    17: _one("subdomain"),
    19: _one("schedulerName"),
    20: _many("initContainers", _message(_CONTAINER)),
    24: _one("priorityClassName"),
}
_TEMPLATE = {1: _META, 2: _one("spec", _message(_POD))}
_SELECTOR = {1: _map("matchLabels")}
_JOB_SPEC = {
    1: _kept("parallelism", _number),
    2: _kept("completions", _number),
    3: _kept("activeDeadlineSeconds", _number),
    4: _kept("selector", _message(_SELECTOR)),
    6: _one("template", _message(_TEMPLATE)),
    7: _kept("backoffLimit", _number),
    8: _kept("ttlSecondsAfterFinished", _number),
    9: _kept("completionMode"),
    10: _kept("suspend", _flag),
    14: _kept("podReplacementPolicy"),
}
_MESSAGES: Mapping[str, _Message] = {
    "DeleteOptions": _DELETE_OPTIONS,
    "Eviction": {1: _META, 2: _kept("deleteOptions", _message(_DELETE_OPTIONS))},
    "SelfSubjectAccessReview": _ACCESS_REVIEW,
    "SelfSubjectRulesReview": {1: _META, 2: _one("spec", _message({1: _one("namespace")})), 3: _IGNORED},
    "ConfigMap": {1: _META, 2: _map("data"), 3: _map("binaryData", _bytes), 4: _kept("immutable", _flag)},
    "Secret": {1: _META, 2: _map("data", _bytes), 3: _one("type"), 4: _map("stringData"), 5: _kept("immutable", _flag)},
    "Job": {1: _META, 2: _one("spec", _message(_JOB_SPEC)), 3: _IGNORED},
}


def decode(body: bytes) -> Object:
    """The object of a body. Raises Refusal (415) for what is not known here."""
    try:
        if not body.startswith(_MAGIC):
            raise _Unknown("no k8s prefix")
        unknown = dict(_wire(body[len(_MAGIC) :]))
        about = {number: _text(value) for number, value in _wire(bytes(unknown[1]))}
        kind = about.get(2, "")
        if kind not in _MESSAGES:
            raise _Unknown(f"kind {kind}")
        found = _object(bytes(unknown.get(2, b"")), _MESSAGES[kind])
        return {"apiVersion": about.get(1, ""), "kind": kind, **found}
    except (_Unknown, LookupError, TypeError, ValueError) as error:
        why = f"the body of the request was in an unknown format: {MEDIA_TYPE} is read in part only ({error})"
        raise Refusal(415, "UnsupportedMediaType", why) from None
