"""What hosts answer, read: recorded from procps 4.0, busybox 1.35 and systemd 252, and any bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cockpit.fleet.facts import details, processes, sample, units
from cockpit.fleet.facts.details import Disk, TopProcess
from cockpit.fleet.facts.sample import Sample
from cockpit.fleet.facts.unit_actions import Came, gathered, judged
from cockpit.tasks.action import State

SAMPLE = b" 0.24 0.19 0.07 2/95 9712 | 2107.32 3156.50 | cpu  100 5 45 800 50 0 0 0 7 0 | 1000 600 "
DETAILS = """
= system
Linux 6.1.0-18-amd64
= cpus
4
= os
"Debian GNU/Linux 12 (bookworm)"
= reboot
yes
= units
nginx.service                      loaded failed failed A high performance web server
odd\\x2dname@a-b.service            loaded failed failed Odd   name ● x
● dotted.service                   loaded failed failed from a systemctl that knows no --plain
= users
root     pts/0        2026-11-25 05:41 (10.0.0.9)
ann      pts/1        2026-11-25 05:42 (10.0.0.9)
root     pts/2        2026-11-25 05:43 (10.0.0.9)
= disks
Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda         264212084       75        25      75% /
//nas/my share      100000       10        90      10% /mnt/a b
= measures
4096 100
= top
over 0.51
cpu 7 48 100 postgres: writer
memory 9 0 262144 java
""".encode()
PROCESSES = b"""
= measures
4096 100
= memory
MemTotal:       1000000 kB
= ps
    1 root                             /sbin/init splash
  512 a-user-of-some-name-that-is-long postgres: 15/main: walwriter
 4242 www-data                         nginx: worker (x) process
= stat
up 1000.00
1 S 0 200 100 5 2500 4194560 systemd
512 S 1 0 0 900 10 4194304 a (strange) b
4242 R 1 150 50 99000 25000 4194304 nginx
77 I 2 0 0 9 0 69238880 kworker/0:1-\\nevents
"""
LATER = PROCESSES.replace(b"up 1000.00", b"up 1002.00").replace(b"1 150 50 99000", b"1 250 50 99000")
UNITS = """
= systemd
= units
dev-vda.device                                 loaded    activating tentative /dev/vda
-.mount                                        loaded    active     mounted   Root Mount
auditd.service                                 not-found inactive   dead      auditd.service
odd\\x2dname@a-b.service                        loaded    failed     failed    Odd   name ● x
system-odd\\x5cx2dname.slice                    loaded    active     active    Slice /system/odd\\x2dname
● old.service                                  loaded    failed     failed    with a dot
web.service                                    loaded    active     running   A web server
nothing.service                                loaded    active     running
= up
2521.25
= since
Id=web.service
InactiveExitTimestampMonotonic=2500000000
ActiveEnterTimestampMonotonic=2511250000
ActiveExitTimestampMonotonic=0
InactiveEnterTimestampMonotonic=0

