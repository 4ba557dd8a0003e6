"""A run on the screen: real runs on this machine, by as many hosts as one likes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from cockpit.config import settings
from cockpit.fleet.results.history import HostLine
from cockpit.fleet.results.outcome import Phase
from cockpit.fleet.run.job import exec_job
from cockpit.fleet.run.order import Order
from cockpit.fleet.run.run import Run
from cockpit.session.fleet import FleetPane
from cockpit.session.session import Session, open_session
from cockpit.tasks.action import Job
from cockpit.tui.app import Cockpit
from cockpit.tui.runs.beside import BesideView
from cockpit.tui.screens.fleet_run import RunScreen

NAMES = [f"web{n}" for n in range(1, 7)]


@pytest.fixture
def fleet_app(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`async with fleet_app() as (app, session)`: a cockpit whose six hosts are all this machine."""
    monkeypatch.setenv("COCKPIT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))

    @asynccontextmanager
    async def run(
        size: tuple[int, int] = (130, 32), *, read_only: bool = False, hosts: int = 6
    ) -> AsyncIterator[tuple[Any, Session]]:
        names = NAMES if hosts == len(NAMES) else [f"web{n:03}" for n in range(1, hosts + 1)]
        chosen = settings.Settings(
            fleet=settings.Fleet(
                hosts=[settings.Host(name=name, address=name, transport="local") for name in names], interval=3600.0
            )
        )
        opened: list[Session] = []

        @asynccontextmanager
        async def factory() -> AsyncIterator[Session]:
            async with open_session(chosen, read_only=read_only) as session:
                opened.append(session)
                yield session

        app = Cockpit(chosen, read_only=read_only, session_factory=factory)
        async with app.run_test(size=size, notifications=True) as pilot:
            driver = world.driver(app, pilot)
            await driver.shows(names[0])
            await driver.until(lambda: app.focused is not None, "the session taken")
            yield driver, opened[0]
            app.leave(0)
            await driver.until(lambda: app._leaving is not None and app._leaving.done(), "left")

    return run


async def begin(app: Any, session: Session, command: str, hosts: str = "web*", **fields: Any) -> RunScreen:
    """Run a command on the screen, as what the dialogs ask is answered."""
    pane = session.panes["fleet"]
    assert isinstance(pane, FleetPane)
    action = next(action for action in pane.actions if action.id == "fleet.exec")
    job = action.bind((), {"command": command, "pattern": hosts, "timeout": "60", **fields})
    return await open_run(app, session, job)


async def open_run(app: Any, session: Session, job: Job) -> RunScreen:
    """Begin it as the dialogs would, and wait for its screen."""
    task = session.tasks.submit(job)
    app.app.started(session, task.id, "Run", shown=True)
    await app.until(lambda: isinstance(app.app.screen, RunScreen), "the run screen")
    screen = app.app.screen
    assert isinstance(screen, RunScreen)
    return screen


def ended(screen: RunScreen) -> dict[str, HostLine]:
    """How the hosts ended, by name."""
    return {name: row.result for name, row in screen.watched.rows.items() if row.result is not None}


def rows(app: Any) -> list[str]:
    """The first word of each row of the table of hosts."""
    table = app.app.screen.hosts.table
    return [item.name for item in table.listing.window(0, 100)]


async def test_a_command_from_the_pane_opens_its_run(fleet_app: Any) -> None:
    async with fleet_app() as (app, _):
        await app.press("x")
        await app.shows("Run a command")
        await app.type("echo hello from here")
        await app.press("tab")
        await app.type("web*")
        await app.press("enter")
        await app.shows("Disruptive", "6 targets")
        await app.press("right", "enter")
        await app.shows("echo hello from here", "6 hosts", "on web*", "○ ended", "● 6 ok", "6/6", "hello from here")
        await app.press("escape")
        await app.shows("Fleet", "Pods")


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_what_is_asked_can_be_answered_on_a_small_screen(fleet_app: Any, size: tuple[int, int]) -> None:
    async with fleet_app(size=size, hosts=40) as (app, _):
        await app.press("x")
        await app.shows("sudo password", "Cancel", "Go on")
        await app.type("echo one; echo two; echo three; echo four; echo five")
        await app.press("tab")
        await app.type("web*")
        await app.press("enter")
        await app.shows("Run a command", "Cancel")
        assert app.app.focused.id == "cancel"


async def test_failures_stand_on_top_once_it_has_ended(fleet_app: Any, tmp_path: Path) -> None:
    command = f"if mkdir {tmp_path}/once 2>/dev/null; then echo broken >&2; exit 3; fi; echo fine"
    async with fleet_app() as (app, session):
        screen = await begin(app, session, command)
        await app.shows("○ ended", "● 5 ok", "✗ 1 nonzero", "broken")
        await app.until(lambda: screen.hosts.listing.sort.id == "state")
        bad = rows(app)[0]
        assert ended(screen)[bad].exit_code == 3
        await app.press("f")
        await app.shows("1/6", "failures only")
        assert rows(app) == [bad]
        await app.press("escape")
        await app.gone("failures only")
        await app.press("slash")
        await app.type("exit 3")
        await app.press("enter")
        await app.shows("/exit 3", "1/6")
        await app.press("escape")
        await app.until(lambda: len(rows(app)) == 6)
        await app.press("o")
        await app.type("host")
        await app.press("enter")
        await app.until(lambda: rows(app) == NAMES)
        await app.press("O")
        await app.until(lambda: rows(app) == NAMES[::-1])


async def test_the_odd_one_out_comes_first_with_its_difference(fleet_app: Any, tmp_path: Path) -> None:
    command = f"echo release 12; mkdir {tmp_path}/once 2>/dev/null && echo kernel 5.4 || echo kernel 6.1"
    async with fleet_app() as (app, session):
        screen = await begin(app, session, command)
        await app.shows("○ ended")
        await app.press("2")
        await app.shows(
            "▲ odd", "majority", "-kernel 6.1", "+kernel 5.4", " release 12", "against the majority: 5 like"
        )
        await app.press("j")
        await app.shows("what ", " kernel 6.1")
        await app.gone("+kernel 5.4")
        await app.press("k", "space")
        await app.shows("* 1 marked, 1 hosts")
        odd = screen.view.chosen()
        await app.press("X")
        await app.shows("Disruptive", "on 1 host:", f"  {odd[0]}: this machine")
        await app.press("escape")
        await app.gone("Disruptive")
        await app.press("escape", "tab", "G", "tab", "1")
        await app.shows("1 Hosts")


async def test_outputs_side_by_side(fleet_app: Any, tmp_path: Path) -> None:
    command = f"echo same; mkdir {tmp_path}/once 2>/dev/null && echo other || echo usual; echo end"
    async with fleet_app() as (app, session):
        screen = await begin(app, session, command)
        await app.shows("○ ended")
        await app.press("3")
        await app.shows("≠ other", "usual", "│")
        await app.press("slash")
        await app.type("other")
        await app.press("enter")
        await app.shows("/other")
        await app.press("1", "g", "space", "j", "space", "j", "space", "3")
        await app.until(lambda: cast(BesideView, screen.view)._names == rows(app)[:3])


async def test_pause_resume_and_abort(fleet_app: Any, tmp_path: Path) -> None:
    command = f"echo started; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; echo done"
    async with fleet_app() as (app, session):
        screen = await begin(app, session, command, wave="2")
        await app.shows("◐ running", "◐ 2 running", "○ 4 queued", "started")
        await app.press("p")
        await app.shows("▲ paused", "paused by you", "p goes on")
        (tmp_path / "go").touch()
        await app.shows("● 2 ok", "○ 4 queued")
        (tmp_path / "go").unlink()
        await app.press("p")
        await app.shows("◐ running", "◐ 2 running")
        await app.until(lambda: sum(row.phase is Phase.RUN for row in screen.watched.rows.values()) == 2)
        await app.press("x")
        await app.shows("Abort this run?", "4 of 6 hosts have not ended")
        assert app.app.focused.id == "cancel"
        await app.press("enter")
        await app.gone("Abort this run?")
        await app.press("x")
        await app.shows("Abort this run?")
        await app.press("right", "enter")
        await app.shows("○ ended", "○ 2 cancelled", "○ 2 skipped", "● 2 ok", "aborted by you")
        assert {line.kill for line in ended(screen).values() if line.outcome == "cancelled"} == {"confirmed"}
        await app.press("p")
        await app.shows("Pause or resume: it has ended")


def quota_run(session: Session, command: str, hosts: str, quota_bytes: int) -> Run:
    """A run as the pane makes it, of which only so much is kept until somebody raises that."""
    pane = session.panes["fleet"]
    assert isinstance(pane, FleetPane)
    order = Order(machines=pane.roster.select(hosts), command=command, timeout_seconds=60.0, selection=hosts)
    return Run(order, pane.roster.pool, pane.roster.past.history, attended=True, quota_bytes=quota_bytes)


async def test_a_full_quota_is_said_and_raised_by_a_key(fleet_app: Any) -> None:
    async with fleet_app() as (app, session):
        run = quota_run(session, "seq 1 150000; echo very last", "web1", 400_000)
        screen = await open_run(app, session, exec_job(run))
        for quota in ("391K", "781K"):
            await app.shows(
                "◐ running", "◐ 1 running", f"the quota of {quota} for the output is used up; raise it, or abort",
                "R raises the quota", "x aborts",
            )  # fmt: skip
            assert screen.watched.rows["web1"].result is None
            await app.press("R")
            await app.shows("as much again may be kept")
        await app.shows("○ ended", "● 1 ok", "very last")
        assert "the quota" not in app.text
        line = ended(screen)["web1"]
        assert line.spill is not None and not line.truncated
        assert Path(line.spill).read_text() == "".join(f"{n}\n" for n in range(1, 150_001)) + "very last\n"
        await app.press("R")
        await app.shows("Raise the quota: no host waits for room")


async def test_all_hosts_wait_for_one_quota_and_all_go_on(fleet_app: Any) -> None:
    async with fleet_app() as (app, session):
        run = quota_run(session, "seq 1 100000", "web*", 2_000_000)
        screen = await open_run(app, session, exec_job(run))
        await app.shows("the quota of 1.9M", "R raises the quota")
        await app.press("2")
        await app.shows("▲ the quota of 1.9M", "not ended yet")
        await app.press("R")
        await app.shows("○ ended", "● 6 ok", "majority")
        assert {(line.stdout_bytes, line.truncated) for line in ended(screen).values()} == {(588_895, False)}


async def test_a_run_that_waits_for_room_is_paused_and_aborted(fleet_app: Any) -> None:
    async with fleet_app() as (app, session):
        run = quota_run(session, "yes", "web[1-2]", 400_000)
        screen = await open_run(app, session, exec_job(run))
        await app.shows("the quota of 391K")
        await app.press("p")
        await app.shows("▲ paused", "paused by you; the quota of 391K", "p goes on", "R raises the quota")
        await app.press("x")
        await app.shows("Abort this run?", "2 of 2 hosts have not ended")
        await app.press("right", "enter")
        await app.shows("○ ended", "○ 2 cancelled", "aborted by you")
        assert {line.kill for line in ended(screen).values()} == {"confirmed"}


async def test_the_output_of_a_host_follows_it_and_is_searched(fleet_app: Any, tmp_path: Path) -> None:
    command = (
        f"seq 1000; echo trouble >&2; printf '\\033]52;c;aGFja2Vk\\007 \\377 hostile\\n'; "
        f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; echo very last"
    )
    async with fleet_app() as (app, session):
        await begin(app, session, command, "web1")
        await app.shows("◐ running")
        await app.press("enter")
        await app.shows("web1", "␛]52;c;aGFja2Vk␇ � hostile", "1000", "stderr", "trouble", "following")
        await app.press("slash")
        await app.type("777")
        await app.press("enter")
        await app.shows("776", "777", "778", "/777")
        await app.press("tab")
        await app.press("tab", "G")
        (tmp_path / "go").touch()
        await app.shows("very last", "● ok")
        await app.press("escape", "d")
        await app.shows("How it ended · web1", "outcome:     ok", "PHASES", "run")
        await app.press("escape", "escape")
        await app.shows("Pods")


async def test_the_output_goes_on_to_the_next_host(fleet_app: Any) -> None:
    async with fleet_app() as (app, session):
        await begin(app, session, "echo hello; false")
        await app.shows("○ ended")
        await app.press("enter")
        await app.shows("web1 1/6", "hello", "✗ nonzero")
        await app.press("right_square_bracket")
        await app.shows("web2 2/6")
        await app.press("left_square_bracket", "left_square_bracket")
        await app.shows("web6 6/6", "hello")
        await app.press("escape")
        await app.shows("1 Hosts")


async def test_a_host_without_output_says_so(fleet_app: Any) -> None:
    async with fleet_app() as (app, session):
        await begin(app, session, "true", "web1")
        await app.shows("○ ended")
        await app.press("enter")
        await app.shows("it said nothing", "● ok")


async def test_search_in_all_output_opens_the_place(fleet_app: Any, tmp_path: Path) -> None:
    command = f"seq 400; mkdir {tmp_path}/once 2>/dev/null && echo Segfault here >&2; true"
    async with fleet_app() as (app, session):
        await begin(app, session, command)
        await app.shows("○ ended")
        await app.press("s")
        await app.type("segfault")
        await app.press("enter")
        await app.shows("Lines with segfault 1", "stderr", "Segfault here", "on 1 host")
        await app.press("enter")
        await app.shows("stderr", "Segfault here", "400")
        await app.press("escape", "escape", "s")
        await app.type("/^39[0-9]$/")
        await app.press("enter")
        await app.shows("Lines with /^39[0-9]$/ 60", "on 6 hosts")
        await app.press("enter")
        await app.shows("390", "395")
        await app.press("escape", "escape", "s")
        await app.type("/(/")
        await app.press("enter")
        await app.shows("the regular expression /(/")


async def test_a_run_is_saved_in_the_format_of_its_name(fleet_app: Any, tmp_path: Path) -> None:
    async with fleet_app() as (app, session):
        screen = await begin(app, session, "echo kept")
        await app.shows("○ ended")
        await app.press("S")
        await app.shows("Save this run", f"~/run-{screen.watched.id}.md")
        await app.press("enter")
        await app.shows("written to")
        assert "kept" in (tmp_path / f"run-{screen.watched.id}.md").read_text()
        await app.press("S")
        await app.shows("Save this run")
        await app.press("enter")
        await app.shows("is there already")
        field = app.app.focused
        field.value = str(tmp_path / "results.json")
        await app.press("enter")
        await app.gone("Save this run")
        assert len(json.loads((tmp_path / "results.json").read_text())["hosts"]) == 6
        await app.press("S")
        app.app.screen.query_one("#path").value = "/proc/nowhere/at.all"
        await app.press("enter")
        await app.shows("cannot write /proc/nowhere/at.all")
        await app.press("escape")


async def test_past_runs_are_listed_opened_and_run_again(fleet_app: Any, tmp_path: Path) -> None:
    async with fleet_app() as (app, session):
        await begin(app, session, f"echo first; test -e {tmp_path}/good")
        await app.shows("✗ 6 nonzero")
        await app.press("escape", "h")
        await app.shows("Past runs 1", "echo first", "6 nonzero")
        await app.press("enter")
        await app.shows("○ ended", "✗ 6 nonzero", "first")
        await app.press("escape")
        await app.shows("Past runs 1")
        (tmp_path / "good").touch()
        await app.press("X")
        await app.shows("Disruptive", "6 targets")
        await app.press("right", "enter")
        await app.shows("● 6 ok")
        await app.press("escape")
        await app.shows("Past runs 2", "6 ok")
    async with fleet_app() as (app, _):
        await app.press("h")
        await app.shows("Past runs 2")
        await app.press("j", "enter")
        await app.shows("○ ended", "✗ 6 nonzero", "first", "6 hosts", "on web*")
        await app.press("g", "space", "X")
        await app.shows("Disruptive", "on 1 host: web1")
        await app.press("right", "enter")
        await app.shows("● 1 ok")


async def test_the_drawer_leads_to_the_run(fleet_app: Any) -> None:
    async with fleet_app() as (app, session):
        await begin(app, session, "echo here I am")
        await app.shows("○ ended")
        await app.press("escape", "t")
        await app.shows("Tasks 1")
        await app.press("enter")
        await app.shows("● 6 ok", "1 Hosts")
    async with fleet_app() as (app, _):
        await app.press("t")
        await app.shows("Tasks 1")
        await app.press("enter")
        await app.shows("● 6 ok", "1 Hosts", "here I am")


async def test_read_only_runs_nothing_again(fleet_app: Any) -> None:
    async with fleet_app() as (app, session):
        await begin(app, session, "false")
        await app.shows("✗ 6 nonzero", "run again")
    async with fleet_app(read_only=True) as (app, _):
        await app.press("h")
        await app.shows("Past runs 1")
        await app.press("X", "enter")
        await app.shows("✗ 6 nonzero")
        assert "run again" not in app.text
        await app.press("X")
        await app.press("question_mark")
        await app.shows("Keys of a run", "Abort")
        assert "Run again" not in app.text


async def test_help_palette_and_the_colon_know_the_run(fleet_app: Any) -> None:
    async with fleet_app() as (app, session):
        await begin(app, session, "echo kept")
        await app.shows("○ ended")
        await app.press("question_mark")
        await app.shows("Keys of a run", "Search all output", "not now: it has ended")
        await app.press("escape", "colon")
        await app.type("run.fail")
        await app.press("enter")
        await app.shows("failures only", "none of 6 matches")
        await app.press("escape", "ctrl+p")
        await app.type("write the results")
        await app.shows("run.save")
        await app.press("enter")
        await app.shows("Save this run")
        await app.press("escape")


async def test_quit_while_it_runs_stops_it(fleet_app: Any, tmp_path: Path) -> None:
    async with fleet_app() as (app, session):
        screen = await begin(app, session, "echo started; sleep 600")
        await app.shows("◐ 6 running")
        await app.press("escape", "q")
        await app.shows("Leave and stop 1 running task?")
        await app.press("right", "enter")
        await app.until(lambda: app.app._leaving is not None and app.app._leaving.done())
    assert {line.outcome for line in ended(screen).values()} == {"cancelled"}


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 50)])
async def test_any_size(fleet_app: Any, size: tuple[int, int]) -> None:
    async with fleet_app(size=(130, 32)) as (app, session):
        await begin(app, session, "seq 30; echo err >&2; false")
        await app.shows("✗ 6 nonzero")
        for key in ("1", "2", "3", "1", "enter"):
            await app.press(key)
            await app.pilot.resize_terminal(*size)
            await app.pilot.pause()
            await app.pilot.resize_terminal(130, 32)
            await app.pilot.pause()
        await app.shows("web1", "err")


async def test_an_order_keeps_what_it_was(fleet_app: Any) -> None:
    """What is run again is the same command with the same plan."""
    async with fleet_app() as (app, session):
        screen = await begin(app, session, "false", wave="50%", max_failures="6")
        await app.shows("✗ 6 nonzero")
        pane = session.panes["fleet"]
        assert isinstance(pane, FleetPane)
        job = pane.again(screen.watched.order, ["web2", "web5"])
        assert isinstance(job.live, Run)
        order = job.live.order
        assert (order.command, order.plan, order.selection) == ("false", screen.watched.order.plan, "web[2,5]")
        assert [machine.name for machine in order.machines] == ["web2", "web5"]
