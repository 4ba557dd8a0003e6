"""How runs look, as SVG: past ones, written down beforehand, so that every time and every name is always the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cockpit.config.settings import Settings
from cockpit.fleet.results.history import FOLDER
from cockpit.fleet.results.outcome import Kill, Outcome, digest_of
from cockpit.fleet.results.record import FILE, OUTPUT, End, Header, HostLine
from cockpit.model import clock
from cockpit.session.session import open_session
from cockpit.tasks.process import Owner
from cockpit.tui import themes
from cockpit.tui.app import Cockpit

encode = msgspec.json.Encoder().encode


class Past:
    """The runs that the app finds kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def host(
        self, run: str, name: str, outcome: Outcome = Outcome.OK, stdout: str = "", stderr: str = "", **more: Any
    ) -> HostLine:
        """How a host ended, with its output as a run leaves it."""
        where = self._folder / run / OUTPUT
        where.mkdir(parents=True, exist_ok=True)
        spills, digests = [], []
        for text, ending in ((stdout, "out"), (stderr, "err")):
            path = where / f"{name}.{ending}"
            path.write_text(text)
            spills.append(str(path) if text else None)
            digests.append(hashlib.sha256(text.encode()).hexdigest() if text else "")
        facts: dict[str, Any] = {"duration_seconds": 1.4, **more}
        if outcome is Outcome.OK:
            facts["exit_code"] = 0
        return HostLine(
            host=name,
            address=f"{name}.example.net",
            outcome=outcome,
            spill=spills[0],
            stderr_spill=spills[1],
            stdout_bytes=len(stdout),
            stderr_bytes=len(stderr),
            lines=(stdout + stderr).count("\n"),
            stdout_digest=digests[0],
            stderr_digest=digests[1],
            digest=digest_of(*digests),
            **facts,
        )

    def keep(
        self, run: str, command: str, selection: str, lines: list[HostLine], *, ago: float, took: float | None = 75.0,
        why: str = "", unheard: tuple[str, ...] = (), sudo: str = "",
    ) -> None:  # fmt: skip
        """`took` None: nobody saw its end, nor that of the hosts `unheard`."""
        started = clock.wall() - ago
        names = [line.host for line in lines] + list(unheard)
        header = Header(
            run=run,
            command=command,
            selection=selection,
            plan={},
            timeout_seconds=60.0,
            connect_seconds=None,
            sudo=sudo,
            idempotent=False,
            hosts=tuple((name, f"{name}.example.net") for name in names),
            who="ops",
            owner=Owner(4242, 1, "another boot"),
            started_at=started,
        )
        entries: list[Any] = [header, *({"begun": name} for name in names), *lines]
        if took is not None:
            counts = dict(Counter(line.outcome for line in lines))
            entries.append({"end": End(at=started + took, why=why, counts=counts, kept_bytes=4096)})
        folder = self._folder / run
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_bytes(b"".join(encode(entry) + b"\n" for entry in entries))


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, still_clock: None) -> Past:
    monkeypatch.setenv("COCKPIT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ops/.config")
    monkeypatch.setattr(clock, "steady", lambda: 1000.0)
    return Past(tmp_path / "state" / FOLDER)


@pytest.fixture
def picture(snap_compare: Any, world: Any, tmp_path: Path) -> Callable[..., bool]:
    """`picture(("enter", "○ ended"), ...)` opens the past runs, gives each key and waits for what is then shown."""

    def compare(*steps: tuple[str, str], size: tuple[int, int] = (120, 34), first: str = "Past runs") -> bool:
        settings = Settings()
        app = Cockpit(
            settings,
            read_only=False,
            session_factory=lambda: open_session(settings),
            found_themes=list(themes.find(tmp_path / "themes")),
        )

        async def ready(pilot: Any) -> None:
            driver = world.driver(app, pilot)
            await driver.shows("no hosts")
            await driver.until(lambda: app.focused is not None, "the session taken")
            for key, shown in (("h", first), *steps):
                await driver.press(key)
                await driver.shows(shown)

        return bool(snap_compare(app, terminal_size=size, run_before=ready))

    return compare


CHECK = "nginx -t && systemctl reload nginx && systemctl is-active nginx"
TESTED = "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nnginx: configuration file is successful\n"


