"""The fleet pane over real sshd: states, figures, return after kill -9, inventories that change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cockpit.config.settings import Fleet, Host, Settings
from cockpit.fleet.facts import sampler
from cockpit.listing.cells import row
from cockpit.model import errors, health
from cockpit.model.tone import Tone
from cockpit.session.fleet import build
from cockpit.session.pane import Pane
from cockpit.tasks.action import State
from cockpit.tasks.manager import TaskManager


def host(sshd: Any, name: str = "web1", **changes: Any) -> Host:
    facts = {
        "name": name,
        "address": "127.0.0.1",
        "port": sshd.port,
        "identity": str(sshd.identity),
        "known_hosts": str(sshd.known_hosts),
    }
    return Host(**{**facts, **changes})


@asynccontextmanager
async def live(fleet: Fleet) -> AsyncIterator[Pane[Any]]:
    pane = build(Settings(fleet=fleet))
    running = asyncio.create_task(pane.feed.run())
    try:
        yield pane
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture(autouse=True)
def quick_return(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COCKPIT_STATE_DIR", str(tmp_path / "past"))
    monkeypatch.setattr(sampler, "BACKOFF_SECONDS", (0.2, 0.5))


def state(pane: Pane[Any], key: str) -> str:
    item = pane.feed.items.get(key)
    return item.state if item is not None else ""


async def seen(pane: Pane[Any]) -> None:
    assert await pane.feed.until(
        lambda: bool(pane.feed.items) and not any(map(pane.pending, pane.feed.items.values())), 30
    )


async def test_hosts_are_seen_with_their_figures(sshd: Any) -> None:
    hosts = [host(sshd, roles=["web"], env="prod", production=True), Host(name="here", transport="local")]
    async with live(Fleet(hosts=hosts, interval=0.5)) as pane:
        await seen(pane)
        for key in ("config/web1", "config/here"):
            item = pane.feed.items[key]
            assert item.state == "up" and item.load1 is not None and item.current
            assert 0 < item.memory_used_ratio < 1 and item.memory_bytes > 1_000_000
            assert item.uptime_seconds > 0 and 0 < item.latency_seconds < 10
            known = item.details
            assert known.cpus and known.system.startswith("Linux ") and known.os
            assert known.disks[0].mount == "/" and 0 < known.disks[0].used_ratio < 1
            assert known.top_memory and known.top_memory[0].memory_bytes > 0
        assert await pane.feed.until(lambda: pane.feed.items["config/web1"].cpu_ratio is not None, 20)
        assert isinstance(pane.feed.overall, health.Live)
        said = msgspec.json.decode(msgspec.json.encode(pane.report(pane.feed.items["config/web1"], 0.0)))
        assert said["state"] == "up" and said["error"] is None and said["roles"] == ["web"]
        assert said["kernel"].startswith("Linux ") and 0 < said["disk_used_ratio"] < 1
        assert pane.target(pane.feed.items["config/web1"]).production
        assert pane.production == {"config"}


async def test_a_killed_sshd_is_unreachable_and_returns(sshd: Any) -> None:
    async with live(Fleet(hosts=[host(sshd)], interval=0.5)) as pane:
        await seen(pane)
        sshd.kill()
        assert await pane.feed.until(lambda: state(pane, "config/web1") == "unreachable", 30)
        item = pane.feed.items["config/web1"]
        assert item.error and item.latency_seconds is None and not item.current
        shown = dict(
            zip([column.id for column in pane.columns], row(pane.columns, item, item.seen_at + 90), strict=True)
        )
        assert shown["state"].text == "unreachable 90s"
        assert shown["load"].tone == shown["memory"].tone == Tone.MUTED, "the last figures do not look current"
        assert isinstance(pane.feed.overall, health.Live), "the inventory is fine, only the host is not"
        sshd.start()
        assert await pane.feed.until(lambda: state(pane, "config/web1") == "up", 30)
        assert pane.feed.items["config/web1"].error == ""


async def test_each_way_to_fail_has_its_state(sshd: Any, start_sshd: Callable[..., Any], tmp_path: Path) -> None:
    stranger = start_sshd()
    empty = tmp_path / "empty"
    empty.write_text("")
    hosts = [
        host(sshd, "nokey", identity=str(stranger.identity)),
        host(sshd, "unknown", known_hosts=str(empty)),
        host(sshd, "changed", known_hosts=str(stranger.known_hosts)),
        host(sshd, "ok"),
    ]
    stranger.known_hosts.write_text(stranger.known_hosts.read_text().replace(str(stranger.port), str(sshd.port)))
    async with live(Fleet(hosts=hosts, interval=0.5)) as pane:
        await seen(pane)
        states = {item.name: item.state for item in pane.feed.items.values()}
        assert states == {"nokey": "denied", "unknown": "host key", "changed": "host key", "ok": "up"}
        empty.write_text(sshd.known_hosts.read_text())
        assert await pane.feed.until(lambda: state(pane, "config/unknown") == "up", 30)


async def test_inventories_are_read_again_when_they_change_and_a_bad_one_is_its_own_error(
    sshd: Any, tmp_path: Path
) -> None:
    ssh, bad = tmp_path / "ssh_config", tmp_path / "bad.toml"
    common = (
        f" HostName 127.0.0.1\n Port {sshd.port}\n IdentityFile {sshd.identity}\n"
        f" UserKnownHostsFile {sshd.known_hosts}\n"
    )
    ssh.write_text(f"Host a\n{common}Host behind\n{common} ProxyJump a\nHost far\n RefuseConnection gone\n")
    bad.write_text("[[hosts]]\nnam = 1\n")
    async with live(Fleet(inventories=[str(ssh), str(bad)], interval=0.5)) as pane:
        await seen(pane)
        assert state(pane, f"{ssh}/a") == "up"
        assert state(pane, f"{ssh}/behind") == "up"
        assert state(pane, f"{ssh}/far") == "unsupported: RefuseConnection: gone"
        assert isinstance(pane.feed.health[str(ssh)], health.Live)
        assert await pane.feed.until(lambda: isinstance(pane.feed.health[str(bad)], health.Stale), 10)
        assert "bad.toml" in pane.feed.health[str(bad)].why
        ssh.write_text(f"Host b\n{common}")
        assert await pane.feed.until(lambda: state(pane, f"{ssh}/b") == "up", 30)
        assert set(pane.feed.items) == {f"{ssh}/b"}


async def test_what_is_left_out_of_an_inventory_is_a_note_of_the_pane(tmp_path: Path) -> None:
    ini = tmp_path / "hosts.ini"
    ini.write_text("[web]\nweb ansible_connection=local\n")
    async with live(Fleet(inventories=[str(ini)], interval=0.5, note="in the lab")) as pane:
        assert pane.notes() == ["in the lab"], "nothing has been read yet"
        await seen(pane)
        (said, left_out) = pane.notes()
        assert said == "in the lab" and left_out.startswith(f"{ini}: 'web' is a group and a host")
        ini.write_text("[web]\nweb1 ansible_connection=local\n")
        assert await pane.feed.until(lambda: state(pane, f"{ini}/web1") == "up", 30)
        assert pane.notes() == ["in the lab"]


async def test_views_read_a_host(sshd: Any) -> None:
    async with live(Fleet(hosts=[host(sshd)], interval=5)) as pane:
        await seen(pane)
        item = pane.feed.items["config/web1"]
        views = {view.id: view for view in pane.views}
        assert {view.key for view in pane.views} == {"d", "l", "e"}
        described = [line async for line in views["fleet.describe"].lines(item)]
        assert "name:        web1" in described and "DISKS" in described
        warnings = [line async for line in views["fleet.warnings"].lines(item)]
        assert warnings
        first = views["fleet.journal"].lines(item)
        assert isinstance(await anext(first), str)
        await first.aclose()  # type: ignore[attr-defined]


async def test_a_batch_from_the_pane_and_its_rerun(sshd: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    hosts = [host(sshd, "web1"), host(sshd, "web2", port=1), Host(name="here", transport="local", read_only=True)]
    fleet = Fleet(hosts=hosts, interval=5)
    async with live(fleet) as pane, TaskManager.open(tmp_path / "state") as tasks:
        await seen(pane)
        actions = {action.id: action for action in pane.actions}
        run, rerun = actions["fleet.exec"], actions["fleet.rerun"]
        items = pane.feed.items
        assert run.disabled([items["config/here"]]) == "here is read-only"
        assert rerun.disabled([]) == "no command was run yet"
        with pytest.raises(errors.Refused, match="no host is named"):
            run.bind([], {"command": "true"})
        with pytest.raises(errors.Refused, match="there is no command"):
            run.bind([items["config/web1"]], {"command": " "})
        with pytest.raises(errors.Refused, match="is not a number"):
            run.bind([items["config/web1"]], {"command": "true", "timeout": "soon"})
        with pytest.raises(errors.Refused, match="read-only"):
            tasks.submit(run.bind([], {"command": "true", "pattern": "here"}))

        job = run.bind([], {"command": f"echo x >> {good}; test -e {bad}", "pattern": "web[1-2]", "timeout": "20"})
        assert "web[1-2]" in job.sentence and "2 hosts" in job.sentence
        assert job.exclusive == {"fleet/web1", "fleet/web2"}
        record = await tasks.submit(job).done()
        assert record.state is State.FAILED
        assert {target.name: target.state for target in record.targets} == {
            "web1": State.FAILED,
            "web2": State.FAILED,
        }
        assert "2 hosts: 1 nonzero, 1 unreachable" in await tasks.output(record.key)

        bad.write_text("")
        assert rerun.disabled([]) is None
        record = await tasks.submit(rerun.bind([], {})).done()
        assert {target.name: target.state for target in record.targets} == {
            "web1": State.SUCCEEDED,
            "web2": State.FAILED,
        }
        assert [target.name for target in rerun.bind([], {}).targets] == ["web2"]
        assert good.read_text() == "x\nx\n"


async def test_a_cancelled_batch_is_cancelled_on_the_host(
    sshd: Any, tmp_path: Path, processes: Callable[[str], list[int]], comes_true: Callable[..., Any]
) -> None:
    async with live(Fleet(hosts=[host(sshd)], interval=5)) as pane, TaskManager.open(tmp_path / "state") as tasks:
        await seen(pane)
        (action,) = (action for action in pane.actions if action.id == "fleet.exec")
        task = tasks.submit(action.bind(list(pane.feed.items.values()), {"command": "sleep 44556677"}))
        await comes_true(lambda: processes("sleep 44556677"))
        tasks.cancel(task.id)
        record = await task.done()
        assert record.state is State.CANCELLED
        assert not processes("sleep 44556677")


async def test_a_user_without_an_entry_still_sees_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may be run as any number."""

    def none(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", none)
    monkeypatch.delenv("LOGNAME", raising=False)
    monkeypatch.delenv("USER", raising=False)
    async with live(Fleet(hosts=[Host(name="here", transport="local")])) as pane:
        assert await pane.feed.until(lambda: state(pane, "config/here") == "up", 20)
