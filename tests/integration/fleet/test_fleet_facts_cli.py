"""`cockpit fleet facts` over real sshd, as a user runs it."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def facts(sshd: Any, start_cockpit: Any) -> Start:
    """`facts("web1", "--format", "json")` starts it; web2 does not answer."""
    shared = f'identity = "{sshd.identity}"\nknown_hosts = "{sshd.known_hosts}"\naddress = "127.0.0.1"\n'
    started: Start = start_cockpit(
        f'[[fleet.hosts]]\nname = "web1"\nport = {sshd.port}\n{shared}'
        f'[[fleet.hosts]]\nname = "web2"\nport = 1\n{shared}'
        '[[fleet.hosts]]\nname = "here"\ntransport = "local"\n'
    )
    return partial(started, "fleet", "facts")


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=90)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_all_facts_as_json_a_line_a_host(facts: Start) -> None:
    code, out, _ = ended(facts("web1,here", "--format", "json"))
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["name"] for line in lines] == ["here", "web1"]
    for line in lines:
        assert line["state"] == "up" and line["kernel"].startswith("Linux ") and line["top_memory"]
        assert line["cpu_ratio"] is not None and line["disks"][0]["mount"] == "/" and "failed_units" in line


def test_a_host_that_does_not_answer_is_a_line_and_the_exit_code(facts: Start) -> None:
    code, out, _ = ended(facts("*", "--sort", "load"))
    assert code == 1
    title, *rows = out.splitlines()
    assert title.split()[:3] == ["HOST", "STATE", "LOAD"]
    assert len(rows) == 3 and rows[-1].startswith("web2") and "unreachable" in rows[-1], "what is not known is last"
    code, out, _ = ended(facts("web1,web2", "--format", "csv"))
    one, two = csv.DictReader(out.splitlines())
    assert code == 1 and one["state"] == "up" and one["disks"].startswith("/=0.") and two["load1"] == ""


def test_bad_usage_says_what_there_is(facts: Start) -> None:
    code, _, err = ended(facts("web1", "--sort", "nope"))
    assert code == 2 and "one of: host, role" in err
    code, _, err = ended(facts("web9"))
    assert code == 2 and "web9" in err


def test_watching_goes_on_until_it_is_interrupted(facts: Start) -> None:
    process = facts("web1", "--watch", "0.5", "--format", "json")
    assert process.stdout is not None
    first, second, third = (json.loads(process.stdout.readline()) for _ in range(3))
    assert first["state"] == second["state"] == third["state"] == "up" and third["cpu_ratio"] is not None
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
