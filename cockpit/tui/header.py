"""The first line of the screen: what fires, what runs, what the panes are narrowed to. No clock: nothing ticks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cockpit.model import clock, health
from cockpit.model.health import Denied, Loading, Stale, Unconfigured
from cockpit.model.scope import Scope
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.tui.lines import Piece, ToneLine

if TYPE_CHECKING:
    from cockpit.alerts.alert import Alert
    from cockpit.feeds.feed import Feed

LOUD = 1
"""The weight of a severity up to which it is drawn as bad: critical, page, error."""


class Header(ToneLine):
    """Say everything anew with `tell`; it repaints only when the words change."""

    DEFAULT_CSS = "Header { background: $panel; padding: 0 1; }"

    def tell(
        self,
        *,
        alerts: Feed[Alert] | None,
        running: int,
        scope: Scope,
        read_only: bool,
        keys: Mapping[str, str],
    ) -> None:
        """`keys` are the shown keys of "alerts", "tasks" and "back"."""
        left = [Piece("cockpit", "bold"), Piece("  ")]
        if scope.text:
            left += [Piece(f"* {scope.text} ", "accent"), Piece(f"{keys['back']} {keys['back']} clears  ", "muted")]
        if read_only:
            left.append(Piece("read-only  ", "warn"))
        right = [*_firing(alerts, keys["alerts"])]
        if running:
            word = "task" if running == 1 else "tasks"
            right += [Piece("   "), Piece(f"{GLYPHS[Tone.BUSY]} {running} {word} running", "busy"), _key(keys["tasks"])]
        self.say(left, right)


def _firing(alerts: Feed[Alert] | None, key: str) -> list[Piece]:
    if alerts is None or isinstance(alerts.overall, Unconfigured | Loading):
        return []
    from cockpit.alerts.alert import summary, weight

    overall = alerts.overall
    firing = summary(alerts.items.values(), clock.wall())
    if not firing.firing and isinstance(overall, Stale | Denied):
        return [Piece(f"{GLYPHS[Tone.WARN]} alerts {health.state(overall)}", "warn"), _key(key)]
    if not firing.firing:
        return [Piece(f"{GLYPHS[Tone.GOOD]} nothing fires", "muted")]
    text = f"{GLYPHS[Tone.BAD]} {firing.firing} firing"
    if firing.worst:
        text += f" · {firing.worst}"
    if firing.oldest_seconds is not None:
        text += f" · oldest {human_duration(firing.oldest_seconds)}"
    if not isinstance(overall, health.Live):
        text += f" · {health.state(overall)}"
    return [Piece(text, "bad" if weight(firing.worst) <= LOUD else "warn"), _key(key)]


def _key(key: str) -> Piece:
    return Piece(f" {key}", "muted")
