"""Inventories as a session reads them: programs that print, files that change, what counts as production."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import Fleet, Host
from cockpit.fleet import inventories
from cockpit.fleet.inventory import command
from cockpit.fleet.inventory import read as inventory
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.model import errors

LISTED = {
    "web": {"hosts": ["w1", "w2"], "vars": {"ansible_user": "ops", "env": "prod"}},
    "_meta": {"hostvars": {"w1": {"ansible_host": "10.0.0.1", "rack": "b7"}}},
}


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., str]:
    """`program("echo x")` is the path of a script that does it."""

    def write(body: str, name: str = "listing") -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    return write


def printing(data: Any) -> str:
    return f"cat <<'END'\n{json.dumps(data)}\nEND"


async def machines(*entries: str, **more: Any) -> dict[str, Machine]:
    roster = Roster(Fleet(inventories=list(entries), **more))
    assert await roster.load() == []
    return dict(roster.machines)


async def test_a_command_is_run_as_it_is_written_and_an_executable_file_with_list(
    program: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program('[ "$*" = "$WANTED" ] || { echo "got: $*" >&2; exit 3; }\n' + printing(LISTED))
    monkeypatch.setenv("WANTED", "--list")
    (w1, w2) = (await machines(path)).values()
    monkeypatch.setenv("WANTED", "a b;c $HOME")
    assert list(await machines(f"command:{path} 'a b;c $HOME'")) == ["w1", "w2"]
    with pytest.raises(errors.Refused, match="failed with exit status 3: got: --list"):
        await inventory.read(Fleet(), path)
    assert (w1.address, w1.user, w1.roles, w1.env, w1.labels) == (
        "10.0.0.1", "ops", ("web",), "prod", (("rack", "b7"),),
    )  # fmt: skip
    assert (w2.name, w2.address, w2.production) == ("w2", "w2", False)


async def test_names_one_a_line_are_enough(program: Callable[..., str]) -> None:
    assert list(await machines(f"command:{program('echo web1; echo web2')}")) == ["web1", "web2"]


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("echo oops >&2; exit 1", errors.Refused, "failed with exit status 1: oops"),
        ("kill -9 $$", errors.Refused, "failed with signal 9"),
        ("echo '{'", errors.Malformed, "what it prints is no JSON"),
        ("yes", errors.Malformed, "prints more than 0 MiB"),
        ("sleep 8877661", errors.Unreachable, "did not end within 0.5 s"),
        ("sleep 8877662 & sleep 8877662", errors.Unreachable, "did not end within 0.5 s"),
    ],
)
async def test_what_a_program_does_wrong_is_said_and_nothing_of_it_is_left(
    body: str,
    kind: type[errors.SourceError],
    said: str,
    program: Callable[..., str],
    processes: Callable[[str], list[int]],
    comes_true: Callable[..., Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "MOST_BYTES", 100_000)
    monkeypatch.setattr(command, "SECONDS", 0.5 if "sleep" in body else 30)
    path = program(body)
    with pytest.raises(kind, match=r".+") as caught:
        await inventory.read(Fleet(), f"command:{path}")
    assert said in str(caught.value) and path in str(caught.value)
    await comes_true(lambda: not processes(path) and not processes("sleep 887766"))


async def test_a_child_that_holds_the_output_is_not_waited_for(program: Callable[..., str]) -> None:
    path = program("sleep 4 & echo web1")
    async with asyncio.timeout(3.5):
        (machine,) = (await inventory.read(Fleet(), f"command:{path}")).machines
    assert machine.name == "web1"


async def test_cancelled_it_is_ended(
    program: Callable[..., str],
    processes: Callable[[str], list[int]],
    comes_true: Callable[..., Awaitable[None]],
) -> None:
    path = program("sleep 8877663; true")
    reading = asyncio.create_task(inventory.read(Fleet(), f"command:{path}"))
    await comes_true(lambda: processes("sleep 8877663"))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await comes_true(lambda: not processes("sleep 8877663"))


async def test_there_is_no_such_program() -> None:
    with pytest.raises(errors.NotFound, match="there is no program no-such-program"):
        await inventory.read(Fleet(), "command:no-such-program --list")
    with pytest.raises(errors.Denied, match="cannot run /tmp: Permission denied"):
        await inventory.read(Fleet(), "command:/tmp")


async def test_a_command_is_asked_again_and_other_machines_are_noticed(
    program: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "COMMAND_SECONDS", 0.0)
    monkeypatch.setattr(inventories, "AGAIN_SECONDS", 20.0)
    said = tmp_path / "said"
    said.write_text("web1")
    path = program(f"cat {said}; echo >> {tmp_path}/runs")
    source = f"command:{path}"
    roster = Roster(Fleet(inventories=[source]))
    assert [machine.name for machine in await roster.read(source)] == ["web1"]
    assert not await roster.changed(source), "it says the same again"
    said.write_text("web2")
    assert await roster.changed(source)
    assert (tmp_path / "runs").read_text().count("\n") == 3
    assert [machine.name for machine in await roster.read(source)] == ["web2"]
    assert (tmp_path / "runs").read_text().count("\n") == 3, "what was read to see the change is used"
    said.write_text("not a name")
    assert not await roster.changed(source) and list(roster.machines) == ["web2"]
    assert "as it was before this: " in roster.notes[0] and "neither JSON nor one host name a line" in roster.notes[0]
    monkeypatch.setattr(inventories, "TRUSTED_SECONDS", 0.0)
    with pytest.raises(errors.Malformed):
        await roster.changed(source)
    said.write_text("web2")
    assert not await roster.changed(source) and roster.notes == []


async def test_nobody_waits_for_a_slow_command_that_is_asked_again(
    program: Callable[..., str],
    tmp_path: Path,
    processes: Callable[[str], list[int]],
    comes_true: Callable[..., Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inventory, "COMMAND_SECONDS", 0.0)
    monkeypatch.setattr(inventories, "AGAIN_SECONDS", 0.01)
    path = program(f"[ -e {tmp_path}/slow ] && sleep 8877664; echo web1")
    source = f"command:{path}"
    roster = Roster(Fleet(inventories=[source]))
    await roster.read(source)
    (tmp_path / "slow").touch()
    for _ in range(3):
        assert not await roster.changed(source)
    await comes_true(lambda: processes("sleep 8877664"))
    await roster.leave(source)
    await comes_true(lambda: not processes("sleep 8877664"))


async def test_a_folder_of_files_and_programs(program: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "inv").mkdir()
    (tmp_path / "inv" / "a").write_text("[web]\nw0\n")
    program(printing(LISTED), "inv/b")
    found = await machines(str(tmp_path / "inv"))
    assert list(found) == ["w0", "w1", "w2"] and found["w0"].user == "ops"


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("x.toml", "toml"), ("x.csv", "csv"), ("x.ini", "ansible"), ("x.yml", "ansible"), ("x.json", "ansible"),
        ("hosts", "ansible"), ("inventory", "ansible"), ("config", "ssh_config"), ("folder", "ansible"),
        ("csv:config", "csv"), ("ssh_config:x.toml", "ssh_config"), ("program", "program"), ("marked", "ssh_config"),
    ],
)  # fmt: skip
def test_the_format_is_told_by_prefix_name_or_content(entry: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, text in (("program", "#!/bin/sh\n"), ("marked", "Host a\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    prefix, colon, name = entry.rpartition(":")
    assert inventory.kind_of(f"{prefix}{colon}{tmp_path}/{name}") == (kind, f"{tmp_path}/{name}")


async def test_of_two_inventories_the_first_owns_a_name_and_a_bad_one_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, bad = tmp_path / "first.csv", tmp_path / "second.csv", tmp_path / "bad.toml"
    first.write_text("name,port\na,1\nb,1\n")
    second.write_text("name,port\nb,2\nc,2\n")
    bad.write_text("no toml")
    roster = Roster(Fleet(inventories=[str(bad), str(first), str(second)], hosts=[Host(name="a")]))
    assert [machine.name for machine in await roster.read(str(second))] == ["c"]
    failures = await roster.load()
    assert len(failures) == 1 and "bad.toml" in failures[0]
    assert {name: machine.port for name, machine in roster.machines.items()} == {"a": 22, "b": 1, "c": 2}
    monkeypatch.setattr(inventories, "AGAIN_SECONDS", 20.0)
    assert not await roster.changed(str(second))
    second.write_text("name,port\nc,2\nd,2\n")
    assert await roster.changed(str(second))
    first.write_text("name,port\na,1\n")
    assert [machine.name for machine in await roster.read(str(second))] == ["c", "d"]
    second.write_text("name,port\nb,2\nc,2\n")
    assert await roster.changed(str(second)) and await roster.changed(str(first))
    assert [machine.name for machine in roster.own(str(second))] == ["b", "c"]


async def test_production_is_a_selection_over_all_inventories(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,env\nw1,prod\nw2,staging\n")
    (tmp_path / "hosts").write_text("[db]\nd1\n")
    entries = [f"{tmp_path}/a.csv", f"{tmp_path}/hosts"]
    found = await machines(*entries, production_hosts="env=prod,@db")
    assert {name for name, machine in found.items() if machine.production} == {"w1", "d1"}
    roster = Roster(Fleet(inventories=entries, production_hosts="env=prod,@db"))
    (w1, _) = await roster.read(entries[0])
    assert w1.production and not roster.complaint, "the other inventory was looked into, too"


async def test_a_selection_of_production_that_names_nothing_makes_all_of_them_production(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,env\nw1,prod\nw2,staging\n")
    for expression, said in (
        ("env=prd", "did you mean 'prod'"),
        ("last:ok", "no runs are kept"),
        ("w1,!w1", "no host"),
    ):
        roster = Roster(Fleet(inventories=[f"{tmp_path}/a.csv"], production_hosts=expression))
        (failure,) = await roster.load()
        assert failure.startswith("fleet.production_hosts: ") and said in failure
        assert all(machine.production and machine.notes for machine in roster.machines.values())
