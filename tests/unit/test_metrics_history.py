from __future__ import annotations

import math
from array import array

from hypothesis import given
from hypothesis import strategies as st

from cockpit.metrics import timing
from cockpit.metrics.answer import Column
from cockpit.metrics.history import History
from cockpit.metrics.panel import Labels, Series, same
from cockpit.metrics.prometheus import assembled
from cockpit.metrics.queries import SERIES_MOST

STEP, RANGE = 10.0, 200.0


def columns(truth: dict[str, set[int]], since: float, end: float) -> list[Column]:
    """What a server would answer: series with a value at some steps."""
    found = []
    for name, steps in truth.items():
        times = [t * STEP for t in sorted(steps) if since <= t * STEP <= end]
        if times:
            labels: Labels = (("i", name),)
            found.append(Column(labels, array("d", times), array("d", [t * 2 for t in times])))
    return found


@given(
    st.dictionaries(st.sampled_from("abcd"), st.sets(st.integers(0, 200))),
    st.lists(st.integers(0, 12), min_size=1, max_size=30),
)
def test_incremental_equals_whole(truth: dict[str, set[int]], moves: list[int]) -> None:
    history = History(RANGE, STEP)
    end = 300.0
    for move in moves:
        end += move * STEP
        since = history.fetch_from(end)
        assert since % STEP == 0 and end - RANGE <= since <= end
        history.merge(since, end, columns(truth, since, end))
        whole = {column.labels: column for column in columns(truth, end - RANGE, end)}
        assert history.columns == whole


def test_only_new_steps_and_a_small_overlap_are_asked_for() -> None:
    history = History(3600.0, 15.0)
    assert history.fetch_from(90_000.0) == 86_400.0
    history.merge(86_400.0, 90_000.0, [])
    assert history.fetch_from(90_015.0) == 89_940.0
    assert history.fetch_from(89_985.0) == 86_385.0, "a clock that was set back starts anew"
    assert history.fetch_from(90_900.0) == 87_300.0, "the whole, now and then"


def test_statistics_leave_out_what_is_not_finite() -> None:
    series = Series((), 1.0, array("d", [1, 2, 3, 4]), array("d", [math.nan, 2.0, math.inf, 4.0]))
    assert (series.low, series.high, series.average) == (1.0, 4.0, 3.0), "the value now counts too"
    empty = Series((), None, array("d", [1]), array("d", [math.nan]))
    assert (empty.low, empty.high, empty.average) == (None, None, None)


def test_an_unchanged_nan_is_no_change() -> None:
    def one() -> object:
        return Series((("a", "b"),), math.nan, array("d", [1.0]), array("d", [math.nan]))

    assert same(one(), one())  # type: ignore[arg-type]


@given(st.floats(1, 20 * 365 * 86400.0))
def test_a_range_has_at_most_240_steps(seconds: float) -> None:
    step = timing.step_for(seconds)
    assert seconds / step <= timing.POINTS
    longer = timing.stepped(seconds)
    assert timing.step_for(longer) == step and longer % step == 0 and 0 <= longer - seconds <= step
    assert step == 1 or seconds / step > timing.POINTS / 4


async def test_series_beyond_the_cap_are_counted_once() -> None:
    def column(number: int) -> Column:
        return Column((("i", f"{number:05}"),), array("d", [1.0]), array("d", [2.0]))

    columns = {c.labels: c for c in map(column, range(SERIES_MOST))}
    current = {column(number).labels: 3.0 for number in range(500, 2500)}
    series, more = await assembled(columns, current, 2500)
    assert (len(series), more) == (SERIES_MOST, 1500)
    assert [one.value for one in series] == [None] * 500 + [3.0] * 500
    few, rest = await assembled({}, {(): 1.0}, 1)
    assert (len(few), rest) == (1, 0)
