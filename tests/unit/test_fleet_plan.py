from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.fleet.results.outcome import FAILURES, UNREACHED, Outcome
from cockpit.fleet.run.course import BREAKER_LOGINS, BREAKER_REFUSALS, Breaker, Course
from cockpit.fleet.run.plan import Limit, Plan, limit, waves
from cockpit.model import errors

plans = st.builds(
    Plan,
    canary=st.integers(0, 5),
    wave=st.sampled_from(["", "1", "3", "10", "1%", "12.5%", "25%", "100%"]),
    max_failures=st.sampled_from(["", "0", "2", "10%", "50%/wave", "1/wave", "100%", "100%/wave"]),
    max_unreachable=st.sampled_from(["", "0", "3", "20%", "30%/wave"]),
    forks=st.integers(1, 8),
)
ENDS = sorted(set(Outcome) - {Outcome.SKIPPED, Outcome.CANCELLED})


@given(plans, st.integers(0, 60))
def test_waves_hold_every_host_once_and_in_order(plan: Plan, hosts: int) -> None:
    found = waves(plan, hosts)
    assert [place for wave in found for place in wave] == list(range(hosts))
    assert all(len(wave) for wave in found)
    if plan.canary and hosts:
        assert len(found[0]) == min(plan.canary, hosts)


@given(plans, st.integers(1, 40), st.data())
def test_the_invariants_of_a_run(plan: Plan, hosts: int, data: st.DataObject) -> None:
    course = Course(plan, hosts)
    failures, unreachable = limit(plan.max_failures), limit(plan.max_unreachable)
    taken: list[int] = []
    flying: list[int] = []
    ends: dict[int, Outcome] = {}
    wave_of = {place: number for number, wave in enumerate(course.waves) for place in wave}
    while not course.over:
        place = course.take() if data.draw(st.booleans()) or not flying else None
        if place is not None:
            assert not passed(failures, FAILURES - UNREACHED, ends, course, taken)
            assert not passed(unreachable, UNREACHED, ends, course, taken)
            assert all(ends[earlier] is Outcome.OK for earlier in range(min(plan.canary, place)) if earlier in ends)
            assert {wave_of[other] for other in flying} <= {wave_of[place]}, "a wave waits for the one before"
            taken.append(place)
            flying.append(place)
            assert len(flying) <= plan.forks
            assert course.flying == len(flying)
        elif flying:
            ended = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            ends[ended] = data.draw(st.sampled_from(ENDS))
            course.end(ended, ends[ended])
    assert taken == list(range(len(taken))), "each host once, the order kept"
    assert set(ends) == set(taken)
    assert len(taken) == hosts or course.stopped
    if not plan.canary and failures is None and unreachable is None:
        assert len(taken) == hosts, "without a limit nothing stops a run, not even a wave that failed as a whole"


def passed(
    bound: Limit | None, of: frozenset[Outcome], ends: dict[int, Outcome], course: Course, taken: list[int]
) -> bool:
    if bound is None:
        return False
    if bound.of == "run":
        return bound.exceeded(sum(o in of for o in ends.values()), course.waves[-1].stop)
    return any(
        bound.exceeded(sum(ends.get(place) in of for place in wave), len(wave)) for wave in course.waves if taken
    )


@given(st.sampled_from(ENDS), st.integers(1, 3))
def test_a_canary_that_does_not_succeed_stops_all_the_rest(outcome: Outcome, canary: int) -> None:
    course = Course(Plan(canary=canary, wave="2"), 10)
    places = [course.take() for _ in range(canary)]
    assert places == list(range(canary)) and course.take() is None
    for place in reversed(places):
        assert place is not None
        course.end(place, outcome)
    if outcome is Outcome.OK:
        assert course.take() == canary
    else:
        assert course.over and "canary ended as" in course.stopped


def test_a_limit_says_of_what() -> None:
    assert limit("") is None
    assert limit("3") == Limit(3)
    assert limit(" 10% ") == Limit(percent=10.0)
    assert limit("10%/wave") == Limit(percent=10.0, of="wave")
    assert limit("2/wave") == Limit(2, of="wave")
    assert not Limit(percent=10.0).exceeded(1, 15) and Limit(percent=10.0).exceeded(2, 15)
    assert not Limit(percent=0.1).exceeded(1, 1000) and Limit(percent=0.1).exceeded(2, 1000)
    assert Limit(0).exceeded(1, 1) and not Limit(percent=100.0).exceeded(7, 7)
    course = Course(Plan(max_failures="10%/wave", wave="10"), 40)
    for outcome in (Outcome.UNREACHABLE, Outcome.NONZERO, Outcome.AUTH):
        place = course.take()
        assert place is not None
        course.end(place, outcome)
    assert course.stopped == "2 of 10 hosts of the wave failed, more than 10% of the wave"


@pytest.mark.parametrize(
    "plan",
    [
        Plan(wave="0"), Plan(wave="-1"), Plan(wave="1.5"), Plan(wave="x%"), Plan(wave="200%"), Plan(canary=-1),
        Plan(max_failures="101%"), Plan(max_failures="many"), Plan(max_unreachable="1.5"), Plan(forks=0),
        Plan(forks=100_000), Plan(max_failures="10%/host"),
    ],
)  # fmt: skip
def test_a_plan_that_makes_no_sense_is_refused(plan: Plan) -> None:
    with pytest.raises(errors.Refused):
        Course(plan, 10)


def test_the_breaker_looks_at_the_first_logins_and_trips_once() -> None:
    breaker = Breaker()
    assert [breaker.answered(refused=True) for _ in range(7)] == [False] * 4 + [True, False, False]
    late = Breaker()
    assert not any(late.answered(refused=False) for _ in range(BREAKER_LOGINS))
    assert not any(late.answered(refused=True) for _ in range(BREAKER_REFUSALS + 1))
