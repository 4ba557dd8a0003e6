"""`cockpit fleet put`, `get` and `sync` as a user runs them."""

from __future__ import annotations

import asyncio
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
    """`cockpit("fleet", "put", ...)` on a fleet of web1, web2 (no such port), prod1, locked and this machine."""
    shared = f'address = "127.0.0.1"\nidentity = "{sshd.identity}"\nknown_hosts = "{sshd.known_hosts}"\n'
    started: Callable[..., subprocess.Popen[str]] = start_cockpit(
        f'[[fleet.hosts]]\nname = "web1"\nroles = ["web"]\nport = {sshd.port}\n{shared}'
        f'[[fleet.hosts]]\nname = "web2"\nroles = ["web"]\nport = 1\n{shared}'
        f'[[fleet.hosts]]\nname = "prod1"\nproduction = true\nport = {sshd.port}\n{shared}'
        f'[[fleet.hosts]]\nname = "locked"\nread_only = true\nport = {sshd.port}\n{shared}'
        '[[fleet.hosts]]\nname = "here"\ntransport = "local"\n'
    )

    return started


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "index").write_text("hello")
    (folder / "sub" / "x y").write_text("world!")
    return folder


def test_put_and_get_say_what_came_of_each_host(cockpit: Any, site: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    code, out, err = end(cockpit("fleet", "put", "@web", "site", "site/index", tmp_path / "there"))
    assert code == 1 and "web1: 5 files, 16B\n" in out
    assert "web2: unreachable: " in err and "2 hosts: 1 ok, 1 unreachable" in err
    assert (tmp_path / "there" / "site" / "sub" / "x y").read_text() == "world!"
    code, out, err = end(cockpit("fleet", "get", "web1,here", tmp_path / "there" / "index", "got"))
    assert code == 0 and sorted(out.splitlines()) == ["here: 1 file, 5B", "web1: 1 file, 5B"]
    assert (
        (tmp_path / "got" / "web1" / "index").read_text()
        == (tmp_path / "got" / "here" / "index").read_text()
        == "hello"
    )
    code, out, err = end(cockpit("fleet", "get", "web1", tmp_path / "there" / "nothing", "got"))
    assert code == 1 and "web1: failed: " in err and "there is no file or folder" in err


def test_sync_lists_in_a_dry_run_what_it_then_does(cockpit: Any, site: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "old").write_text("goes")
    (there / "index").write_text("other")
    (there / "keep.log").write_text("stays")
    arguments = ("fleet", "sync", "web1", "site", there, "--delete", "--exclude", "*.log")
    code, out, _ = end(cockpit(*arguments, "--dry-run"))
    assert code == 0 and (there / "old").exists() and not (there / "sub").exists()
    assert out.splitlines() == [
        "web1: new      folder  sub",
        "web1: new          6B  sub/x y",
        "web1: changed      5B  index",
        "web1: deleted      4B  old",
        "web1: 2 new, 1 changed, 1 deleted; 11B to send",
    ]
    code, out, _ = end(cockpit(*arguments, "--dry-run", "--format", "json"))
    line = json.loads(out)
    assert code == 0 and line["host"] == "web1" and line["outcome"] == "ok" and line["bytes"] == 11
    assert [change["path"] for change in line["deleted"]] == ["old"]
    assert line["changed"] == [{"path": "index", "kind": "file", "size": 5, "mode": "644", "old_mode": "644"}]
    code, out, err = end(cockpit(*arguments, "--format", "json"))
    assert code == 2 and "--yes=1" in err and (there / "old").exists()
    code, out, _ = end(cockpit(*arguments, "--yes", "1", "--format", "json"))
    line = json.loads(out)
    assert code == 0 and (line["files"], line["deleted"], line["bytes"], line["error"]) == (3, 1, 11, None)
    assert sorted(path.name for path in there.iterdir()) == ["index", "keep.log", "sub"]
    code, out, _ = end(cockpit(*arguments, "--yes", "1"))
    assert code == 0 and out == "web1: nothing to do\n"


def test_a_release_from_the_command_line(cockpit: Any, site: Path, tmp_path: Path) -> None:
    for word in ("one", "two", "three"):
        (site / "index").write_text(word)
        code, out, _ = end(cockpit("fleet", "sync", "here", "site", tmp_path / "live", "--release", "--keep", "1"))
        assert code == 0 and "release 2" in out
        assert (tmp_path / "live" / "index").read_text() == word
    assert len(list((tmp_path / "releases").iterdir())) == 2
    code, _, err = end(cockpit("fleet", "sync", "here", "site", tmp_path / "live", "--release", "--delete"))
    assert code == 2 and "leave --delete out" in err


def test_production_read_only_and_mistakes(cockpit: Any, site: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    code, _, err = end(cockpit("fleet", "sync", "prod1", "site", there))
    assert code == 2 and "prod1 is in production" in err and "--yes=1" in err
    code, _, err = end(cockpit("fleet", "put", "locked", "site", there))
    assert code == 2 and "locked is read-only" in err
    code, _, err = end(cockpit("--read-only", "fleet", "put", "web1", "site", there))
    assert code == 2 and "read-only" in err
    code, _, err = end(cockpit("fleet", "sync", "web1", "nowhere", there))
    assert code == 2 and "nowhere: No such file" in err
    code, _, err = end(cockpit("fleet", "sync", "wbe1", "site", there))
    assert code == 2 and "did you mean" in err
    assert not there.exists()
    code, out, _ = end(cockpit("fleet", "sync", "prod1,locked", "site", there, "--dry-run"))
    assert code == 0 and "prod1: new" in out and "locked: new" in out and not there.exists()
    code, out, _ = end(cockpit("fleet", "get", "locked,prod1", site / "index", "got", "--dry-run"))
    assert code == 0 and "nothing was changed" in out and not (tmp_path / "got").exists()
    code, _, _ = end(cockpit("fleet", "get", "locked", site / "index", "got"))
    assert code == 0 and (tmp_path / "got" / "index").read_text() == "hello"
    code, _, _ = end(cockpit("fleet", "sync", "prod1", "site", there, "--yes", "1"))
    assert code == 0 and (there / "index").exists()


def test_an_interrupt_ends_the_tar_there(
    cockpit: Any, site: Path, tmp_path: Path, processes: Any, comes_true: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = os.getpid() * 100 + 40_000_000
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tar").write_text(f'#!/bin/sh\ncase "$1" in -x) exec sleep {number};; esac\nexec /usr/bin/tar "$@"\n')
    (tools / "tar").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    process = cockpit("fleet", "sync", "here", "site", tmp_path / "there")
    asyncio.run(comes_true(lambda: processes(f"sleep {number}")))
    process.send_signal(signal.SIGINT)
    code, _, err = end(process)
    assert code == 130 and "here: cancelled: nothing was changed" in err
    assert (
        not processes(f"sleep {number}") and not (tmp_path / "there").exists() and not list(tmp_path.glob(".cockpit-*"))
    )


def test_a_full_disk_on_either_side_leaves_the_old_file(cockpit: Any, tmp_path: Path, need: Any) -> None:
    need("bwrap", "apt-get install bubblewrap")
    small = ["bwrap", "--dev-bind", "/", "/", "--size", str(2 * 2**20), "--tmpfs", "/mnt"]
    if subprocess.run([*small, "true"], capture_output=True).returncode:
        pytest.skip("bwrap may not mount here")
    (tmp_path / "big").write_bytes(os.urandom(4 * 2**20))
    places = {"COCKPIT_CONFIG": str(tmp_path / "cockpit.toml"), "COCKPIT_STATE_DIR": str(tmp_path / "state")}
    program = f"{sys.executable} -m cockpit fleet"
    for words in (f"put here {tmp_path}/big /mnt/big", f"get here {tmp_path}/big /mnt"):
        script = f"echo old >/mnt/big; {program} {words}; echo $?; cat /mnt/big; ls -A /mnt"
        ran = subprocess.run(
            [*small, "sh", "-c", script],
            env={**os.environ, **places},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        said = "the disk there is full" if words.startswith("put") else "No space left on device"
        assert said in ran.stderr and "Traceback" not in ran.stderr
        assert ran.stdout.splitlines()[-3:] == ["1", "old", "big"]
