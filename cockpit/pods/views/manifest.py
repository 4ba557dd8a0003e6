"""An object as YAML, without what hides it (managedFields) and without what must not be on a screen (secrets)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from cockpit.model import errors
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object

MASK = "***"
_SECRET = r"(?:passw|passphrase|secret|token|api_?-?key|private|credential|pwd|auth|dsn|cookie|salt|access_?-?key)"
_NAME = re.compile(_SECRET + r"|(?:^|[_-])(?:key|pass)$", re.IGNORECASE)
_FLAG = re.compile(rf"(--?[\w.-]*{_SECRET}[\w.-]*)(?:([=\s])(.+))?", re.IGNORECASE | re.DOTALL)
_URL = re.compile(r"(\w+://[^\s:/@]*):[^\s/@]+@")
_ASSIGNED = re.compile(rf"([\w-]*{_SECRET}[\w-]*=)(?:'[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def read_object(cluster: Cluster, kind: AnyKind, row: Object) -> dict[str, Any]:
    """The object as it is now, masked. Raises errors.NotFound when another one bears its name now."""
    async with cluster.connected() as connection:
        body = await connection.body(kind.path(row.namespace, row.name))
    return await asyncio.to_thread(parsed, body, kind, row)


async def yaml_lines(cluster: Cluster, kind: AnyKind, row: Object) -> AsyncIterator[str]:
    """The object as it is now, in YAML."""
    found = await read_object(cluster, kind, row)
    for line in await asyncio.to_thread(dumped, found):
        yield line


def dumped(found: object) -> list[str]:
    """Lines of YAML. Slow for what is large: call it in a thread. Raises errors.Malformed."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    try:
        text: str = yaml.dump(found, Dumper=dumper, sort_keys=False, allow_unicode=True, width=4096)
    except RecursionError as error:
        raise errors.Malformed("nested too deeply to be shown") from error
    return text.splitlines()


def parsed(body: bytes, kind: AnyKind, row: Object) -> dict[str, Any]:
    """An answer of the server, masked. Raises errors.NotFound when another object has the row's name."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.Malformed(f"not a {kind.kind}: {error}") from error
    if not isinstance(found, dict):
        raise errors.Malformed(f"not a {kind.kind}")
    metadata = found.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else None
    if uid and uid != row.uid:
        raise errors.NotFound(f"{row.source}: {kind.kind} {row.path} is gone; another one bears its name now")
    found.setdefault("kind", kind.kind)
    return masked(found)


def masked(found: dict[str, Any]) -> dict[str, Any]:
    """The same object without managedFields and the applied copy; what looks like a secret is replaced."""
    metadata = found.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
        if isinstance(notes := metadata.get("annotations"), dict):
            notes.pop(_APPLIED, None)
    for field in ("data", "stringData", "binaryData"):
        values = found.get(field)
        if isinstance(values, dict) and found.get("kind") in ("Secret", "ConfigMap"):
            found[field] = {name: _mask_value(found["kind"], str(name), value) for name, value in values.items()}
    _mask_within(found)
    return found


def _mask_value(kind: str, name: str, value: object) -> object:
    if kind == "Secret" or _NAME.search(name):
        return MASK
    return _mask_text(value) if isinstance(value, str) else value


def _mask_within(found: object) -> None:
    """Containers wherever they are: in a pod, in the template of a workload, in a custom resource."""
    waiting: list[object] = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for kind in ("containers", "initContainers", "ephemeralContainers"):
                containers = value.get(kind)
                for container in containers if isinstance(containers, list) else ():
                    if isinstance(container, dict):
                        _mask_container(container)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _mask_container(container: dict[str, Any]) -> None:
    for entry in container.get("env") or ():
        if isinstance(entry, dict) and "value" in entry:
            hidden = _NAME.search(str(entry.get("name", "")))
            entry["value"] = MASK if hidden else _mask_text(str(entry["value"]))
    for field in ("command", "args"):
        words = container.get(field)
        if isinstance(words, list):
            container[field] = _mask_words([str(word) for word in words])


def _mask_words(words: list[str]) -> list[str]:
    """`--token=x`, `--token x` in one word or in two."""
    result: list[str] = []
    follows = False
    for word in words:
        flag = _FLAG.fullmatch(word)
        if follows and not word.startswith("-"):
            result.append(MASK)
            follows = False
        elif flag:
            result.append(f"{flag[1]}{flag[2]}{MASK}" if flag[2] else word)
            follows = not flag[2]
        else:
            result.append(_mask_text(word))
            follows = False
    return result


def _mask_text(text: str) -> str:
    return _ASSIGNED.sub(rf"\1{MASK}", _URL.sub(rf"\1:{MASK}@", _PRIVATE.sub(MASK, text)))
