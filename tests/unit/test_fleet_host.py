from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.fleet import look
from cockpit.fleet.columns import COLUMNS, search
from cockpit.fleet.host import Host, unseen
from cockpit.fleet.machine import Machine
from cockpit.fleet.report import report
from cockpit.fleet.run.batch import Result, summary
from cockpit.listing.cells import row
from cockpit.model.tone import Tone
from cockpit.tasks.action import State

ANSWER = b"""load:0.24 0.19 0.07 2/95 9712
uptime:2107.32 3156.50
cpu  100 5 45 800 50 0 0 0 7 0
cpus:4
MemTotal:       1000 kB
MemFree:         100 kB
MemAvailable:    600 kB
disk:/dev/vda         264212084 75 25      75% /
"""


def test_a_look_is_read() -> None:
    seen = look.parse(b"motd noise\n" + ANSWER)
    assert seen == look.Seen(0.24, 4, (150, 1000), 0.4, 0.75, 2107.32)
    assert look.parse(ANSWER.replace(b"MemAvailable", b"x")).memory_used_ratio == 0.9
    assert look.parse(b"").empty


@pytest.mark.parametrize(
    ("before", "now", "ratio"),
    [((100, 1000), (150, 1100), 0.5), (None, (1, 2), None), ((9, 9), (1, 2), None), ((5, 10), (5, 10), None)],
)
def test_processor_share_needs_two_looks(
    before: tuple[int, int] | None, now: tuple[int, int], ratio: float | None
) -> None:
    assert look.cpu_ratio(before, now) == ratio


@given(st.binary(max_size=300), st.integers(0, len(ANSWER)))
def test_any_answer_is_survived(noise: bytes, cut: int) -> None:
    look.parse(noise)
    seen = look.parse(ANSWER[:cut] + noise + ANSWER[cut:])
    for ratio in (seen.memory_used_ratio, seen.disk_used_ratio):
        assert ratio is None or 0 <= ratio <= 1


def machine(**changes: object) -> Machine:
    return Machine(**{"source": "config", "name": "web1", "address": "10.0.0.1", **changes})  # type: ignore[arg-type]


def cells(host: Host) -> dict[str, tuple[str, Tone]]:
    return {c.id: (cell.text, cell.tone) for c, cell in zip(COLUMNS, row(COLUMNS, host, 0.0), strict=True)}


def test_columns_judge_by_thresholds() -> None:
    seen = Host(
        "config/web1", "config", "web1", "10.0.0.1", ("web", "edge"), "prod", "up", "", 1.5, 4.2, 2, 0.5, 0.81, 0.96,
        7200.0,
    )  # fmt: skip
    shown = cells(seen)
    assert shown["host"] == ("web1", Tone.NORMAL)
    assert shown["role"] == ("web,edge", Tone.NORMAL)
    assert shown["state"] == ("up", Tone.GOOD)
    assert shown["load"] == ("4.20", Tone.BAD)
    assert shown["cpu"] == ("50%", Tone.NORMAL)
    assert shown["memory"] == ("81%", Tone.WARN)
    assert shown["disk"] == ("96%", Tone.BAD)
    assert shown["uptime"] == ("120m", Tone.NORMAL)
    assert shown["latency"] == ("1.5s", Tone.WARN)


def test_what_is_not_known_is_a_dash_and_null() -> None:
    host = unseen(machine(unsupported="ProxyJump", port=2222, notes=("Match x is not honoured",)))
    assert host.state == "unsupported: ProxyJump"
    assert cells(host)["load"] == ("-", Tone.MUTED)
    assert msgspec.to_builtins(report(host, 0.0)) == {
        "key": "config/web1",
        "name": "web1",
        "address": "10.0.0.1:2222",
        "roles": (),
        "env": "",
        "state": "unsupported: ProxyJump",
        "error": "Match x is not honoured",
        "latency_seconds": None,
        "load1": None,
        "cpus": None,
        "memory_used_ratio": None,
        "disk_used_ratio": None,
        "uptime_seconds": None,
    }


def test_hostile_text_is_drawn_safely() -> None:
    host = unseen(machine(name="web\x1b]52;c;x\x07", roles=("\x9b31m",), env="\u202eprod"))
    text = "".join(text for text, _ in cells(host).values())
    assert not any(char in text for char in "\x1b\x07\x9b\u202e")


def test_every_column_sorts_known_and_unknown_together() -> None:
    hosts = [unseen(machine()), Host("k", "config", "x", "a", state="up", load1=1.0, latency_seconds=0.1)]
    for column in COLUMNS:
        sorted(hosts, key=column.sort_key)
    assert "web1 10.0.0.1" in search(hosts[0])


def test_a_summary_counts_the_ends() -> None:
    ends = [State.SUCCEEDED, State.SUCCEEDED, State.TIMED_OUT]
    assert summary([Result(machine(), state) for state in ends]) == "3 hosts: 2 succeeded, 1 timed out"
