"""`cockpit fleet` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def cockpit(start_cockpit: Any, sshd: Any) -> Callable[..., subprocess.Popen[str]]:
    """`cockpit("fleet", "list")` starts it on a fleet of web1, web2 (no such port), prod1 and this machine."""
    shared = f'address = "127.0.0.1"\nidentity = "{sshd.identity}"\nknown_hosts = "{sshd.known_hosts}"\n'
    started: Callable[..., subprocess.Popen[str]] = start_cockpit(
        f'[[fleet.hosts]]\nname = "web1"\nroles = ["web"]\nport = {sshd.port}\n{shared}'
        f'[[fleet.hosts]]\nname = "web2"\nroles = ["web"]\nport = 1\n{shared}'
        f'[[fleet.hosts]]\nname = "prod1"\nenv = "prod"\nproduction = true\nport = {sshd.port}\n{shared}'
        f'[[fleet.hosts]]\nname = "locked"\nread_only = true\nport = {sshd.port}\n{shared}'
        '[[fleet.hosts]]\nname = "here"\ntransport = "local"\n'
    )
    return started


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_a_list_of_some_hosts_connects_to_no_other(cockpit: Any, sshd: Any) -> None:
    code, out, _ = end(cockpit("fleet", "list", "web1,here"))
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == ["HOST", "web1", "here"]
    assert (sshd.folder / "log").read_text().count("Accepted publickey") == 1


def test_exec_prefixes_lines_and_sums_up(cockpit: Any) -> None:
    code, out, err = end(cockpit("fleet", "exec", "web1,here", "--", "echo", "one;", "echo two >&2"))
    assert code == 0
    assert sorted(out.splitlines()) == ["here: one", "here: two", "web1: one", "web1: two"]
    assert "2 hosts: 2 ok" in err


def test_exec_as_json_is_a_line_a_host_and_fails_when_one_does(cockpit: Any) -> None:
    code, out, err = end(
        cockpit("fleet", "exec", "@web", "--format", "json", "--", "printf 'a\\377'; echo b >&2; exit 5")
    )
    assert code == 1
    lines = {line["host"]: line for line in map(json.loads, out.splitlines())}
    assert set(lines) == {"web1", "web2"}
    web1 = lines["web1"]
    assert list(web1)[:11] == [
        "host", "address", "outcome", "exit_code", "signal", "stdout", "stderr", "truncated", "spill", "kill",
        "duration_seconds",
    ]  # fmt: skip
    assert (web1["outcome"], web1["exit_code"], web1["signal"], web1["kill"]) == ("nonzero", 5, None, "n/a")
    assert (web1["stdout"], web1["stderr"], web1["truncated"]) == ("a\ufffd", "b\n", False)
    assert web1["duration_seconds"] > 0 and web1["why"] == "exit status 5"
    assert Path(web1["spill"]).read_bytes() == b"a\xff" and Path(web1["stderr_spill"]).read_bytes() == b"b\n"
    assert lines["web2"]["outcome"] == "unreachable" and lines["web2"]["exit_code"] is None
    assert "refused" in lines["web2"]["why"].lower() and lines["web2"]["stdout"] == "" and not lines["web2"]["spill"]
    assert "2 hosts: 1 nonzero, 1 unreachable" in err


def test_long_output_keeps_its_tail(cockpit: Any) -> None:
    code, out, _ = end(cockpit("fleet", "exec", "web1", "--format", "json", "--", "seq 1 200000"))
    line = json.loads(out)
    assert code == 0 and line["truncated"] and line["stdout"].endswith("\n200000\n")
    assert len(line["stdout"]) == 65536 and line["lines"] == 200_000
    assert Path(line["spill"]).read_text() == "".join(f"{n}\n" for n in range(1, 200_001))


def test_production_needs_the_exact_count(cockpit: Any) -> None:
    code, out, err = end(cockpit("fleet", "exec", "prod1,web1", "--", "true"))
    assert (code, out) == (2, "") and "prod1 is in production" in err and "--yes=2" in err
    code, _, err = end(cockpit("fleet", "exec", "prod1", "--yes=3", "--", "true"))
    assert code == 2 and "these are 1" in err
    code, _, _ = end(cockpit("fleet", "exec", "prod1", "--yes=1", "--", "true"))
    assert code == 0


def test_mistakes_are_one_line_with_the_next_step(cockpit: Any) -> None:
    code, _, err = end(cockpit("fleet", "exec", "wbe1", "--", "true"))
    assert code == 2 and err.count("\n") == 1 and "did you mean 'web1'" in err
    code, _, err = end(cockpit("fleet", "exec", "locked", "--", "true"))
    assert code == 2 and "locked is read-only" in err
    code, _, err = end(cockpit("--read-only", "fleet", "exec", "web1", "--", "true"))
    assert code == 2 and "read-only" in err
    code, _, err = end(cockpit("fleet", "exec", "web1", "--", " "))
    assert code == 2 and "there is no command" in err


def test_a_dry_run_connects_to_nothing(cockpit: Any, sshd: Any) -> None:
    sshd.kill()
    code, out, _ = end(cockpit("fleet", "exec", "web1,prod1", "--dry-run", "--", "uptime"))
    assert code == 0 and "nothing was changed" in out and "command: uptime\n" in out
    assert f"@127.0.0.1:{sshd.port}\n" in out and f"@127.0.0.1:{sshd.port} (production)\n" in out


def test_a_timeout_and_an_interrupt_end_the_command_on_the_host(
    cockpit: Any, processes: Callable[[str], list[int]]
) -> None:
    code, out, err = end(cockpit("fleet", "exec", "web1", "--timeout", "1", "--format", "json", "--", "sleep 55667788"))
    line = json.loads(out)
    assert code == 1 and (line["outcome"], line["kill"]) == ("timeout_cmd", "confirmed")
    process = cockpit("fleet", "exec", "web1", "--", "echo started; sleep 55667789")
    assert process.stdout.readline() == "web1: started\n"
    process.send_signal(signal.SIGINT)
    code, _, err = end(process)
    assert code == 130 and "stopped" in err
    assert not processes("sleep 5566778")


def test_the_journal_has_the_row_before_the_effect(cockpit: Any, processes: Callable[[str], list[int]]) -> None:
    process = cockpit("fleet", "exec", "web1", "--", "echo started; sleep 66778899")
    assert process.stdout.readline() == "web1: started\n"
    process.kill()
    process.communicate()
    for pid in processes("sleep 66778899"):
        os.kill(pid, signal.SIGKILL)
    code, out, _ = end(cockpit("tasks", "list", "--format", "json"))
    assert code == 0 and "interrupted" in out and "sleep 66778899" in out


def test_list_looks_once_at_each_host(cockpit: Any) -> None:
    code, out, _ = end(cockpit("fleet", "list", "--format", "json"))
    lines = {line["name"]: line for line in map(json.loads, out.splitlines())}
    assert code == 0 and list(lines) == ["web1", "web2", "prod1", "locked", "here"]
    assert lines["web1"]["state"] == "up" and lines["web1"]["cpus"] and lines["web2"]["state"] == "unreachable"
    assert set(lines["web1"]) == {
        "key", "name", "address", "roles", "env", "state", "error", "latency_seconds", "age_seconds", "load1", "cpus",
        "cpu_ratio", "memory_used_ratio", "memory_bytes", "disk_used_ratio", "disks", "uptime_seconds", "kernel", "os",
        "reboot_needed", "failed_units", "users", "top_cpu", "top_memory",
    }  # fmt: skip
    code, out, _ = end(cockpit("fleet", "list", "@web", "--no-connect"))
    assert code == 0 and "web2" in out and "prod1" not in out and "connecting" not in out
    code, out, _ = end(cockpit("fleet", "list"))
    assert "● up" in out and "✗ unreachable" in out


def test_an_end_that_the_full_disk_does_not_take_is_told(tmp_path: Path, need: Callable[[str, str], str]) -> None:
    need("bwrap", "apt-get install bubblewrap")
    small = ["bwrap", "--dev-bind", "/", "/", "--size", str(256 * 1024), "--tmpfs", "/mnt"]
    if subprocess.run([*small, "true"], capture_output=True).returncode:
        pytest.skip("bwrap may not mount here")
    config = tmp_path / "cockpit.toml"
    config.write_text('[[fleet.hosts]]\nname = "here"\ntransport = "local"\n')
    process = subprocess.Popen(
        [*small, sys.executable, "-m", "cockpit", "fleet", "exec", "here", "--", "seq 1 450000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COCKPIT_CONFIG": str(config), "COCKPIT_STATE_DIR": "/mnt/state"},
    )
    code, out, err = end(process)
    assert code == 0 and out.endswith("here: 450000\n")
    assert "not recorded: /mnt/state/tasks/journal.db: the disk is full; free some space" in err
