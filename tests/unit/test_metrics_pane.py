from __future__ import annotations

import json
import math
import subprocess
import sys
from array import array
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from cockpit.config.settings import MetricQuery, MetricsSource, Settings
from cockpit.listing.cells import row
from cockpit.metrics import queries
from cockpit.metrics.catalogue import About
from cockpit.metrics.columns import METRICS_COLUMNS, value_text
from cockpit.metrics.completion import complete
from cockpit.metrics.panel import Panel, Position, Series
from cockpit.metrics.report import report
from cockpit.metrics.sparkline import sparkline
from cockpit.metrics.views import described
from cockpit.model import errors, health
from cockpit.session import metrics

SERIES = Series((("__name__", "up"), ("job", 'a"b')), math.inf, array("d", [0, 50, 100]), array("d", [1, math.nan, 3]))
PANEL = Panel(
    source="prom",
    title="up",
    query="up",
    unit="s",
    range_seconds=100,
    step_seconds=50,
    end=100.0,
    series=(SERIES,),
    more=2,
)


def cells(panel: Panel) -> dict[str, str]:
    return {c.id: cell.text for c, cell in zip(METRICS_COLUMNS, row(METRICS_COLUMNS, panel, 0.0), strict=True)}


def test_a_row_shows_the_panel() -> None:
    shown = cells(PANEL)
    assert (shown["title"], shown["last"], shown["min"], shown["max"]) == ("up", "+Infs", "1s", "3s")
    assert shown["series"] == "1+2 more"
    assert shown["trend"].startswith("▁") and shown["trend"].endswith("█") and shown["trend"].count(" ") == 22


def test_an_error_takes_the_place_of_the_trend() -> None:
    broken = msgspec.structs.replace(PANEL, series=(), error="1:3: parse error: \x1b]52;c;x", position=Position(1, 3))
    assert cells(broken)["trend"] == "1:3: parse error: ␛]52;c;x"
    assert cells(msgspec.structs.replace(PANEL, series=()))["trend"] == "no data"
    lines = list(described(broken))
    assert lines[1].index("up") + 2 == lines[2].index("^")


def test_the_description_names_every_series() -> None:
    text = "\n".join(described(PANEL))
    assert "1 and 2 more" in text
    assert 'up{job="a\\"b"}' in text


def test_the_report_has_words_for_what_is_not_finite() -> None:
    said = json.loads(msgspec.json.encode(report(PANEL, 0.0)))
    assert said["series"] == [
        {
            "labels": {"__name__": "up", "job": 'a"b'},
            "value": "+Inf",
            "points": [[0.0, 1.0], [50.0, "NaN"], [100.0, 3.0]],
        }
    ]
    assert list(said) == ["key", "source", "title", "query", "unit", "series", "error"]
    assert (said["key"], said["error"]) == ("prom/up", None)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "B", "-"),
        (2048.0, "B", "2.0K"),
        (0.25, "req/s", "0.25 req/s"),
        (12.0, "%", "12%"),
        (math.nan, "B", "NaN B"),
    ],
)
def test_values_wear_their_unit(value: float | None, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_a_sparkline_leaves_gaps_and_survives_anything() -> None:
    assert sparkline([0, 10], [1, 2], 0, 10, 4) == "▁  █"
    assert sparkline([], [], 0, 10, 3) == "   "
    assert sparkline([5], [math.nan], 0, 10, 3) == "   "
    assert sparkline([0, 9], [-1e308, 1e308], 0, 9, 2) == "▁█"
    assert sparkline([1], [1], 5, 5, 2) == "  "


def test_titles_are_unique_and_a_wrong_range_is_the_panels_error() -> None:
    source = MetricsSource(
        name="p",
        url="http://x",
        queries=[MetricQuery(title="a", query="1"), MetricQuery(title="a", query="2", range="soon")],
    )
    first, second = queries.of(source)
    assert (first.title, second.title) == ("a", "a (2)")
    assert "range: 'soon' is not a duration" in (queries.blank(source, second, 0.0).error or "")


def test_without_queries_there_are_defaults() -> None:
    assert queries.of(MetricsSource(name="p", url="http://x"))
    assert all(
        "(" not in q.text or q.text.startswith("rate(")
        for q in queries.of(MetricsSource(name="p", url="u", direct=True))
    )


async def test_a_pane_without_sources_says_what_to_write() -> None:
    pane = metrics.build(Settings())
    assert isinstance(pane.feed.overall, health.Unconfigured) and "[[metrics]]" in pane.feed.overall.hint
    with pytest.raises(errors.NotFound, match="no source 'x'"):
        await pane.explore("x", "up")


def test_building_imports_no_client() -> None:
    code = (
        "import sys; from cockpit.config.settings import *; from cockpit.session import metrics, alerts;"
        "sources = [MetricsSource(name=str(direct), url='http://x', direct=direct) for direct in (True, False)];"
        "s = Settings(metrics=sources);"
        "metrics.build(s); alerts.build(s);"
        "heavy = {'httpx', 'requests', 'prometheus_api_client', 'textual', 'rich', 'aiohttp'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Shelf:
    async def metrics(self) -> Mapping[str, About]:
        return {"http_requests_total": About("counter", "Requests."), "rated": About(), "up": About("gauge")}

    async def labels(self) -> Sequence[str]:
        return ["__name__", "instance", "job", "mode"]

    async def values(self, label: str) -> Sequence[str]:
        return {"job": ['a"b', "node", "prometheus"]}.get(label, [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ra", ["rate", "rated"]),
        ("rate(requests", ["http_requests_total"]),
        ("up{", ["instance", "job", "mode"]),
        ('up{job="n', ["node"]),
        ('up{job="node",mo', ["mode"]),
        ('up{job!~"', ['a\\"b', "node", "prometheus"]),
        ("sum by (jo", ["job"]),
        ("sum by (job) (u", ["up"]),
        ('up{job="x"} + u', ["up"]),
        ("", []),
        ("5", []),
    ],
)
async def test_completion_knows_where_the_cursor_is(text: str, found: list[str]) -> None:
    got = [one.text for one in await complete(text, len(text), Shelf()) if one.kind != "function" or one.text == "rate"]
    assert got[: len(found)] == found and (found or not got)