def mixed(past: Past) -> None:
    """A run in which hosts ended in every way that matters."""
    run = "kq3v7m2xat"
    fine = [past.host(run, f"web{n:02}", stdout="active\n", stderr=TESTED) for n in range(1, 13)]
    past.keep(
        run,
        CHECK,
        "@web",
        [
            *fine,
            past.host(
                run, "web13", Outcome.NONZERO, exit_code=1, why="exit status 1",
                stderr='nginx: [emerg] unknown directive "proxy_pas" in /etc/nginx/conf.d/api.conf:17\n',
            ),
            past.host(run, "web14", Outcome.NONZERO, exit_code=3, why="exit status 3", stdout="inactive\n"),
            past.host(
                run, "web15", Outcome.TIMEOUT_CMD, why="no end after 60 s; stopped", kill=Kill.CONFIRMED,
                stderr=TESTED, duration_seconds=60.4,
            ),
            past.host(
                run, "web16", Outcome.TIMEOUT_CMD, duration_seconds=70.1, kill=Kill.UNCONFIRMED,
                why="it may still run (no end after 60 s): the connection was lost",
            ),
            past.host(
                run, "web17", Outcome.UNREACHABLE, duration_seconds=3.1,
                why="web17 (web17.example.net): Connection refused (2 attempts)",
            ),
            past.host(
                run, "web18", Outcome.TIMEOUT_CONNECT, duration_seconds=10.0,
                why="web18 (web18.example.net): no SSH within 10 s (connecting)",
            ),
            past.host(run, "web19", Outcome.SIGNAL, signal="KILL", why="ended by SIGKILL", duration_seconds=12.9),
            past.host(run, "web20", Outcome.SKIPPED, why="more than 5 failed", duration_seconds=0.0),
        ],
        ago=320.0,
        why="more than 5 failed",
        sudo="root",
    )  # fmt: skip


def odd_one(past: Past) -> None:
    """A run in which one host said something else than all others, and one nothing."""
    run = "h5w9c4pz6n"
    release = 'NAME="Debian GNU/Linux"\nVERSION_ID="{}"\nVERSION="{}"\nkernel {}\nssl 3.0.15\n'
    usual = release.format(12, "12 (bookworm)", "6.1.0-28-amd64")
    old = release.format(11, "11 (bullseye)", "5.10.0-33-amd64")
    lines = [past.host(run, f"db{n:02}", stdout=old if n == 7 else usual) for n in range(1, 12)]
    silent = past.host(
        run, "db12", Outcome.UNREACHABLE, duration_seconds=3.1, why="db12 (db12.example.net): No route to host"
    )
    past.keep(run, ". /etc/os-release; uname -r", "@db", [*lines, silent], ago=5400.0, took=4.0)


def interrupted(past: Past) -> None:
    run = "b8d2e6fj1y"
    lines = [past.host(run, "cache1", stdout="OK\n")]
    past.keep(run, "redis-cli bgsave", "cache[1-3]", lines, ago=200_000.0, took=None, unheard=("cache2", "cache3"))


def plain(past: Past) -> None:
    run = "a1s4d7g0tm"
    lines = [past.host(run, f"web{n:02}", stdout="up 12 days\n") for n in range(1, 21)]
    past.keep(run, "uptime -p", "web[01-20]", lines, ago=1_000_000.0, took=1.2)


def test_outcomes_of_all_kinds(picture: Any, past: Past) -> None:
    mixed(past)
    assert picture(("enter", "[emerg]"))


def test_outcomes_on_a_small_screen(picture: Any, past: Past) -> None:
    mixed(past)
    assert picture(("enter", "[emerg]"), size=(80, 24))


def test_the_odd_one_out_with_its_difference(picture: Any, past: Past) -> None:
    odd_one(past)
    assert picture(("enter", "ssl 3.0.15"), ("2", "majority"), ("j", "-kernel 6.1.0-28"))


def test_the_odd_one_out_on_a_small_screen(picture: Any, past: Past) -> None:
    odd_one(past)
    assert picture(("enter", "ssl 3.0.15"), ("2", "majority"), ("j", "-kernel 6.1.0-28"), size=(80, 24))


def test_past_runs(picture: Any, past: Past) -> None:
    for kept in (plain, interrupted, odd_one, mixed):
        kept(past)
    assert picture(first="uptime -p")
