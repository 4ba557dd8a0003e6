"""How it looks, as SVG: deterministic data and a clock that stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cockpit.alerts.alert import Alert
from cockpit.config.settings import Settings, Ui
from cockpit.model import clock

LABELS = (("alertname", "Down"), ("severity", "critical"))


@pytest.fixture
def picture(snap_compare: Any, make_app: Callable[..., Any], world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`picture("name", keys...)` compares the screen after the keys."""
    monkeypatch.setattr(clock, "steady", lambda: 1000.0)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ops/.config")

    def compare(*keys: str, size: tuple[int, int] = (120, 34), shows: str = "", **options: Any) -> bool:
        app = make_app(**options)

        async def ready(pilot: Any) -> None:
            driver = world.driver(app, pilot)
            await driver.shows(
                "fleet-1" if size[0] >= 120 else "Fleet", "nothing fires" if not world.alerts.items else "firing"
            )
            await driver.until(lambda: app.focused is not None, "the session taken")
            await driver.press(*keys)
            if shows:
                await driver.shows(shows)

        return bool(snap_compare(app, terminal_size=size, run_before=ready))

    return compare


def test_four_panes(picture: Any, world: Any, thing: Any) -> None:
    world.sources["pods"].items["p"] = thing("p", "precious", "CrashLoopBackOff", production=True)
    world.alerts.items["a"] = Alert("prom", "Down", "critical", "firing", LABELS, (), 1_800_000_000.0 - 7200, "1")
    assert picture(shows="precious")


def test_small(picture: Any) -> None:
    assert picture("2", size=(80, 24), shows="pods-1")


def test_confirm_in_production(picture: Any, world: Any, thing: Any) -> None:
    world.sources["fleet"].items["p"] = thing("p", "aaa-precious", production=True)
    assert picture("space", "j", "space", "D", shows="Type the count")


def test_help(picture: Any) -> None:
    assert picture("question_mark", shows="Keys of the fleet pane")


def test_light(picture: Any) -> None:
    assert picture("slash", "1", shows="1/5", settings=Settings(ui=Ui(theme="cockpit-light")))
