"""Which clusters this user can reach, for a start without any configuration."""

from __future__ import annotations

import os
from pathlib import Path

from cockpit.config.settings import PodsSource
from cockpit.pods.api.kubeconfig import IN_CLUSTER, SERVICE_ACCOUNT

DEFAULT = "~/.kube/config"


def sources() -> list[PodsSource]:
    """A source for each context of $KUBECONFIG or ~/.kube/config, the current one first. Blocking; never raises.

    Without any such file, in a pod, the cluster that it runs in.
    """
    path = os.environ.get("KUBECONFIG") or DEFAULT
    files = [Path(part).expanduser() for part in path.split(os.pathsep) if part]
    if not any(file.is_file() for file in files):
        in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and (SERVICE_ACCOUNT / "token").is_file()
        return [PodsSource(name=IN_CLUSTER, kubeconfig=IN_CLUSTER)] if in_pod else []
    names: dict[str, None] = {}
    current = ""
    for file in files:
        found, chosen = _contexts(file)
        names.update(dict.fromkeys(found))
        current = current or chosen
    return [
        PodsSource(name=name, kubeconfig=path, context=name) for name in sorted(names, key=lambda name: name != current)
    ]


def _contexts(file: Path) -> tuple[list[str], str]:
    """The names of the contexts of one file, and the current one. A file that cannot be read has none."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        loaded = yaml.load(file.read_bytes(), loader)
    except (OSError, ValueError, yaml.YAMLError):
        return [], ""
    if not isinstance(loaded, dict) or not isinstance(contexts := loaded.get("contexts"), list):
        return [], ""
    names = [entry["name"] for entry in contexts if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
    return [name for name in names if name], str(loaded.get("current-context") or "")
