"""The metrics pane: small multiples, and a query typed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from cockpit.model.health import Live
from cockpit.tui.panes.listing_pane import ListingPane

if TYPE_CHECKING:
    from cockpit.listing.listing import Listing
    from cockpit.metrics.panel import Panel, Series
    from cockpit.tui.widgets.metric_grid import MetricGrid
    from cockpit.tui.widgets.panel_lines import PanelView, SeriesView

MOST_PANELS = 200
MOST_SERIES = 12
"""Series of a panel that are handed to the grid; it shows the first few and counts the rest."""


class MetricsPane(ListingPane):
    NAME = "metrics"
    TITLE = "Metrics"

    grid: MetricGrid | None = None

    def made(self, listing: Listing[Any]) -> Widget:
        from cockpit.tui.widgets.metric_grid import MetricGrid

        self.grid = MetricGrid(id=f"grid-{self.NAME}")
        return self.grid

    def draw(self, listing: Listing[Panel], empty: str) -> None:
        assert self.grid is not None
        assert self.pane is not None
        health = self.pane.feed.health
        live = {name for name, state in health.items() if isinstance(state, Live)}
        many = len(health) > 1
        shown = listing.window(0, MOST_PANELS)
        self.grid.empty = empty
        self.grid.show([view(panel, stale=panel.source not in live, named=many) for panel in shown])

    def chosen(self) -> Sequence[Any]:
        item = self.current()
        return () if item is None else (item,)

    def current(self) -> Any | None:
        if self.grid is None or self.listing is None or self.grid.cursor is None:
            return None
        return self.listing.get(self.grid.cursor) if len(self.listing) else None

    def run_own(self, command_id: str) -> bool:
        if command_id != "metrics.explore" or self.pane is None:
            return False
        from cockpit.tui.screens.explore import ExploreScreen

        panel = self.current()
        query = panel.query if panel is not None else ""
        source = panel.source if panel is not None else ""
        self.app.push_screen(ExploreScreen(self.pane, source, query))
        return True

    def on_metric_grid_activated(self, event: MetricGrid.Activated) -> None:
        event.stop()
        self.open_current()


def view(panel: Panel, *, stale: bool = False, named: bool = False) -> PanelView:
    """A panel as the grid draws it, the series with the highest current value first."""
    from cockpit.tui.widgets.panel_lines import PanelView

    ranked = sorted(panel.series, key=_rank)
    drawn = tuple([_series(panel, series) for series in ranked[:MOST_SERIES]])
    title = f"{panel.title} · {panel.source}" if named else panel.title
    more = len(ranked) - len(drawn) + panel.more
    return PanelView(panel.key, title, panel.unit, panel.error or "", stale, drawn, more)


def _rank(series: Series) -> float:
    last = series.value
    return -last if last is not None and last == last else float("inf")


def _series(panel: Panel, series: Series) -> SeriesView:
    """Values on the panel's own steps, so that a missing one is a gap."""
    from cockpit.tui.widgets.panel_lines import SeriesView

    steps = round(panel.range_seconds / panel.step_seconds) + 1
    values: list[float | None] = [None] * steps
    for at, value in zip(series.times, series.values, strict=True):
        place = round((at - panel.start) / panel.step_seconds)
        if 0 <= place < steps:
            values[place] = value
    label = ", ".join(value for name, value in series.labels if name != "__name__")
    label = label or (series.legend if series.labels else panel.query)
    return SeriesView(label, tuple(values), series.value, series.low, series.high)
