"""A context that is dead, in any way of being dead, holds up no other."""

from __future__ import annotations

import asyncio
import socket
import stat
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from cockpit.config.settings import PodsSource, Settings
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.model import health
from cockpit.pods.api import connection, plugin
from cockpit.session.pods import build

SOON = 20.0


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False) as running:
        yield running


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A port on which a connect is never answered: the queue of its listener is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        yield f"https://127.0.0.1:{address[1]}"
        for each in waiting:
            each.close()


@pytest.fixture
def mute() -> Iterator[str]:
    """A port that takes connections and never says a word, as behind a firewall that drops what follows."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


def kubeconfig(folder: Path, name: str, server: str, user: dict[str, Any]) -> PodsSource:
    path = folder / f"{name}.yaml"
    config = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    return PodsSource(name=name, kubeconfig=str(path))


async def test_the_living_are_not_held_up(
    sim: Simulator, tmp_path: Path, black_hole: str, mute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(plugin, "PLUGIN_SECONDS", 1.0)
    hangs = tmp_path / "hangs"
    hangs.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    hangs.chmod(hangs.stat().st_mode | stat.S_IXUSR)
    sim.put({"metadata": {"namespace": "shop", "name": "web"}})
    sources = [
        kubeconfig(tmp_path, "hole", black_hole, {"token": "x"}),
        kubeconfig(tmp_path, "mute", mute, {"token": "x"}),
        kubeconfig(tmp_path, "nameless", "https://no-such-host.invalid:6443", {"token": "x"}),
        kubeconfig(tmp_path, "plugin", sim.url, {"exec": {"command": str(hangs)}}),
        PodsSource(name="alive", kubeconfig=str(sim.kubeconfig)),
    ]
    pane = build(Settings(pods=sources))

    tasks = [asyncio.create_task(pane.feed.run())]
    try:
        assert await pane.feed.until(lambda: isinstance(pane.feed.health["alive"], health.Live), SOON)
        dead = [source.name for source in sources[:-1]]
        assert any(isinstance(pane.feed.health[name], health.Loading) for name in dead)
        sim.put({"metadata": {"namespace": "shop", "name": "web-2"}})
        assert await pane.feed.until(lambda: len(pane.feed.items) == 2, SOON)
        assert await pane.feed.settled(SOON)
        states = {name: pane.feed.health[name] for name in dead}
        assert all(isinstance(state, health.Stale | health.Denied) for state in states.values()), states
        assert "login needed" in repr(states["plugin"])
        assert isinstance(pane.feed.health["alive"], health.Live)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_names_that_take_for_ever_hold_no_thread_of_others(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if str(host).endswith(".invalid"):
            over.wait(SOON)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return ask(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(connection, "NAME_SECONDS", 0.5)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    sim.put({"metadata": {"namespace": "shop", "name": "web"}})
    sources = [kubeconfig(tmp_path, f"slow-{n}", f"https://{n}.invalid:6443", {"token": "x"}) for n in range(40)]
    pane = build(Settings(pods=[*sources, PodsSource(name="alive", kubeconfig=str(sim.kubeconfig))]))
    running = asyncio.create_task(pane.feed.run())
    try:
        assert await pane.feed.until(lambda: isinstance(pane.feed.health["alive"], health.Live), SOON)
        assert await pane.feed.settled(SOON)
        assert sum(isinstance(state, health.Stale) for state in pane.feed.health.values()) == len(sources)
        assert not over.is_set()
    finally:
        over.set()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
