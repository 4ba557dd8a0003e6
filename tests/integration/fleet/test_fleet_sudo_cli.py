"""`cockpit fleet exec --sudo` as a user runs it, by the real sudo (root alone can run this: it makes a user)."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

MARK = b"pa55"
"""In every password here, whatever it is quoted or escaped to."""


@pytest.fixture
def account(start_account: Callable[..., Any], need: Callable[[str, str], str]) -> Any:
    need("sudo", "apt-get install sudo")
    account = start_account()
    account.may("USER ALL=(ALL) ALL")
    return account


@pytest.fixture
def password_file(tmp_path: Path, account: Any) -> Path:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text(f"{account.password}\n")
    return file


@pytest.fixture
def cockpit(start_cockpit: Any, sshd: Any, account: Any) -> Callable[..., subprocess.Popen[str]]:
    """`cockpit("fleet", "runs")` starts it, all of its log on, on a fleet of web1, where the account logs in."""
    account.lets_in(sshd)
    started: Callable[..., subprocess.Popen[str]] = start_cockpit(
        f'[[fleet.hosts]]\nname = "web1"\naddress = "127.0.0.1"\nport = {sshd.port}\nuser = "{account.name}"\n'
        f'identity = "{sshd.identity}"\nknown_hosts = "{sshd.known_hosts}"\n'
    )
    return partial(started, "--debug")


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def kept_in(folder: Path, password: Path) -> list[str]:
    """The files that have the mark of a password, beside the one that it was given in."""
    files = [path for path in folder.rglob("*") if path.is_file() and path != password]
    names = {path.name for path in files}
    assert {"journal.db", "run.jsonl", "web1.out", "cockpit.log", "report.json"} <= names
    return [str(path) for path in files if MARK in path.read_bytes()]


def processes_with_the_mark() -> list[str]:
    """The processes whose arguments or environment have it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            for name in ("cmdline", "environ"):
                try:
                    seen = (entry / name).read_bytes()
                except OSError:
                    continue
                if MARK in seen:
                    found.append(f"{entry.name} {name}: {seen!r}")
    return found


def test_a_command_as_root_keeps_nothing_of_the_password(cockpit: Any, tmp_path: Path, password_file: Path) -> None:
    go = tmp_path / "go"
    save = tmp_path / "report.json"
    command = f"id -un; cat; echo ready >&2; until [ -e {go} ]; do sleep 0.1; done; exit 3"
    options = ("--sudo", "--sudo-password-file", str(password_file), "--save", str(save))
    process = cockpit("fleet", "exec", "web1", *options, "--", command)
    assert process.stdout.readline() + process.stdout.readline() == "web1: root\nweb1: ready\n"
    try:
        assert not processes_with_the_mark()
    finally:
        go.touch()
    code, out, err = end(process)
    assert (code, out) == (1, "") and "1 host: 1 nonzero" in err and "pa55" not in err
    (host,) = json.loads(save.read_text())["hosts"]
    assert (host["stdout"], host["stderr"], host["exit_code"]) == ("root\n", "ready\n", 3)
    assert not kept_in(tmp_path, password_file)
    code, out, _ = end(cockpit("tasks", "list", "--format", "json"))
    assert code == 0 and "by sudo as root on 1 host: web1" in out and "pa55" not in out


def test_a_wrong_password_runs_nothing_and_is_kept_nowhere(cockpit: Any, tmp_path: Path, password_file: Path) -> None:
    password_file.write_text("wrong-pa55\n")
    ran, save = tmp_path / "ran", tmp_path / "report.json"
    assert end(cockpit("fleet", "exec", "web1", "--", "echo without"))[:2] == (0, "web1: without\n")
    options = ("--sudo", "--sudo-password-file", str(password_file), "--save", str(save), "--format", "json")
    code, out, err = end(cockpit("fleet", "exec", "web1", *options, "--", f"touch {ran}"))
    line = json.loads(out)
    assert code == 1 and "1 host: 1 auth" in err
    assert (line["outcome"], line["exit_code"], line["kill"], line["stdout"]) == ("auth", None, "n/a", "")
    assert "sudo does not take the password: Sorry, try again." in line["why"]
    assert not ran.exists() and "pa55" not in out + err
    assert not kept_in(tmp_path, password_file)


def test_no_password_where_one_is_needed_says_so(cockpit: Any) -> None:
    code, out, _ = end(cockpit("fleet", "exec", "web1", "--sudo", "--format", "json", "--", "id -un"))
    line = json.loads(out)
    assert code == 1 and line["outcome"] == "auth" and "a password is required" in line["why"]


def test_a_time_out_and_an_interrupt_end_what_runs_as_root(
    cockpit: Any, password_file: Path, unique: Callable[[], int], processes: Callable[[str], list[int]]
) -> None:
    sudo = ("--sudo", "--sudo-password-file", str(password_file))
    first, second = unique(), unique()
    command = f"trap '' TERM HUP; setsid sleep {first} & id -un; while :; do sleep {second}; done"
    code, out, _ = end(cockpit("fleet", "exec", "web1", *sudo, "--timeout", "3", "--format", "json", "--", command))
    line = json.loads(out)
    assert code == 1 and line["stdout"] == "root\n"
    assert (line["outcome"], line["kill"]) == ("timeout_cmd", "confirmed"), line["why"]
    assert not processes(f"sleep {first}") and not processes(f"sleep {second}")
    (kept,) = json.loads(end(cockpit("fleet", "runs", "export", "last", "--format", "json"))[1])["hosts"]
    assert (kept["outcome"], kept["kill"], kept["why"]) == ("timeout_cmd", "confirmed", "no end after 3 s; stopped")
    process = cockpit("fleet", "exec", "web1", *sudo, "--", command)
    assert process.stdout.readline() == "web1: root\n"
    process.send_signal(signal.SIGINT)
    code, _, err = end(process)
    assert code == 130 and "1 host: 1 cancelled" in err and "not confirmed" not in err
    assert not processes(f"sleep {first}") and not processes(f"sleep {second}")
