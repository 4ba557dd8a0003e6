"""Actions on a simulated cluster by keys: asked, confirmed by name in production, observed, and greyed with why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.registry import KINDS
from cockpit.session.pods.objects import objects_pane
from cockpit.tui.screens.pane import PaneScreen


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    (tmp_path / "cluster").mkdir()
    async with simulator(tmp_path / "cluster", tls=False, pace=0.05) as running:
        yield running


@pytest.fixture
def table(drive: Callable[..., Any], sim: Simulator) -> Callable[..., Any]:
    """`async with table("deployments", "cart") as app`: the cursor is on that row."""

    @asynccontextmanager
    async def run(resource: str, name: str, **marks: bool) -> AsyncIterator[Any]:
        cluster = Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig), **marks))
        pane = objects_pane({"demo": cluster}, KINDS[resource])
        async with drive(size=(130, 32)) as app:
            app.app.push_screen(PaneScreen(pane, "", app.main.session, app.app.keymap))
            await app.shows(name)
            await app.press("slash")
            await app.type(name)
            await app.press("enter")
            await app.shows("1/20")
            yield app

    return run


def replicas(sim: Simulator, name: str) -> int:
    record = sim.store.get("deployments", "shop", name)
    assert record is not None
    found: int = record.load()["spec"]["replicas"]
    return found


async def test_scale_is_asked_confirmed_and_observed(table: Callable[..., Any], sim: Simulator) -> None:
    async with table("deployments", "cart") as app:
        await app.press("s")
        await app.shows("shop/cart", "Replicas")
        await app.type("x")
        await app.press("enter")
        await app.shows("'x' is no number of replicas")
        await app.press("backspace")
        await app.type("5")
        await app.press("enter")
        await app.shows("Scale deployment shop/cart in demo to 5 replicas (now 3)")
        assert replicas(sim, "cart") == 3
        await app.press("tab", "enter")
        await app.shows("5 of 5 replicas ready")
        assert replicas(sim, "cart") == 5


async def test_production_wants_the_name_typed(table: Callable[..., Any], sim: Simulator) -> None:
    async with table("deployments", "cart", production=True) as app:
        await app.press("delete")
        await app.shows("in PRODUCTION", "Type the name to confirm: shop/cart")
        await app.type("shop/card")
        await app.press("enter")
        await app.shows("that is not the name")
        assert sim.store.get("deployments", "shop", "cart") is not None
        await app.press("backspace")
        await app.type("t")
        await app.press("enter")
        await app.until(lambda: sim.store.get("deployments", "shop", "cart") is None)


async def test_what_is_forbidden_is_said_and_not_tried(table: Callable[..., Any], sim: Simulator) -> None:
    sim.deny("delete", "deployments", namespace="shop")
    async with table("deployments", "cart") as app:
        await app.press("delete")
        await app.shows("Delete deployment shop/cart")
        await app.press("escape")
        await app.gone("Delete deployment shop/cart")
        await app.press("delete")
        await app.shows("not allowed: delete deployments in shop")
        assert not sim.api.requests["delete"]
