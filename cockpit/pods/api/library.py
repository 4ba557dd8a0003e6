"""kubernetes-asyncio's kubeconfig loader without its 768 generated models.

`import kubernetes_asyncio` takes 0.3 s and 60 MB because each package imports everything below it. Only the loader and
its Configuration are used here, so the packages are stood in for by empty ones with the same path while these are
imported, and taken away again. Where that does not work (another version), the plain import does.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_PACKAGE = "kubernetes_asyncio"
_lock = threading.Lock()


class Library(NamedTuple):
    """What is used of it."""

    KubeConfigLoader: Any
    Configuration: Any
    ConfigException: type[Exception]


def load() -> Library:
    """Blocking; safe from several threads."""
    with _lock:
        if _PACKAGE in sys.modules:
            return _plain()
        try:
            return _lean()
        except (ImportError, AttributeError, OSError):
            return _plain()


def _plain() -> Library:
    config = import_module(f"{_PACKAGE}.config.kube_config")
    client = import_module(f"{_PACKAGE}.client.configuration")
    return Library(config.KubeConfigLoader, client.Configuration, config.ConfigException)


def _lean() -> Library:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(_PACKAGE)
    root = Path(spec.origin).parent
    empty = {name: ModuleType(name) for name in (_PACKAGE, f"{_PACKAGE}.client", f"{_PACKAGE}.config")}
    for name, module in empty.items():
        module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    sys.modules.update(empty)
    try:
        client = import_module(f"{_PACKAGE}.client.configuration")
        # kube_config names both at its import; ApiClient it only uses in helpers that are not used here.
        vars(empty[f"{_PACKAGE}.client"]).update(Configuration=client.Configuration, ApiClient=object)
        config = import_module(f"{_PACKAGE}.config.kube_config")
        return Library(config.KubeConfigLoader, client.Configuration, config.ConfigException)
    finally:
        for name in empty:
            sys.modules.pop(name, None)
