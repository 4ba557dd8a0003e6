"""What is left when it does not go well: a cut connection, a cancel, a full disk, a host that lies."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.files.fetch import Fetch, Fetching
from cockpit.fleet.files.jobs import Asked, get_job, send_job
from cockpit.fleet.files.orders import Way
from cockpit.fleet.machine import Machine
from cockpit.model import errors
from cockpit.tasks.action import State
from cockpit.tasks.manager import TaskManager

_numbers = itertools.count(os.getpid() * 100 + 20_000_000)
OLD = {b"a": ("f", 0o644, b"old"), b"d": ("d", 0o755, b""), b"d/b": ("f", 0o644, b"old too")}
NEW = {b"a": ("f", 0o644, b"new"), b"c": ("f", 0o644, os.urandom(400_000)), b"d": ("d", 0o755, b"")}


@pytest.fixture
def number() -> int:
    """Seconds to sleep that no other process sleeps."""
    return next(_numbers)


def hanging_tar(number: int) -> str:
    """A tar that takes what comes first and then nothing more."""
    return wrapped("-x", f'head -c 20480 | /usr/bin/tar "$@"; exec sleep {number}')


def wrapped(letter: str, script: str) -> str:
    """A tar that does something else when it is called to extract (-x) or to make an archive (-c)."""
    return f'case "$1" in {letter}) {script};; esac\nexec /usr/bin/tar "$@"'


def staged(folder: Path) -> list[Path]:
    found = (Path(top) / name for top, folders, files in os.walk(folder) for name in (*folders, *files))
    return [path for path in found if path.name.startswith(".cockpit-")]  # one that goes meanwhile is no error of walk


@pytest.fixture
def roster() -> Any:
    from cockpit.config.settings import Fleet
    from cockpit.fleet.roster import Roster

    return Roster(Fleet())


@pytest.mark.parametrize("way", [Way.MIRROR, Way.RELEASE, Way.PUT])
async def test_a_connection_cut_in_the_middle_leaves_the_old_tree_whole(
    odd_host: Any, prepared: Any, send: Any, make: Any, shape_of: Any, comes_true: Any, processes: Any, number: int,
    tmp_path: Path, way: Way,
) -> None:  # fmt: skip
    folder = make(tmp_path / "srv", {})
    there = folder / "there"
    old, new = make(tmp_path / "old", OLD), make(tmp_path / "new", NEW)
    host = odd_host("tar", hanging_tar(number))
    if way is Way.RELEASE:
        await send(Machine("config", "here", "localhost", transport="local"), old, there, way)
    else:
        make(there, OLD)
    before = shape_of(folder)
    going = asyncio.create_task(prepared(host.machine(), [new] if way is Way.PUT else new, there, way).run())
    await comes_true(lambda: processes(f"sleep {number}"))
    assert staged(folder)
    host.cut()
    with pytest.raises(errors.Unreachable, match="lost"):
        await going
    for pid in processes(f"sleep {number}"):
        os.kill(pid, 9)
    await comes_true(lambda: not staged(folder))
    assert shape_of(folder) == before


@pytest.mark.parametrize("way", [Way.MIRROR, Way.RELEASE, Way.PUT])
@pytest.mark.parametrize("local", [False, True])
async def test_a_cancel_ends_the_tar_there_and_leaves_nothing(
    odd_host: Any, tools: Path, prepared: Any, make: Any, shape_of: Any, comes_true: Any, processes: Any, number: int,
    tmp_path: Path, way: Way, local: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder, new = make(tmp_path / "srv", {}), make(tmp_path / "new", NEW)
    there = folder / "there" if way is Way.RELEASE else make(folder / "there", OLD)
    machine = odd_host("tar", hanging_tar(number)).machine()
    if local:
        monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
        machine = Machine("config", "here", "localhost", transport="local")
    going = asyncio.create_task(prepared(machine, [new] if way is Way.PUT else new, there, way).run())
    await comes_true(lambda: processes(f"sleep {number}"))
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert not processes(f"sleep {number}") and not staged(folder)
    if way is not Way.RELEASE:
        assert shape_of(there) == OLD
    else:
        assert not there.exists()


async def test_a_cancel_at_any_moment_leaves_the_old_tree_or_the_new_one(
    sshd: Any, prepared: Any, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    folder = make(tmp_path / "srv", {})
    old, new = make(tmp_path / "old", OLD), make(tmp_path / "new", NEW)
    machine = sshd.machine()
    for milliseconds in (0, 2, 5, 10, 15, 20, 30, 40, 60, 80):
        await send(machine, old, folder / "there", Way.MIRROR)
        going = asyncio.create_task(prepared(machine, new, folder / "there", Way.MIRROR).run())
        await asyncio.sleep(milliseconds / 1000)
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        assert shape_of(folder / "there") in (OLD, NEW), milliseconds
        assert not staged(folder)


async def test_a_cancel_does_not_cut_the_switch_short(
    odd_host: Any, prepared: Any, make: Any, shape_of: Any, comes_true: Any, tmp_path: Path
) -> None:
    there, new = make(tmp_path / "there", OLD), make(tmp_path / "new", NEW)
    machine = odd_host("mv", f'touch {tmp_path}/moving; sleep 1; exec /bin/mv "$@"').machine()
    work = prepared(machine, new, there, Way.MIRROR)
    going = asyncio.create_task(work.run())
    await comes_true((tmp_path / "moving").exists)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert work.done is not None and shape_of(there) == NEW


async def test_a_connection_cut_in_the_switch_is_an_unknown_outcome_and_it_goes_on_to_its_end(
    odd_host: Any, prepared: Any, make: Any, shape_of: Any, comes_true: Any, tmp_path: Path
) -> None:
    there, new = make(tmp_path / "there", OLD), make(tmp_path / "new", NEW)
    host = odd_host("mv", f'touch {tmp_path}/moving; sleep 1; exec /bin/mv "$@"')
    going = asyncio.create_task(prepared(host.machine(), new, there, Way.MIRROR).run())
    await comes_true((tmp_path / "moving").exists)
    host.cut()
    with pytest.raises(errors.UnknownOutcome, match="putting the files in place"):
        await going
    await comes_true(lambda: shape_of(there) == NEW and not staged(tmp_path))


async def test_a_tar_that_fails_there_is_told_and_changes_nothing(
    odd_host: Any, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    there, new = make(tmp_path / "there", OLD), make(tmp_path / "new", NEW)
    script = wrapped("-x", "echo 'tar: a: Cannot write: No space left on device' >&2; cat >/dev/null; exit 2")
    with pytest.raises(errors.Refused, match="the disk there is full"):
        await send(odd_host("tar", script).machine(), new, there, Way.MIRROR)
    assert shape_of(there) == OLD and not staged(tmp_path)


async def test_a_tar_that_drops_bytes_is_found_out(
    odd_host: Any, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    there, new = make(tmp_path / "there", OLD), make(tmp_path / "new", NEW)
    short = wrapped("-x", '/usr/bin/tar "$@"; : >new/c; exit 0')
    with pytest.raises(errors.Malformed, match="c did not arrive as it was sent"):
        await send(odd_host("tar", short).machine(), new, there, Way.MIRROR)
    assert shape_of(there) == OLD
    (tmp_path / "tools" / "tar").write_text(
        "#!/bin/sh\n" + wrapped("-x", '/usr/bin/tar "$@"; printf NEW >new/a; exit 0') + "\n"
    )
    with pytest.raises(errors.Malformed, match="a did not arrive as it was sent"):
        await send(odd_host("true", "").machine(), new, there, Way.MIRROR, checksum=True)
    assert shape_of(there) == OLD and not staged(tmp_path)


async def test_a_file_that_may_not_be_read_is_refused_before_anything_is_sent(
    sshd: Any, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything; run the tests as another user")
    there, new = make(tmp_path / "there", OLD), make(tmp_path / "new", {**NEW, b"secret": ("f", 0o000, b"x")})
    with pytest.raises(errors.Refused, match="secret may not be read"):
        await send(sshd.machine(), new, there, Way.MIRROR)
    assert shape_of(there) == OLD


async def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_moved(
    sshd: Any, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything; run the tests as another user")
    there = make(tmp_path / "there", {**OLD, b"d": ("d", 0o555, b"")})
    new = make(tmp_path / "new", {**NEW, b"d": ("d", 0o555, b""), b"d/b": ("f", 0o644, b"other")})
    with pytest.raises(errors.Refused, match=r"no permission to write in \./d"):
        await send(sshd.machine(), new, there, Way.MIRROR)
    assert shape_of(there)[b"a"] == OLD[b"a"] and not staged(tmp_path)


async def test_a_file_that_changes_while_it_is_sent_is_refused(
    sshd: Any, prepared: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    there, new = make(tmp_path / "there", OLD), make(tmp_path / "new", NEW)
    work = prepared(sshd.machine(), new, there, Way.MIRROR)
    (new / "c").write_bytes(b"another")
    with pytest.raises(errors.Refused, match="has changed while it was being sent"):
        await work.run()
    assert shape_of(there) == OLD and not staged(tmp_path)


def archive(*members: tuple[str, bytes, str, bytes]) -> bytes:
    """(name, type, where a link points to, content)"""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, kind, target, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, target, len(content), 0o6777
            made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../evil", FILE, "", b"x")], "leads out of the folder"),
        ([("./a/../../evil", FILE, "", b"x")], "leads out of the folder"),
        ([("/EVIL", FILE, "", b"x")], "leads out of the folder"),
        ([("./out", LINK, "OUTSIDE", b""), ("./out/evil", FILE, "", b"x")], "is not a folder of it"),
        ([("./out", LINK, "OUTSIDE", b""), ("./out", FOLDER, "", b""), ("./out/evil", FILE, "", b"x")], "twice"),
        ([("./out", LINK, "EVIL", b""), ("./out", FILE, "", b"x")], "twice"),
        ([("./hard", HARD, "OUTSIDE/own", b"")], "leads out of the folder"),
        ([("./hard", HARD, "../own", b"")], "leads out of the folder"),
        ([("./out", LINK, "OUTSIDE/own", b""), ("./hard", HARD, "./out", b"")], "to what it does not hold"),
        ([("./d", FOLDER, "", b""), ("./d", FILE, "", b"x")], "twice"),
    ],
)
async def test_an_archive_that_would_write_elsewhere_is_refused(
    odd_host: Any, fetch: Any, make: Any, shape_of: Any, tmp_path: Path, members: Any, said: str
) -> None:
    outside = make(tmp_path / "outside", {b"own": ("f", 0o644, b"own")})
    target = make(tmp_path / "target", {})
    places = {"OUTSIDE": str(outside), "EVIL": str(outside / "evil")}

    def placed(text: str) -> str:
        for word, place in places.items():
            text = text.replace(word, place)
        return text

    data = archive(*[(placed(name), kind, placed(link), content) for name, kind, link, content in members])
    (tmp_path / "evil.tar").write_bytes(data)
    machine = odd_host("tar", wrapped("-c", f"exec cat {tmp_path}/evil.tar")).machine()
    source = make(tmp_path / "source", OLD)
    with pytest.raises(errors.Malformed, match=said):
        await fetch(machine, source, target)
    assert shape_of(target) == {} and shape_of(outside) == {b"own": ("f", 0o644, b"own")}
    assert not (tmp_path / "evil").exists() and not (tmp_path / "target" / "evil").exists()


async def test_what_is_fetched_wins_no_rights_and_no_devices(
    odd_host: Any, fetch: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    data = archive(("./a", FILE, "", b"x"), ("./dev", tarfile.CHRTYPE, "", b""), ("./l", LINK, "/etc/passwd", b""))
    (tmp_path / "odd.tar").write_bytes(data)
    machine = odd_host("tar", wrapped("-c", f"exec cat {tmp_path}/odd.tar")).machine()
    done = await fetch(machine, make(tmp_path / "source", OLD), tmp_path)
    assert done.skipped == 1
    assert shape_of(tmp_path / "source") == {
        **OLD, b"a": ("f", 0o777, b"x"), b"l": ("l", 0o777, b"/etc/passwd")
    }  # fmt: skip


@pytest.mark.parametrize("fault", ["cut", "status", "garbage"])
async def test_an_archive_that_is_not_whole_replaces_nothing(
    odd_host: Any, fetch: Any, make: Any, shape_of: Any, tmp_path: Path, fault: str
) -> None:
    data = archive(("./a", FILE, "", b"x" * 5000))
    (tmp_path / "odd.tar").write_bytes({"cut": data[:3000], "status": data, "garbage": b"no" * 5000}[fault])
    status = 2 if fault == "status" else 0
    script = wrapped("-c", f"cat {tmp_path}/odd.tar; echo 'tar: oh' >&2; exit {status}")
    target = make(tmp_path / "target", {b"source": ("d", 0o755, b""), b"source/a": ("f", 0o644, b"mine")})
    source = make(tmp_path / "source", OLD)
    with pytest.raises(errors.Malformed if fault != "status" else errors.Refused):
        await fetch(odd_host("tar", script).machine(), source, target)
    assert shape_of(target) == {b"source": ("d", 0o755, b""), b"source/a": ("f", 0o644, b"mine")}


async def test_a_cancel_of_a_get_ends_the_tar_there_and_leaves_nothing_here(
    odd_host: Any, pool: Any, make: Any, shape_of: Any, comes_true: Any, processes: Any, number: int, tmp_path: Path
) -> None:
    cut = "head -c 300000 /dev/zero >big; /usr/bin/tar -c big | head -c 100000"
    script = wrapped("-c", f"cd {tmp_path}; {cut}; exec sleep {number}")
    machine = odd_host("tar", script).machine()
    source, target = make(tmp_path / "source", OLD), make(tmp_path / "target", {})
    order = Fetching(remote=os.fsencode(source), folder=str(target), apart=False)
    going = asyncio.create_task(Fetch(pool, machine, order, lambda *_: None).run())
    await comes_true(lambda: processes(f"sleep {number}"))
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert not processes(f"sleep {number}") and shape_of(target) == {}


async def test_a_cancelled_task_says_what_came_of_each_host(
    odd_host: Any, roster: Any, make: Any, comes_true: Any, processes: Callable[[str], list[int]], number: int,
    tmp_path: Path,
) -> None:  # fmt: skip
    there, new = make(tmp_path / "there", OLD), make(tmp_path / "new", NEW)
    hanging = odd_host("tar", hanging_tar(number))
    machines = (hanging.machine("web1"), hanging.machine("web2", port=1))
    asked = Asked(machines=machines, local=(str(new),), remote=str(there))
    async with TaskManager.open() as tasks:
        task = tasks.submit(send_job(roster, asked, Way.COPY))
        await comes_true(lambda: processes(f"sleep {number}") and task.record.done == 1)
        tasks.cancel(task.id)
        record = await task.done()
    assert record.state is State.CANCELLED
    assert [target.state for target in record.targets] == [State.CANCELLED, State.FAILED]
    assert not processes(f"sleep {number}") and not staged(tmp_path)


async def test_a_host_that_takes_too_long_is_stopped_and_the_others_go_on(
    odd_host: Any, sshd: Any, roster: Any, make: Any, processes: Callable[[str], list[int]], number: int, tmp_path: Path
) -> None:
    there, new = make(tmp_path / "srv", {}), make(tmp_path / "new", NEW)
    slow = odd_host("tar", hanging_tar(number)).machine("slow")
    asked = Asked(
        machines=(slow, sshd.machine("quick")), local=(str(new / "c"),), remote=str(there), timeout_seconds=2.0
    )
    async with TaskManager.open() as tasks:
        task = tasks.submit(send_job(roster, asked, Way.PUT))
        record = await task.done()
    assert [target.state for target in record.targets] == [State.TIMED_OUT, State.SUCCEEDED]
    assert "no end after 2 s" in record.targets[0].why
    assert not processes(f"sleep {number}") and not staged(tmp_path) and (there / "c").exists()


async def test_many_orders_over_one_connection_do_not_wait_for_each_other_for_ever(
    sshd: Any, roster: Any, make: Any, tmp_path: Path
) -> None:
    new = make(tmp_path / "new", NEW)
    machines = tuple(sshd.machine(f"web{number}") for number in range(12))
    async with TaskManager.open() as tasks:
        asked = Asked(machines=machines, local=(str(new),), remote=str(tmp_path / "there"))
        record = await tasks.submit(send_job(roster, asked, Way.COPY)).done()
        assert record.state in (State.SUCCEEDED, State.FAILED)
        asked = Asked(machines=machines, local=(str(tmp_path / "got"),), remote=str(new))
        record = await tasks.submit(get_job(roster, asked)).done()
    assert record.state is State.SUCCEEDED and len(list((tmp_path / "got").iterdir())) == 12
