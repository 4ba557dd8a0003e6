"""The demo's SSH hosts, as the demo starts them."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from cockpit.config.settings import Fleet, Host
from cockpit.demo import hosts as demo
from cockpit.demo.children import Child
from cockpit.fleet.results.outcome import Kill, Outcome
from cockpit.fleet.roster import Roster
from cockpit.tasks.terminal import Terminal


@pytest.fixture(params=["bubblewrap", "none"])
def started(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """(what it announced, its folder); with the sandbox where that works, and without."""
    if request.param == "none":
        tools = tmp_path / "bin"
        tools.mkdir()
        bwrap = tools / "bwrap"
        bwrap.write_text("#!/bin/sh\nexit 1\n")
        bwrap.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    elif not demo.sandbox_works():
        pytest.skip("bubblewrap does not work here")
    child = Child("hosts", tmp_path / "hosts")
    try:
        yield child.facts(), tmp_path / "hosts"
    finally:
        child.hang_up()
        child.wait()


def roster(facts: Any) -> Roster:
    shared = {"known_hosts": facts["known_hosts"], "identity": facts["identity"]}
    return Roster(Fleet(hosts=[Host(**host, **shared) for host in facts["hosts"]]))


async def run(runner: Any, roster: Roster, pattern: str, command: str, seconds: float = 30.0) -> dict[str, Any]:
    """(line, stdout) of each host."""
    await roster.load()
    kept = runner(roster.pool)
    lines = await kept(list(roster.select(pattern)), command, seconds)
    return {line.host: (line, kept.said(line)) for line in lines}


async def test_six_hosts_run_real_commands_two_misbehave_and_only_the_key_of_this_run_may_log_in(
    started: Any, processes: Callable[[str], list[int]], runner: Any
) -> None:
    facts, folder = started
    assert stat.S_IMODE((folder / "id_ed25519").stat().st_mode) == 0o600
    sandboxed = facts["isolation"] == "bubblewrap"
    assert facts["warning"] == ("" if sandboxed else "commands run on this machine as you")
    fleet = roster(facts)
    assert len(facts["hosts"]) == 6
    results = await run(runner, fleet, "*", "hostname; pwd; touch mine && ls; exit 4")
    assert all(line.outcome is not Outcome.OK for line, _ in results.values())
    assert "has changed" in results["cache1"][0].why
    assert results["db2"][0].duration_seconds > 1
    result, said = results["web1"]
    assert result.exit_code == 4 and b"mine" in said
    if sandboxed:
        assert said.splitlines()[:2] == [b"web1", b"/tmp/home"]
        assert b"session runs" in (await run(runner, fleet, "web1", "cat /var/log/syslog"))["web1"][1]
    else:
        assert said.splitlines()[1] == str(folder / "web1").encode()
    ended = await run(runner, fleet, "@web", "kill -TERM $$")
    assert ended["web2"][0].signal == "TERM"
    stopped = await run(runner, fleet, "web1", "trap '' TERM; sleep 33445566 & sleep 33445567; sleep 33445568", 1.0)
    assert (stopped["web1"][0].outcome, stopped["web1"][0].kill) == (Outcome.TIMEOUT_CMD, Kill.CONFIRMED)
    assert not processes("sleep 3344556")
    stranger = folder / "stranger"
    stranger.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    refused = await run(runner, roster({**facts, "identity": str(stranger)}), "web1", "true")
    assert "refused its key" in refused["web1"][0].why


async def test_a_shell_takes_one_line_after_another(started: Any) -> None:
    """The server once read its terminal where nothing was left to read, and all that was typed waited behind that."""
    fleet = roster(started[0])
    await fleet.load()
    (machine,) = fleet.select("web1")
    async with fleet.pool.used() as pool, asyncio.timeout(60):
        running = await pool.shell(machine, Terminal("xterm-256color", 100, 30))
        for number in range(20):
            running.write(f"echo line{number}''end; stty size\n".encode())
            seen = b""
            while f"line{number}end".encode() not in seen or b"30 100" not in seen:
                chunk = await running.channel.read()
                assert chunk is not None, seen
                seen += chunk.data
        running.write(b"exit 3\n")
        while await running.channel.read() is not None:
            pass
        assert running.channel.ending.status == 3
