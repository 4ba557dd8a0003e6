"""`cockpit fleet exec` and `cockpit fleet runs` as a user runs them: what is kept, found again and repeated."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def cockpit(start_cockpit: Any, sshd: Any) -> Callable[..., subprocess.Popen[str]]:
    """`cockpit("fleet", "runs")` starts it on a fleet of web1 to web4, one of which is this machine."""
    shared = f'address = "127.0.0.1"\nidentity = "{sshd.identity}"\nknown_hosts = "{sshd.known_hosts}"\n'
    started: Callable[..., subprocess.Popen[str]] = start_cockpit(
        "".join(f'[[fleet.hosts]]\nname = "web{n}"\nport = {sshd.port}\n{shared}' for n in (1, 2, 3))
        + '[[fleet.hosts]]\nname = "web4"\ntransport = "local"\n'
        '[[fleet.commands]]\nname = "greet"\ncommand = "echo hello {whom}"\nselection = "web4"\n'
        'parameters.whom = { default = "you", pattern = "[^x]+" }\n'
    )
    return started


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


ODD = "if [ $(wc -c < {0}) -lt 1 ]; then echo x > {0}; echo odd; exit 4; fi; echo same; echo note >&2"
"""The first host that runs it is the odd one."""


def test_a_run_is_listed_shown_compared_searched_exported_repeated_and_forgotten(cockpit: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    mark.touch()
    save = tmp_path / "report.md"
    arguments = ("--forks", "1", "--fold", "--save", str(save), "--", ODD.format(mark))
    code, out, err = end(cockpit("fleet", "exec", "web[1-4]", *arguments))
    assert code == 1 and "4 hosts: 3 ok, 1 nonzero" in err
    assert out.startswith(
        "web1: nonzero: exit status 4\n--- stdout of web2\n+++ stdout of web1\n@@ -1 +1 @@\n-same\n+odd\n"
    )
    assert out.endswith("\nweb[2-4] (3 hosts): ok\nsame\n[stderr]\nnote\n")
    assert "## web1: nonzero: exit status 4" in save.read_text() and "```diff" in save.read_text()
    code, listed, _ = end(cockpit("fleet", "runs"))
    assert code == 0 and "4 hosts: 3 ok, 1 nonzero" in listed and "ended" in listed
    (run,) = [json.loads(line) for line in end(cockpit("fleet", "runs", "list", "--format", "json"))[1].splitlines()]
    code, shown, _ = end(cockpit("fleet", "runs", "show", run["key"][:5]))
    assert code == 0 and "forks 1" in shown and "web1: nonzero: exit status 4" in shown and "web4: ok" in shown
    code, said, _ = end(cockpit("fleet", "runs", "output", "last", "web1"))
    assert (code, said) == (0, "odd\n")
    assert end(cockpit("fleet", "runs", "output", "last", "web2", "--stderr"))[:2] == (0, "note\n")
    assert end(cockpit("fleet", "runs", "diff", "last"))[:2] == (0, out)
    code, found, _ = end(cockpit("fleet", "runs", "search", "last", "/^(ODD|no)/"))
    assert code == 0 and found == "web1:1: odd\nweb2!:1: note\nweb3!:1: note\nweb4!:1: note\n"
    assert end(cockpit("fleet", "runs", "search", "last", "not there"))[:2] == (1, "")
    document = json.loads(end(cockpit("fleet", "runs", "export", "last", "--format", "json"))[1])
    assert [host["stdout"] for host in document["hosts"]] == ["odd\n", "same\n", "same\n", "same\n"]
    assert document["run"]["command"] == ODD.format(mark) and document["plan"] == {"forks": 1}
    code, out, err = end(cockpit("fleet", "runs", "rerun", "last", "last:failed"))
    assert (code, out) == (0, "web1: same\nweb1: note\n") or (code, out) == (0, "web1: note\nweb1: same\n"), err
    code, _, err = end(cockpit("fleet", "exec", "last:failed", "--", "true"))
    assert code == 2 and "leaves no host" in err
    assert end(cockpit("fleet", "list", f"run:{run['key']}:failed", "--no-connect", "--format", "json"))[0] == 0
    assert end(cockpit("fleet", "runs", "forget", run["key"]))[0] == 0
    code, _, err = end(cockpit("fleet", "runs", "show", run["key"]))
    assert code == 2 and "there is no run" in err


def test_a_run_that_was_killed_is_interrupted_and_claims_nothing(
    cockpit: Any, processes: Callable[[str], list[int]], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    command = f"echo started; [ -e {mark} ] || {{ touch {mark}; exit 0; }}; sleep 77889911"
    process = cockpit("fleet", "exec", "web[1-3]", "--forks", "1", "--", command)
    assert process.stdout.readline() == "web1: started\n"
    assert process.stdout.readline() == "web2: started\n"
    process.kill()
    process.communicate()
    for pid in processes("sleep 77889911"):
        os.kill(pid, signal.SIGKILL)
    code, out, _ = end(cockpit("fleet", "runs"))
    assert code == 0 and "interrupted" in out and "1 ok, 1 unknown outcome, 1 skipped" in out
    code, out, _ = end(cockpit("fleet", "runs", "show", "last"))
    assert code == 0 and "web2: unknown outcome: cockpit was ended over it" in out
    assert "web3: skipped: cockpit ended before its turn" in out
    assert end(cockpit("fleet", "runs", "output", "last", "web1"))[1] == "started\n"
    code, out, _ = end(cockpit("fleet", "exec", "last:skipped", "--", "echo now"))
    assert (code, out) == (0, "web3: now\n"), "not where it may have run"


def test_a_second_interrupt_leaves_at_once_and_says_what_is_not_confirmed(
    cockpit: Any, sshd: Any, processes: Callable[[str], list[int]]
) -> None:
    process = cockpit("fleet", "exec", "web1", "--", "echo started; sleep 77889922")
    assert process.stdout.readline() == "web1: started\n"
    frozen = [*sshd.serving(), sshd.pid]
    try:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        code, _, err = end(process)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        for pid in processes("sleep 77889922"):
            os.kill(pid, signal.SIGKILL)
    assert code == 130 and "not confirmed, it may still run there: web1" in err


def test_a_plan_on_the_command_line(cockpit: Any, tmp_path: Path) -> None:
    code, out, err = end(cockpit("fleet", "exec", "web[1-4]", "--canary", "1", "--format", "json", "--", "exit 9"))
    ends = {line["host"]: line["outcome"] for line in map(json.loads, out.splitlines())}
    assert code == 1 and ends == {"web1": "nonzero", "web2": "skipped", "web3": "skipped", "web4": "skipped"}
    assert "the canary ended as nonzero" in err
    for wrong in (("--wave", "0"), ("--max-failures", "most"), ("--max-unreachable", "101%")):
        code, _, err = end(cockpit("fleet", "exec", "web1", *wrong, "--", "true"))
        assert code == 2 and err.count("\n") == 1
    plan = ("--canary", "1", "--wave", "50%", "--max-failures", "10%/wave")
    times = ("--timeout", "5", "--connect-timeout", "2")
    code, out, _ = end(cockpit("fleet", "exec", "web[1-4]", "--dry-run", *plan, *times, "--", "true"))
    assert code == 0 and "canary: web1\nwave 2 of 3: web[2-3]\nwave 3 of 3: web4\n" in out
    assert "more than 10% of the wave failed" in out and "5 s for the command on each host, 2 s to connect" in out


def test_the_word_after_sudo_is_never_taken_for_a_user(cockpit: Any) -> None:
    code, out, _ = end(cockpit("fleet", "exec", "--dry-run", "--sudo", "web1", "--", "id"))
    assert code == 0 and "by sudo as root" in out and "web1: " in out
    code, out, _ = end(cockpit("fleet", "exec", "--dry-run", "--sudo=ops", "web1", "--", "sudo --sudo"))
    assert code == 0 and "by sudo as ops" in out and "command: sudo --sudo\n" in out
    code, _, err = end(cockpit("fleet", "exec", "web1", "--sudo-password-file", "/dev/null", "--", "id"))
    assert code == 2 and "is for --sudo" in err


def test_a_place_to_save_to_is_looked_at_before_anything_runs(cockpit: Any, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code, _, err = end(cockpit("fleet", "exec", "web4", "--save", "/no/such/folder/x.md", "--", f"touch {ran}"))
    assert code == 2 and "cannot write" in err and not ran.exists()
    code, _, err = end(cockpit("fleet", "exec", "web4", "--fold", "--format", "json", "--", f"touch {ran}"))
    assert code == 2 and not ran.exists()


def test_a_saved_command_takes_values_and_has_hosts_of_its_own(cockpit: Any) -> None:
    assert end(cockpit("fleet", "exec", "--saved", "greet"))[:2] == (0, "web4: hello you\n")
    code, out, _ = end(cockpit("fleet", "exec", "--saved", "greet", "--set", "whom=$(id); it's", "web1"))
    assert (code, out) == (0, "web1: hello $(id); it's\n")
    for wrong, said in (
        (("--saved", "gret"), "there is no saved command 'gret'"),
        (("--saved", "greet", "--set", "whom=x"), "does not fit"),
        (("--saved", "greet", "--set", "whom"), "NAME=VALUE"),
        (("--saved", "greet", "web1", "--", "true"), "stands for the command"),
        (("--set", "whom=x", "web1", "--", "true"), "--set is for --saved"),
        (("web1",), "no command"),
    ):
        code, _, err = end(cockpit("fleet", "exec", *wrong))
        assert code == 2 and said in err, err


def test_progress_on_a_terminal_garbles_no_line(cockpit: Any) -> None:
    ours, theirs = pty.openpty()
    terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    command = "for i in 1 2 3; do echo line $i; sleep 0.2; done; exit 3"
    child = cockpit("fleet", "exec", "web[1-4]", "--", command, **terminal)
    os.close(theirs)
    shown = bytearray()
    with contextlib.suppress(OSError):  # the other end has gone: EIO
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert child.wait(30) == 1 and b"of 4 hosts" in shown
    erase = "\r\x1b[K"
    lines = [line.rpartition(erase)[2] for line in shown.decode().replace("\r\n", "\n").split("\n")]
    for host in range(1, 5):
        own = [line for line in lines if line.startswith(f"web{host}: line")]
        assert own == [f"web{host}: line {number}" for number in (1, 2, 3)]
    assert not any("of 4 hosts" in line for line in lines) and lines[-1] == ""


def test_many_long_lines_go_through_a_pipe_whole_and_a_reader_that_leaves_ends_it(cockpit: Any) -> None:
    code, out, _ = end(cockpit("fleet", "exec", "web1,web4", "--", "seq 1 300000; printf last"))
    lines = out.splitlines()
    assert code == 0 and len(lines) == 600_002
    for host in ("web1", "web4"):
        own = [line.removeprefix(f"{host}: ") for line in lines if line.startswith(f"{host}: ")]
        assert own == [*map(str, range(1, 300_001)), "last"]
    process = cockpit("fleet", "exec", "web1", "--", "yes")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 130 and "stopped" in process.stderr.read()
    process.stderr.close()
