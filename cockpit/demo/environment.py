"""The embedded environment: real services on loopback, each behind a secret made for this run, and a configuration."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.config.places import state_dir
from cockpit.demo.children import Child, DemoError
from cockpit.tasks import process
from cockpit.tasks.process import Owner

SERVICES = ("hosts", "kubernetes", "metrics", "ci")


@dataclass(frozen=True, slots=True)
class Environment:
    """A running demo."""

    folder: Path
    config: Path
    """The configuration that names its services: another cockpit can be started with `--config` on it."""
    says: tuple[str, ...]
    """What the user should know: which Prometheus, how commands are kept apart."""


@contextlib.contextmanager
def running(say: Callable[[str], None]) -> Iterator[Environment]:
    """The demo's services until the block ends. `say` hears one line per step. Raises DemoError."""
    if shutil.which("git") is None:
        raise DemoError("git is missing, which the demo's CI server needs; apt-get install git")
    root = _root()
    clear_leftovers(root)
    owner = process.this()
    # its name says whose it is, so that it is never seen without an owner
    folder = root / f"{owner.pid}-{owner.start}-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    children: list[Child] = []
    try:
        say("cockpit demo: starting real services on loopback ...")
        for name in SERVICES:
            children.append(Child(name, folder / name))
        facts: dict[str, dict[str, Any]] = {}
        for child in children:
            facts[child.name] = child.facts()
            say(f"  {child.name}: {_summary(child.name, facts[child.name])}")
        config = folder / "cockpit.toml"
        config.write_text(configuration(facts))
        notes = [_summary(name, facts[name]) for name in SERVICES]
        yield Environment(folder, config, tuple(notes))
    finally:
        for child in children:
            child.hang_up()
        for child in children:
            child.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _root() -> Path:
    root = state_dir() / "demo"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"cannot make {root}: {error.strerror}; set COCKPIT_STATE_DIR to a folder of yours") from error
    return root


def clear_leftovers(root: Path) -> None:
    """Remove the folders of demos whose process has gone. Their services went with it."""
    boot = process.this().boot
    for folder in root.iterdir():
        named = re.match(r"(\d+)-(\d+)-", folder.name)
        if named is None or not process.alive(Owner(int(named[1]), int(named[2]), boot)):
            shutil.rmtree(folder, ignore_errors=True)


def _summary(name: str, facts: Mapping[str, Any]) -> str:
    match name:
        case "hosts":
            return f"{len(facts['hosts'])} SSH servers" + (f"; {facts['warning']}" if facts.get("warning") else "")
        case "kubernetes":
            return f"Kubernetes API simulator, KUBECONFIG={facts['kubeconfig']}"
        case "metrics":
            return str(facts["says"])
        case _:
            return f"cockpit serve with the repository {facts['repository']}"


def configuration(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """The configuration file for what the services announced, as TOML."""
    hosts, kubernetes, metrics, ci = (facts[name] for name in SERVICES)
    tables: list[tuple[str, Mapping[str, Any]]] = [
        ("[pods]", {"name": "demo", "kubeconfig": kubernetes["kubeconfig"], "context": kubernetes["context"]}),
        ("fleet", {"interval": 5.0, "note": hosts.get("warning") or ""}),
        ("[fleet.hosts]", {"name": "this-machine", "transport": "local", "roles": ["local"]}),
    ]
    for host in hosts["hosts"]:
        shared = {"known_hosts": hosts["known_hosts"], "identity": hosts["identity"]}
        tables.append(("[fleet.hosts]", {**shared, **host}))
    source = {key: metrics[key] for key in ("url", "direct", "username", "token_file") if metrics.get(key)}
    tables.append(("[metrics]", {"name": "demo", "interval": 5.0, "note": metrics["says"], **source}))
    tables.extend(("[metrics.queries]", query) for query in metrics["queries"])
    tables.append(("[pipelines]", {"name": "demo", "url": ci["url"], "token_file": ci["token_file"]}))
    return "\n".join(_table(name, keys) for name, keys in tables)


def _table(name: str, keys: Mapping[str, Any]) -> str:
    """One TOML table. JSON writes the strings, numbers, booleans and lists that we have as TOML reads them."""
    lines = [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"
