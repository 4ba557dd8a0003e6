"""How the hosts of a run look in rows: what is in doubt is seen, and seen first."""

from __future__ import annotations

from cockpit.fleet.results.outcome import Kill, Outcome, Phase
from cockpit.fleet.results.record import HostLine
from cockpit.fleet.run.columns import COLUMNS
from cockpit.fleet.run.rows import HostRow
from cockpit.model.tone import Tone

BY_ID = {column.id: column for column in COLUMNS}
IN_DOUBT = "it may still run (cancelled): no answer"


def ended(name: str, outcome: Outcome, kill: Kill = Kill.NOT_NEEDED, why: str = "") -> HostRow:
    line = HostLine(host=name, address=name, outcome=outcome, kill=kill, why=why)
    return HostRow(name, name, name, Phase.DONE, line, last_line="the last words")


def test_where_it_may_still_run_stands_first_whatever_the_outcome() -> None:
    rows = [
        ended("ok", Outcome.OK),
        ended("skipped", Outcome.SKIPPED),
        ended("stopped", Outcome.CANCELLED, Kill.CONFIRMED),
        HostRow("runs", "runs", "runs", Phase.RUN, begun=0.0),
        HostRow("queued", "queued", "queued"),
        ended("nonzero", Outcome.NONZERO),
        ended("late", Outcome.TIMEOUT_CMD, Kill.CONFIRMED),
        ended("late in doubt", Outcome.TIMEOUT_CMD, Kill.UNCONFIRMED),
        ended("in doubt", Outcome.CANCELLED, Kill.UNCONFIRMED),
    ]
    ordered = [row.name for row in sorted(rows, key=BY_ID["state"].sort_key)]
    assert ordered == [
        "in doubt", "late in doubt", "late", "nonzero", "runs", "queued", "stopped", "skipped", "ok",
    ]  # fmt: skip


def test_a_cancel_in_doubt_is_not_drawn_as_one_that_is_done() -> None:
    done, doubtful = ended("a", Outcome.CANCELLED), ended("b", Outcome.CANCELLED, Kill.UNCONFIRMED, IN_DOUBT)
    assert [BY_ID["state"].cell(row, 0.0).tone for row in (done, doubtful)] == [Tone.MUTED, Tone.WARN]
    says = BY_ID["says"].cell(doubtful, 0.0)
    assert (says.text, says.tone) == (IN_DOUBT, Tone.WARN)


def test_a_host_whose_turn_never_came_took_no_time() -> None:
    assert BY_ID["time"].cell(ended("a", Outcome.SKIPPED), 0.0).text == ""
    assert BY_ID["time"].cell(ended("a", Outcome.OK), 0.0).text == "0.0s"
