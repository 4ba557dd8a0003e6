from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.metrics import exposition, samples, selector, timing
from cockpit.metrics.answer import QueryError
from cockpit.metrics.exposition import Sample
from cockpit.metrics.samples import Samples
from cockpit.model import errors

PAGE = b"""\
# HELP http_requests_total Requests with a \\\\ and a\\nline.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total { method = "post" , code="400" , }  3
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
none{} NaN
"""


def test_the_example_of_the_specification_reads() -> None:
    page = exposition.parse(PAGE, "page")
    found = {tuple(sample.labels): sample for sample in page.samples}
    assert page.families["http_requests_total"].kind == "counter"
    assert page.families["http_requests_total"].help == "Requests with a \\ and a\nline."
    first = found[(("__name__", "http_requests_total"), ("code", "200"), ("method", "post"))]
    assert (first.value, first.at) == (1027.0, 1395066363.0)
    assert found[(("__name__", "http_requests_total"), ("code", "400"), ("method", "post"))].value == 3
    labels = next(dict(s.labels) for s in page.samples if "path" in dict(s.labels))
    assert labels["path"] == "C:\\DIR\\FILE.TXT" and labels["error"] == 'Cannot find file:\n"FILE.TXT"'
    assert found[(("__name__", "something_weird"), ("problem", "division by zero"))].value == math.inf
    assert math.isnan(found[(("__name__", "none"),)].value)


@pytest.mark.parametrize(
    "line",
    [
        "<!DOCTYPE html>",
        "x",
        "x one",
        "x 1_0",
        "x{a=1} 1",
        'x{a="1} 1',
        'x{a="1"b="2"} 1',
        'x{a="1",a="2"} 1',
        'x{a="1" 1',
        "x 1 2 3",
        "x{,} 1",
        "1x 1",
        "x" * 70_000,
    ],
)
def test_another_page_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(errors.Malformed, match="line 2 of the page"):
        exposition.parse(b"ok 1\n" + line.encode() + b"\n", "page")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(errors.Malformed, match="UTF-8"):
        exposition.parse(b"\xff\xfe\x00", "page")


@given(st.binary(max_size=300))
def test_no_page_breaks_the_parser(body: bytes) -> None:
    try:
        exposition.parse(body, "page")
    except errors.Malformed as error:
        assert "\n" not in str(error)


def test_an_openmetrics_page_reads() -> None:
    page = exposition.parse(b'x_total{a="b"} 3 17.5 # {trace="q"} 1\n# EOF\n', "page")
    assert page.samples[0].at == 17.5


def admitted(query: str, **labels: str) -> bool:
    return selector.parse(query).selector.admits(tuple(sorted(labels.items())))


def test_matchers_match_as_prometheus_matches() -> None:
    assert admitted("up", __name__="up") and not admitted("up", __name__="upper")
    assert admitted('{__name__="up", a!="x"}', __name__="up")
    assert admitted('x{a=~"b.*"}', __name__="x", a="bcd") and not admitted('x{a=~"b"}', __name__="x", a="bc")
    assert admitted('x{a!~"b|c",}', __name__="x", a="d") and not admitted('x{a!~"b|c"}', __name__="x", a="c")
    assert admitted("x{a='it\\'s'}", __name__="x", a="it's") and admitted("x{a=`\\n`}", __name__="x", a="\\n")
    assert admitted('x{missing=""}', __name__="x")
    assert selector.parse(" rate( x [1h30m] ) ").window_seconds == 5400


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("", 1),
        ("x{a}", 4),
        ('x{a="b}', 5),
        ('x{a=~"("}', 6),
        ("{}", 1),
        ('{a=~".*"}', 1),
        ("rate(x[5q])", 8),
        ('x{a="b"', 8),
    ],
)
def test_a_wrong_selector_is_shown_at_its_place(query: str, column: int) -> None:
    with pytest.raises(QueryError) as caught:
        selector.parse(query)
    assert caught.value.position is not None
    assert (caught.value.position.line, caught.value.position.column) == (1, column)


@pytest.mark.parametrize(
    "query", ["sum(x)", "x + 1", "x[5m]", "x offset 5m", "rate(x[5m:1m])", "rate(x[5m] offset 1m)", "irate(x[5m])", "1"]
)
def test_the_rest_of_promql_names_what_is_missing(query: str) -> None:
    with pytest.raises(QueryError, match="needs a Prometheus"):
        selector.parse(query)


X = (("__name__", "x"), ("a", "b"))


def read(kept: Samples, query: str, *steps: float) -> list[tuple[float, float]]:
    expression = selector.parse(query)
    rings = [(labels, ring) for labels, ring in kept.rings.items() if expression.selector.admits(labels)]
    return [pair for c in samples.evaluate(rings, expression, steps) for pair in zip(c.times, c.values, strict=True)]


def test_a_series_that_is_gone_has_no_value_and_comes_back() -> None:
    kept = Samples(1000.0)
    kept.add([Sample(X, 1.0)], 10.0)
    kept.add([], 20.0)
    kept.add([Sample(X, 3.0)], 30.0)
    kept.lost(40.0)
    assert read(kept, "x", 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0) == [(10, 1), (15, 1), (30, 3), (35, 3)]
    kept.add([Sample(X, 4.0)], 50.0)
    assert read(kept, "x", 349.0, 350.0, 350.1) == [(349, 4), (350, 4)]


def test_a_rate_counts_over_resets() -> None:
    kept = Samples(1000.0)
    for at, value in ((0, 100), (10, 110), (20, 5), (30, 15)):
        kept.add([Sample(X, float(value))], float(at))
    ((at, value),) = read(kept, "rate(x[30s])", 30.0)
    assert (at, value) == (30.0, pytest.approx(25 / 30))
    assert read(kept, "rate(x[5s])", 30.0) == []


def test_two_series_that_become_one_are_an_error() -> None:
    kept = Samples(1000.0)
    for at in (0.0, 10.0):
        kept.add([Sample((("__name__", name),), at) for name in ("x_total", "y_total")], at)
    with pytest.raises(QueryError, match="same labelset"):
        read(kept, 'rate({__name__=~".+_total"}[1m])', 10.0)


def test_rings_are_bounded() -> None:
    kept = Samples(100.0)
    for at in range(2000):
        kept.add([Sample(X, 1.0), Sample((("__name__", f"n{at}"),), 1.0)], float(at))
    assert len(kept.rings) <= 102
    assert len(kept.rings[X].times) <= 120
    many = Samples(100.0)
    many.add([Sample((("__name__", f"n{i}"),), 1.0) for i in range(samples.SERIES_MOST + 7)], 1.0)
    assert (len(many.rings), many.dropped) == (samples.SERIES_MOST, 7)


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m", 900), ("1h30m", 5400), ("7d", 604800), ("500ms", 0.5), ("1y", 31536000)]
)
def test_durations(text: str, seconds: float) -> None:
    assert timing.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m5", "0s", "30m1h", "-5m", "5 m", "9" * 30 + "y", "x" * 99])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(errors.Refused, match="write it like"):
        timing.duration(text)
