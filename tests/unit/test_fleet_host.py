from __future__ import annotations

import msgspec
from msgspec.structs import replace

from cockpit.fleet.columns import COLUMNS, search
from cockpit.fleet.facts.details import Details, Disk, TopProcess
from cockpit.fleet.host import Host, unseen
from cockpit.fleet.machine import Machine
from cockpit.fleet.report import report
from cockpit.listing.cells import row
from cockpit.model.tone import Tone

DETAILS = Details(
    system="Linux 6.1.0-18-amd64",
    os="Debian GNU/Linux 12 (bookworm)",
    cpus=2,
    reboot=True,
    failed_units=("nginx.service", "backup.timer"),
    users=("ann", "bob", "cid", "dan"),
    disks=(Disk("/", 0.5, 10**9), Disk("/var", 0.96, 10**9)),
    top_cpu=(TopProcess(7, "postgres", 0.97, 3 * 2**20), TopProcess(8, "sh", 0.01, 100)),
    top_memory=(TopProcess(9, "java", 0.0, 2**30),),
)
SEEN = Host(
    "config/web1",
    "config",
    "web1",
    "10.0.0.1",
    ("web", "edge"),
    "prod",
    "up",
    latency_seconds=1.5,
    seen_at=1000.0,
    load1=4.2,
    cpu_ratio=0.5,
    memory_used_ratio=0.81,
    memory_bytes=2**32,
    uptime_seconds=7200.0,
    details=DETAILS,
)


def machine(**changes: object) -> Machine:
    return Machine(**{"source": "config", "name": "web1", "address": "10.0.0.1", **changes})  # type: ignore[arg-type]


def cells(host: Host, now: float = 0.0) -> dict[str, tuple[str, Tone]]:
    return {c.id: (cell.text, cell.tone) for c, cell in zip(COLUMNS, row(COLUMNS, host, now), strict=True)}


def test_columns_judge_by_thresholds() -> None:
    shown = cells(SEEN)
    assert shown["host"] == ("web1", Tone.NORMAL)
    assert shown["role"] == ("web,edge", Tone.NORMAL)
    assert shown["state"] == ("up", Tone.GOOD)
    assert shown["load"] == ("4.20", Tone.BAD)
    assert shown["cpu"] == ("50%", Tone.NORMAL)
    assert shown["memory"] == ("81%", Tone.WARN)
    assert shown["disk"] == ("96% /var", Tone.BAD)
    assert shown["failed"] == ("2", Tone.BAD)
    assert shown["units"] == ("nginx.service,backup.timer", Tone.BAD)
    assert shown["reboot"] == ("needed", Tone.WARN)
    assert shown["top"] == ("postgres 97%", Tone.NORMAL)
    assert shown["top_memory"] == ("java 1.0G", Tone.NORMAL)
    assert shown["users"] == ("ann,bob,cid +1", Tone.NORMAL)
    assert shown["kernel"] == ("6.1.0-18-amd64", Tone.NORMAL)
    assert shown["uptime"] == ("120m", Tone.NORMAL)
    assert shown["latency"] == ("1.5s", Tone.WARN)


def test_nothing_failed_is_not_the_same_as_not_known() -> None:
    fine = replace(SEEN, details=replace(DETAILS, failed_units=(), reboot=False))
    assert cells(fine)["failed"] == ("0", Tone.NORMAL) and cells(fine)["reboot"] == ("", Tone.NORMAL)
    unknown = replace(SEEN, details=replace(DETAILS, failed_units=None, reboot=None))
    assert cells(unknown)["failed"] == ("-", Tone.MUTED) and cells(unknown)["reboot"] == ("-", Tone.MUTED)


def test_figures_that_are_not_current_are_muted_and_the_state_says_their_age() -> None:
    old = replace(SEEN, state="stale", latency_seconds=None)
    shown = cells(old, 1090.0)
    assert shown["state"] == ("stale 90s", Tone.WARN)
    assert shown["load"] == ("4.20", Tone.MUTED)
    for column in COLUMNS:
        if column.id not in ("state", "host", "role", "env", "address", "source", "error"):
            text, tone = shown[column.id]
            assert tone is Tone.MUTED or not text, column.id
    assert report(old, 1090.0).age_seconds == 90.0
    assert cells(replace(SEEN, state="unreachable", seen_at=None), 1090.0)["state"][0] == "unreachable"


def test_what_is_not_known_is_a_dash_and_null() -> None:
    host = unseen(machine(unsupported="PKCS11Provider", port=2222, notes=("Match x is not honoured",)))
    assert host.state == "unsupported: PKCS11Provider"
    assert cells(host)["load"] == ("-", Tone.MUTED)
    said = msgspec.to_builtins(report(host, 0.0))
    known = {"key", "name", "address", "roles", "env", "state", "error"}
    assert {word: said[word] for word in known} == {
        "key": "config/web1",
        "name": "web1",
        "address": "10.0.0.1:2222",
        "roles": (),
        "env": "",
        "state": "unsupported: PKCS11Provider",
        "error": "Match x is not honoured",
    }
    assert all(value is None or value == () for word, value in said.items() if word not in known)


def test_a_report_has_all_facts() -> None:
    said = msgspec.to_builtins(report(SEEN, 1001.0))
    assert said["disk_used_ratio"] == 0.5 and said["disks"][1] == {
        "mount": "/var",
        "used_ratio": 0.96,
        "size_bytes": 10**9,
    }
    assert said["failed_units"] == ("nginx.service", "backup.timer") and said["reboot_needed"] is True
    assert said["kernel"] == "Linux 6.1.0-18-amd64" and said["age_seconds"] == 1.0
    assert said["top_cpu"][0] == {"pid": 7, "name": "postgres", "cpu_ratio": 0.97, "memory_bytes": 3 * 2**20}


def test_hostile_text_is_drawn_safely() -> None:
    top = (TopProcess(1, "\x1b[2J", 0.1, 1),)
    bad = Details(system="\x1b]0;x\x07", failed_units=("\x9b31m",), users=("\u202ex",), top_cpu=top, top_memory=top)
    host = replace(unseen(machine(name="web\x1b]52;c;x\x07", roles=("\x9b31m",), env="\u202eprod")), details=bad)
    text = "".join(text for text, _ in cells(host).values())
    assert not any(char in text for char in "\x1b\x07\x9b\u202e")


def test_every_column_sorts_known_and_unknown_together() -> None:
    hosts = [unseen(machine()), SEEN, replace(SEEN, details=None), replace(SEEN, details=Details())]
    for column in COLUMNS:
        sorted(hosts, key=column.sort_key)
    assert "web1 10.0.0.1" in search(hosts[0])


def test_the_filter_looks_into_kernel_units_and_users() -> None:
    text = search(SEEN)
    for word in ("6.1.0-18", "bookworm", "nginx.service", "bob", "reboot"):
        assert word in text
    assert "reboot" not in search(replace(SEEN, details=replace(DETAILS, reboot=False)))