Id=auditd.service
InactiveExitTimestampMonotonic=0
ActiveEnterTimestampMonotonic=0
ActiveExitTimestampMonotonic=0
InactiveEnterTimestampMonotonic=0
""".encode()


def test_a_sample_is_read() -> None:
    assert sample.parse(SAMPLE) == Sample(0.24, 2107.32, (150, 1000), 0.4, 1000 * 1024)
    assert sample.parse(b"").empty and sample.parse(b"  |  |  |  ").empty
    assert sample.parse(SAMPLE.replace(b"0.24", b"nan")).load1 is None


@pytest.mark.parametrize(
    ("before", "now", "ratio"),
    [((100, 1000), (150, 1100), 0.5), (None, (1, 2), None), ((9, 9), (1, 2), None), ((5, 10), (5, 10), None)],
)
def test_processor_share_needs_two_samples(
    before: tuple[int, int] | None, now: tuple[int, int], ratio: float | None
) -> None:
    assert sample.cpu_ratio(before, now) == ratio


def test_details_are_read() -> None:
    known = details.parse(DETAILS)
    assert (known.system, known.os, known.cpus) == ("Linux 6.1.0-18-amd64", "Debian GNU/Linux 12 (bookworm)", 4)
    assert known.reboot is True
    assert known.failed_units == ("nginx.service", r"odd\x2dname@a-b.service", "dotted.service")
    assert known.users == ("root", "ann")
    assert known.disks == (Disk("/", 0.75, 264212084 * 1024), Disk("/mnt/a b", 0.1, 100000 * 1024))
    assert known.top_cpu == (TopProcess(7, "postgres: writer", 48 / 100 / 0.51, 100 * 4096),)
    assert known.top_memory == (TopProcess(9, "java", 0.0, 2**30),)


def test_what_a_host_does_not_say_is_not_known() -> None:
    known = details.parse(b"\n= system\nFreeBSD 13.2-RELEASE\n= reboot\n= measures\n= top\n")
    assert known.system == "FreeBSD 13.2-RELEASE"
    assert (known.reboot, known.failed_units, known.users, known.cpus) == (None, None, None, None)
    assert details.parse(b"= units\n\n").failed_units == (), "systemd says that nothing has failed"


def test_processes_are_read_and_their_share_needs_two_looks() -> None:
    first = processes.parse(PROCESSES)
    assert [p.pid for p in first.processes] == [1, 512, 4242, 77]
    nginx = first.processes[2]
    assert (nginx.key, nginx.user, nginx.state, nginx.parent) == ("4242/99000", "www-data", "R", 1)
    assert nginx.command == "nginx: worker (x) process" and nginx.name == "nginx"
    assert nginx.memory_bytes == 25000 * 4096 and nginx.memory_ratio == 25000 * 4096 / (1000000 * 1024)
    assert (nginx.cpu_seconds, nginx.cpu_ratio) == (2.0, None)
    assert first.processes[1].name == "a (strange) b"
    assert first.processes[3].kernel and not nginx.kernel
    assert first.processes[3].command == r"[kworker/0:1-\nevents]", "a kernel thread, and no ps knows it"
    second = processes.parse(LATER, first)
    assert second.processes[2].cpu_ratio == 0.5
    assert second.processes[2].started_at == nginx.started_at, "its row does not change by our clock"
    reborn = processes.parse(LATER.replace(b"99000", b"100100"), first).processes[2]
    assert reborn.key == "4242/100100" and reborn.cpu_ratio == 1.5


def test_units_are_read_from_the_plain_form() -> None:
    answer = units.parse(UNITS)
    assert answer.systemd and answer.units is not None and answer.since is not None
    found = {unit.name: unit for unit in answer.units}
    assert "dev-vda.device" not in found
    assert found["web.service"].description == "A web server" and found["web.service"].kind == "service"
    assert found["-.mount"].sub == "mounted" and found["auditd.service"].load == "not-found"
    assert found[r"odd\x2dname@a-b.service"].active == "failed"
    assert found[r"odd\x2dname@a-b.service"].description == "Odd   name ● x"
    assert found["old.service"].description == "with a dot"
    assert found["nothing.service"].description == ""
    assert set(answer.since) == {"web.service"}, "the latest stamp, and none where nothing ever happened"


def test_no_systemd_is_told_from_a_systemctl_that_does_not_answer() -> None:
    assert not units.parse(b"\n").systemd
    answer = units.parse(b"= systemd\n")
    assert answer.systemd and answer.units is None


@pytest.mark.parametrize("name", ["a b.service", "*.service", "a;b.service", "", "x", "a.service\n", "$(x).service"])
def test_what_is_no_name_of_one_unit_is_not_taken(name: str) -> None:
    assert not units.is_name(name)
    assert units.is_name(r"systemd-fsck@dev-disk-by\x2duuid-1:2_3.service")


@given(st.binary(max_size=400), st.integers(0, 3000), st.integers(0, 3000))
@example(b"= top\nover nan\ncpu 1 1 1\ncpu " + b"9" * 5000 + b" 1 1 x\n", 0, 0)
@example(b"= stat\nup 1e400\n" + b"9" * 30 + b" S 1 1 1 1 1 x\n1 S\n", 0, 0)
def test_any_answer_is_survived(noise: bytes, start: int, end: int) -> None:
    for parse, good in (
        (sample.parse, SAMPLE),
        (details.parse, DETAILS),
        (processes.parse, PROCESSES),
        (units.parse, UNITS),
    ):
        read: Callable[[bytes], Any] = parse
        read(noise)
        read(good[:start] + noise + good[end:])
    seen = sample.parse(SAMPLE[: start % 90] + noise + SAMPLE[end % 90 :])
    assert seen.memory_used_ratio is None or 0 <= seen.memory_used_ratio <= 1
    for disk in details.parse(DETAILS[:start] + noise + DETAILS[end:]).disks:
        assert 0 <= disk.used_ratio <= 1
    later = processes.parse(LATER[:start] + noise + LATER[end:], processes.parse(PROCESSES))
    assert all(process.cpu_ratio is None or process.cpu_ratio >= 0 for process in later.processes)


TOLD = [
    ["did", "web.service"],
    ["code", "web.service", "0"],
    ["did", "bad.service"],
    ["output", "Job for bad.service failed because the control process exited with error code."],
    ["code", "bad.service", "1"],
    ["is", "web.service"],
    ["output", "Type=simple"],
    ["output", "Result=success"],
    ["output", "ActiveState=active"],
    ["output", "SubState=running"],
    ["is", "bad.service"],
    ["output", "ActiveState=failed"],
    ["output", "SubState=failed"],
    ["end"],
]


def test_what_came_of_a_restart_is_read_for_each_unit() -> None:
    came = gathered(TOLD, ["web.service", "bad.service", "lost.service"])
    assert judged("restart", "web.service", came["web.service"], "web1") == (
        State.SUCCEEDED,
        "it is active (running)",
    )
    state, why = judged("restart", "bad.service", came["bad.service"], "web1")
    assert state is State.FAILED and why.startswith("Job for bad.service failed") and "it is failed (failed)" in why
    assert judged("restart", "lost.service", came["lost.service"], "web1")[0] is State.UNKNOWN


@pytest.mark.parametrize(
    ("verb", "code", "said", "now", "state", "words"),
    [
        ("restart", 0, "", ("activating", "auto-restart", "exit-code", "simple"), State.FAILED, "exit-code"),
        ("restart", 0, "", ("inactive", "dead", "success", "oneshot"), State.SUCCEEDED, "inactive (dead)"),
        ("restart", 0, "", ("inactive", "dead", "success", "simple"), State.FAILED, "look at its journal"),
        ("start", 0, "", ("active", "exited", "success", "oneshot"), State.SUCCEEDED, "active (exited)"),
        ("stop", 0, "", ("inactive", "dead", "success", "simple"), State.SUCCEEDED, "inactive"),
        ("stop", 0, "", ("active", "running", "success", "simple"), State.FAILED, "systemctl succeeded, but"),
        ("reset-failed", 0, "", ("inactive", "dead", "success", ""), State.SUCCEEDED, "inactive"),
        ("stop", 1, "sudo: a password is required", ("active", "running", "", ""), State.FAILED, "log in as root"),
        ("stop", 1, "Failed to stop x: Access denied", ("active", "running", "", ""), State.FAILED, "let sudo run"),
        ("stop", 5, "Failed to stop x: Unit x not loaded.", ("inactive", "dead", "", ""), State.FAILED, "not loaded"),
    ],
)
def test_systemctl_is_not_taken_at_its_word(
    verb: str, code: int, said: str, now: tuple[str, str, str, str], state: State, words: str
) -> None:
    found = dict(zip(("ActiveState", "SubState", "Result", "Type"), now, strict=True))
    ended, why = judged(verb, "x.service", Came(code, said, found), "web1")
    assert ended is state and words in why
