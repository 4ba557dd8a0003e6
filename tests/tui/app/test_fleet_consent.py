"""Unknown host keys, passphrases, passwords: who is asked, when, and what comes of the answer. Real sshd."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.config import settings
from cockpit.session.fleet import FleetPane
from cockpit.session.session import Session, open_session
from cockpit.tui.app import Cockpit

SERVERS = Path(__file__).parents[2] / "integration" / "fleet" / "conftest.py"


@pytest.fixture
def servers(tmp_path: Path, need: Callable[[str, str], str]) -> Iterator[Callable[[], Any]]:
    """`servers()` starts another sshd; all are killed at the end."""
    spec = importlib.util.spec_from_file_location("fleet_servers", SERVERS)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    daemons: list[Any] = []

    def start() -> Any:
        daemons.append(module.Sshd(tmp_path / f"sshd{len(daemons)}", need))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.kill()


@pytest.fixture
def ssh_app(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`async with ssh_app(web1=sshd, web2=...) as (app, session)`."""
    monkeypatch.setenv("COCKPIT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    @asynccontextmanager
    async def run(
        shows: str, *, read_only: bool = False, known_hosts: Path | None = None, **daemons: Any
    ) -> AsyncIterator[tuple[Any, Session]]:
        hosts = [
            settings.Host(
                name=name, address="127.0.0.1", port=sshd.port, identity=str(sshd.identity),
                known_hosts=str(known_hosts or sshd.known_hosts),
            )
            for name, sshd in daemons.items()
        ]  # fmt: skip
        chosen = settings.Settings(fleet=settings.Fleet(hosts=hosts, interval=0.5))
        opened: list[Session] = []

        @asynccontextmanager
        async def factory() -> AsyncIterator[Session]:
            async with open_session(chosen, read_only=read_only) as session:
                opened.append(session)
                yield session

        app = Cockpit(chosen, read_only=read_only, session_factory=factory)
        async with app.run_test(size=(150, 40), notifications=True) as pilot:
            driver = world.driver(app, pilot)
            await driver.shows(*daemons, shows)
            await driver.until(lambda: app.focused is not None, "the session taken")
            yield driver, opened[0]
            app.leave(0)
            await driver.until(lambda: app._leaving is not None and app._leaving.done(), "left")

    return run


def submit(app: Any, session: Session, command: str, pattern: str, **inputs: str) -> None:
    pane = session.panes["fleet"]
    assert isinstance(pane, FleetPane)
    action = next(action for action in pane.actions if action.id == "fleet.exec")
    job = action.bind((), {"command": command, "pattern": pattern, "timeout": "60", **inputs})
    task = session.tasks.submit(job)
    app.app.started(session, task.id, "Run", shown=True)


def fingerprint(sshd: Any, kind: str) -> str:
    said = subprocess.run(
        ["ssh-keygen", "-l", "-E", kind, "-f", f"{sshd.host_key}.pub"], capture_output=True, text=True
    )
    return said.stdout.split()[1]


async def test_the_pane_never_asks_and_enter_does(ssh_app: Any, servers: Any, tmp_path: Path) -> None:
    sshd, known = servers(), tmp_path / "known"
    async with ssh_app("host key", web1=sshd, known_hosts=known) as (app, _):
        await app.pilot.pause(1.5)  # several looks
        assert app.app.screen is app.main
        await app.press("enter")
        await app.shows("Unknown host key", f"web1 (127.0.0.1:{sshd.port})", fingerprint(sshd, "sha256"))
        await app.shows(fingerprint(sshd, "md5"), f"written to {known} as", f"[127.0.0.1]:{sshd.port}.")
        assert app.app.focused.id == "refuse"
        await app.press("enter")
        await app.gone("Unknown host key")
        await app.shows("its key was refused")
        assert not known.exists()
        await app.press("K")
        await app.shows("Unknown host key")
        await app.press("right", "enter")
        await app.shows("● up")
        assert sshd.known_hosts.read_text().split()[2] in known.read_text()


async def test_a_run_asks_one_after_the_other_until_one_is_weary(ssh_app: Any, servers: Any, tmp_path: Path) -> None:
    one, two, three = servers(), servers(), servers()
    async with ssh_app("host key", web1=one, web2=two, web3=three, known_hosts=tmp_path / "known") as (app, session):
        submit(app, session, "echo in", "web*")
        await app.shows("Unknown host key")
        assert "Refuse all" not in app.text
        await app.press("right", "enter")
        await app.shows("Unknown host key", "Refuse all of this session")
        assert app.app.focused.id == "refuse"
        await app.press("right", "enter")
        await app.shows("○ ended", "● 1 ok", "✗ 2 hostkey unknown")
        assert "Unknown host key" not in app.text
        assert len((tmp_path / "known").read_text().splitlines()) == 1
        await app.press("escape")
        await app.shows("host key", "● up")
        place = app.app.main.current.listing.index
        await app.press("g", *["j"] * next(n for n in range(3) if _state(app, n) == "host key"), "K")
        await app.shows("Unknown host key")  # an explicit wish is asked all the same
        await app.press("right", "enter")
        await app.until(lambda: place is not None and sum(_state(app, n) == "up" for n in range(3)) == 2)


def _state(app: Any, place: int) -> str:
    return str(app.app.main.current.listing.window(place, 1)[0].state)


async def test_a_changed_key_is_refused_and_says_where_the_old_one_is(
    ssh_app: Any, servers: Any, tmp_path: Path
) -> None:
    sshd, other = servers(), servers()
    kind, blob = (other.folder / "host_key.pub").read_text().split()[:2]
    sshd.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {kind} {blob}\n")
    async with ssh_app("host key", web1=sshd) as (app, _):
        await app.press("enter")
        await app.shows("has changed", "sshd0/known_hosts", "line 1")
        assert "Unknown host key" not in app.text


async def test_a_passphrase_is_asked_by_a_run_once_and_mended(ssh_app: Any, servers: Any) -> None:
    sshd = servers()
    lock(sshd, "open sesame")
    async with ssh_app("denied", web1=sshd) as (app, session):
        await app.pilot.pause(1.0)
        assert app.app.screen is app.main
        submit(app, session, "echo in", "web1")
        await app.shows("Passphrase", "The private key", "is locked")
        await app.type("wrong")
        assert "wrong" not in app.text
        await app.press("enter")
        await app.shows("that was not it")
        await app.type("open sesame")
        await app.press("enter")
        await app.shows("● 1 ok", "in")
        submit(app, session, "echo again", "web1")
        await app.shows("● 1 ok", "again")
        await app.press("escape", "escape")
        await app.shows("● up")
    assert "open sesame" not in written(app, session)


async def test_a_passphrase_that_was_not_given_can_be_given_later(ssh_app: Any, servers: Any) -> None:
    sshd = servers()
    lock(sshd, "open sesame")
    async with ssh_app("denied", web1=sshd) as (app, session):
        submit(app, session, "echo in", "web1")
        await app.shows("Passphrase")
        await app.press("escape")
        await app.shows("✗ 1 auth", "the key ")
        assert "has a passphrase" in app.app.screen.watched.rows["web1"].result.why
        await app.press("escape", "P")
        await app.shows("Passphrase")
        await app.type("open sesame")
        await app.press("enter")
        await app.shows("● up")


async def test_a_task_that_is_cancelled_takes_its_question_away(ssh_app: Any, servers: Any, tmp_path: Path) -> None:
    sshd = servers()
    async with ssh_app("host key", web1=sshd, known_hosts=tmp_path / "known") as (app, session):
        await app.press("K")
        await app.shows("Unknown host key")
        (task,) = session.tasks.active
        session.tasks.cancel(task.key)
        await app.gone("Unknown host key")
        await app.press("K")
        await app.shows("Unknown host key")  # the next question is not held up by it


async def test_leaving_with_a_question_open(ssh_app: Any, servers: Any, tmp_path: Path) -> None:
    async with ssh_app("host key", web1=servers(), known_hosts=tmp_path / "known") as (app, _):
        await app.press("K")
        await app.shows("Unknown host key")


async def test_read_only_trusts_nobody(ssh_app: Any, servers: Any, tmp_path: Path) -> None:
    async with ssh_app("host key", web1=servers(), known_hosts=tmp_path / "known", read_only=True) as (app, _):
        await app.press("K")
        await app.press("enter")
        await app.shows("Describe · web1", "is unknown")
    assert not (tmp_path / "known").exists()


async def test_the_password_of_sudo_is_masked_and_kept_nowhere(ssh_app: Any, servers: Any) -> None:
    sshd = servers()
    async with ssh_app("● up", web1=sshd) as (app, session):
        await app.press("x")
        await app.shows("Run a command", "sudo password")
        await app.type("true")
        app.app.screen.query_one("#input-sudo").value = "nobody"
        app.app.screen.query_one("#input-password").value = "s3cr3t word"
        await app.pilot.pause()
        assert "s3cr3t" not in app.text
        await app.press("enter")
        await app.shows("Disruptive", "by sudo as nobody")
        assert "s3cr3t" not in app.text
        await app.press("right", "enter")
        await app.shows("○ ended")
        await app.press("d")
        await app.shows("How it ended")
        await app.press("escape", "g", "space", "X")
        await app.shows("Password", "For sudo as nobody on web1")
        await app.press("escape")
        await app.gone("For sudo as")
    assert "s3cr3t" not in written(app, session)


def lock(sshd: Any, passphrase: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", str(sshd.identity)], check=True)


def written(app: Any, session: Session) -> str:
    """All that the session has left on disk."""
    from cockpit.config.places import state_dir

    return "".join(path.read_bytes().decode("latin-1") for path in state_dir().rglob("*") if path.is_file())
