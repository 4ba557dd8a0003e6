"""A pod as YAML, without what hides it (managedFields) and without what must not be on a screen (secrets)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from cockpit.model import errors
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.paths import pod_path
from cockpit.pods.kinds.pod.row import Pod

MASK = "***"
_SECRET = r"(?:passw|passphrase|secret|token|api_?-?key|private|credential|pwd|auth|dsn|cookie|salt|access_?-?key)"
_NAME = re.compile(_SECRET + r"|(?:^|[_-])(?:key|pass)$", re.IGNORECASE)
_FLAG = re.compile(rf"(--?[\w.-]*{_SECRET}[\w.-]*)(?:([=\s])(.+))?", re.IGNORECASE | re.DOTALL)
_URL = re.compile(r"(\w+://[^\s:/@]*):[^\s/@]+@")
_ASSIGNED = re.compile(rf"([\w-]*{_SECRET}[\w-]*=)(?:'[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def yaml_lines(cluster: Cluster, pod: Pod) -> AsyncIterator[str]:
    """The pod as it is now, in YAML."""
    async with cluster.connected() as connection:
        body = await connection.body(pod_path(pod.namespace, pod.name))
    for line in await asyncio.to_thread(_lines, body):
        yield line


def _lines(body: bytes) -> list[str]:
    import yaml

    try:
        found = json.loads(body)
    except ValueError as error:
        raise errors.Malformed(f"not a pod: {error}") from error
    if not isinstance(found, dict):
        raise errors.Malformed("not a pod")
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumped: str = yaml.dump(masked(found), Dumper=dumper, sort_keys=False, allow_unicode=True, width=4096)
    return dumped.splitlines()


def masked(pod: dict[str, Any]) -> dict[str, Any]:
    """The same pod with managedFields and the applied copy left out, and values that look like secrets replaced."""
    metadata = pod.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
        if isinstance(notes := metadata.get("annotations"), dict):
            notes.pop(_APPLIED, None)
    spec = pod.get("spec")
    if not isinstance(spec, dict):
        return pod
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            if isinstance(container, dict):
                _mask_container(container)
    return pod


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
