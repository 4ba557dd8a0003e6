"""Trees on hosts: what is there afterwards, and what is never touched."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.files.orders import Sending, Way
from cockpit.fleet.files.send import Send
from cockpit.fleet.files.tree import Excludes, walk
from cockpit.fleet.machine import Machine
from cockpit.model import errors

_rounds = itertools.count()
NAME = st.one_of(
    st.sampled_from(
        [b"a", b"b", b"c", b"-rf", b" ", b"x y", b"l\nine", b"q'\"$`\\*", b"\xff\xfe", b"\xc3\xa9", b"#", b"~"]
    ),
    st.binary(min_size=1, max_size=12).filter(lambda n: not set(n) & {0, ord("/")} and n not in (b".", b"..")),
    st.just(b"long" * 40),
)


@st.composite
def shapes(draw: st.DrawFn, *, closed: bool) -> dict[bytes, tuple[str, int, bytes]]:
    """Only the owner's right to read is always there: what may not be read is not sent."""
    found: dict[bytes, tuple[str, int, bytes]] = {}
    folders = [b""]
    for _ in range(draw(st.integers(0, 10))):
        path = draw(st.sampled_from(folders)) + draw(NAME)
        if path in found:
            continue
        kind = draw(st.sampled_from("ffdl"))
        if kind == "f":
            found[path] = (
                "f",
                draw(st.sampled_from([0o644, 0o400, 0o755, 0o4711, 0o606])),
                draw(st.binary(max_size=600)),
            )
        elif kind == "l":
            found[path] = (
                "l",
                0o777,
                draw(st.sampled_from([b"a", b"../../..", b"/etc/passwd", b"no\nwhere", b"\xff" * 120])),
            )
        else:
            found[path] = ("d", draw(st.sampled_from([0o755, 0o700, 0o555] if closed else [0o755, 0o711])), b"")
            folders.append(path + b"/")
    return found


@pytest.mark.parametrize("way", [Way.MIRROR, Way.RELEASE])
def test_any_tree_becomes_like_ours(machine: Machine, tmp_path: Path, make: Any, shape_of: Any, way: Way) -> None:
    """And once more: then there is nothing to do."""

    async def both(local: Path, first: Path, remote: Path) -> None:
        async with Pool().used() as pool:
            for tree in (first, local):
                order = Sending(way=way, tree=walk(str(tree), Excludes()), remote=os.fsencode(remote))
                await Send(pool, machine, order, lambda *_: None).run()
            again = await Send(pool, machine, order, lambda *_: None).compare()
            assert not again.found, again.found

    @settings(max_examples=15)
    @given(here=shapes(closed=True), there=shapes(closed=False))
    def check(here: Any, there: Any) -> None:
        base = tmp_path / str(next(_rounds))
        local, first = make(base / "here", here), make(base / "first", there)
        asyncio.run(both(local, first, base / "there"))
        assert shape_of(base / "there") == shape_of(local)
        assert [path.name for path in base.iterdir() if path.name.startswith(".cockpit")] == []

    check()


TREE = {
    b"a": ("f", 0o644, b"one"),
    b"d": ("d", 0o755, b""),
    b"d/b": ("f", 0o600, b"two"),
    b"d/empty": ("d", 0o755, b""),
    b"l": ("l", 0o777, b"d/b"),
}


async def test_what_differs_is_sent_and_nothing_else(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local, remote = make(tmp_path / "here", TREE), tmp_path / "there"
    assert (await send(machine, local, remote, Way.COPY)).files == 6  # and the folder itself
    assert (await send(machine, local, remote, Way.COPY)).wire_bytes == 0
    kept = {path.name: path.stat().st_ino for path in remote.iterdir()}
    (local / "a").write_bytes(b"ONE")
    (local / "d" / "b").chmod(0o640)
    (local / "new").write_bytes(b"3")
    (remote / "own").write_bytes(b"theirs")
    done = await send(machine, local, remote, Way.COPY)
    assert (done.files, done.modes, done.deleted, done.bytes) == (2, 1, 0, 4)
    assert shape_of(remote) == {**shape_of(local), b"own": ("f", 0o644, b"theirs")}
    assert (remote / "d").stat().st_ino == kept["d"] and (remote / "a").stat().st_ino != kept["a"]
    done = await send(machine, local, remote, Way.MIRROR)
    assert (done.files, done.deleted) == (0, 1) and shape_of(remote) == shape_of(local)


async def test_times_are_kept_as_exactly_as_the_host_can(
    machine: Machine, send: Any, make: Any, tmp_path: Path
) -> None:
    local, remote = make(tmp_path / "here", TREE), tmp_path / "there"
    await send(machine, local, remote, Way.COPY)
    for path in ("a", "d/b"):
        here, there = (local / path).stat().st_mtime_ns, (remote / path).stat().st_mtime_ns
        assert there in (here, here // 10**9 * 10**9)
    assert (local / "d/empty").stat().st_mtime_ns // 10**9 == (remote / "d/empty").stat().st_mtime_ns // 10**9


async def test_a_change_that_time_and_size_hide_is_found_by_checksum(
    machine: Machine, send: Any, make: Any, tmp_path: Path
) -> None:
    local, remote = make(tmp_path / "here", TREE), tmp_path / "there"
    odd = local / "back\\slash\nand line"
    odd.write_bytes(b"same")
    await send(machine, local, remote, Way.COPY)
    for path in (remote / "a", remote / odd.name):
        time = path.stat().st_mtime_ns
        path.write_bytes(path.read_bytes().upper())
        os.utime(path, ns=(time, time))
    assert (await send(machine, local, remote, Way.COPY)).files == 0
    done = await send(machine, local, remote, Way.COPY, checksum=True)
    assert done.files == 2 and (remote / "a").read_bytes() == b"one" and (remote / odd.name).read_bytes() == b"same"
    os.utime(remote / "a", (5, 5))
    assert (await send(machine, local, remote, Way.COPY, checksum=True)).files == 0


async def test_what_is_excluded_is_neither_sent_nor_deleted(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local = make(tmp_path / "here", {**TREE, b"x.log": ("f", 0o644, b"no"), b"d/cache": ("d", 0o755, b"")})
    remote = make(
        tmp_path / "there",
        {b"old": ("d", 0o755, b""), b"old/y.log": ("f", 0o644, b"kept"), b"gone": ("f", 0o644, b"")},
    )
    done = await send(machine, local, remote, Way.MIRROR, excludes=["*.log", "d/cache"])
    assert done.deleted == 1
    assert shape_of(remote) == {
        **TREE,
        b"old": ("d", 0o755, b""),
        b"old/y.log": ("f", 0o644, b"kept"),
    }


async def test_a_look_lists_what_would_be_done_and_changes_nothing(
    machine: Machine, prepared: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local = make(tmp_path / "here", TREE)
    remote = make(
        tmp_path / "there",
        {
            b"a": ("f", 0o644, b"longer"),
            b"d": ("d", 0o700, b""),
            b"gone": ("d", 0o755, b""),
            b"gone/x": ("f", 0o644, b"1"),
        },
    )
    before = shape_of(local), shape_of(remote)
    found = (await prepared(machine, local, remote, Way.MIRROR).compare()).found
    assert (shape_of(local), shape_of(remote)) == before
    assert set(found.new) == {b"d/b", b"d/empty", b"l"} and found.changed == (b"a",) and found.modes == (b"d",)
    assert found.deleted == (b"gone/x", b"gone")
    assert (await prepared(machine, local, remote, Way.COPY).compare()).found.deleted == ()


async def test_another_kind_gives_way_only_to_a_sync_that_deletes(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local = make(tmp_path / "here", {b"a": ("d", 0o755, b""), b"a/x": ("f", 0o644, b""), b"b": ("f", 0o644, b"b")})
    shape = {b"a": ("f", 0o644, b""), b"b": ("d", 0o755, b""), b"b/y": ("f", 0o644, b"y")}
    remote = make(tmp_path / "there", shape)
    with pytest.raises(errors.Refused, match="only a sync that deletes"):
        await send(machine, local, remote, Way.COPY)
    assert shape_of(remote) == shape
    await send(machine, local, remote, Way.MIRROR)
    assert shape_of(remote) == shape_of(local)


async def test_pipes_and_sockets_stay_where_they_are(machine: Machine, send: Any, make: Any, tmp_path: Path) -> None:
    local, remote = make(tmp_path / "here", TREE), make(tmp_path / "there", {b"run": ("d", 0o755, b"")})
    os.mkfifo(local / "pipe")
    os.mkfifo(remote / "run" / "pipe")
    done = await send(machine, local, remote, Way.MIRROR)
    assert done.skipped == 1 and not (remote / "pipe").exists() and (remote / "run" / "pipe").exists()
    with pytest.raises(errors.Refused, match="a device, a socket or a pipe there"):
        await send(
            machine,
            make(tmp_path / "other", {b"run": ("d", 0o755, b""), b"run/pipe": ("f", 0o644, b"")}),
            remote,
            Way.MIRROR,
        )


@pytest.mark.parametrize(
    ("remote", "said"),
    [("no/such/place", "there is no folder"), ("file", "is no folder there"), ("file/x", "no folder")],
)
async def test_a_place_that_is_none_is_refused(
    machine: Machine, send: Any, make: Any, tmp_path: Path, remote: str, said: str
) -> None:
    local = make(tmp_path / "here", TREE)
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.Refused, match=said):
        await send(machine, local, tmp_path / remote, Way.COPY)


async def test_links_on_the_way_are_followed_and_links_in_the_tree_are_not(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local, real = make(tmp_path / "here", TREE), make(tmp_path / "real", {})
    elsewhere = make(tmp_path / "elsewhere", {b"b": ("f", 0o644, b"not ours")})
    (real / "d").symlink_to(elsewhere)
    (tmp_path / "link").symlink_to(real)
    await send(machine, local, tmp_path / "link", Way.MIRROR)
    assert shape_of(real) == shape_of(local) and (tmp_path / "link").is_symlink()
    assert (elsewhere / "b").read_bytes() == b"not ours"


async def test_a_release_is_switched_by_a_link_and_shares_what_has_not_changed(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local, place = make(tmp_path / "here", TREE), make(tmp_path / "srv", {})
    live = place / "live"
    first = (await send(machine, local, live, Way.RELEASE)).release
    assert os.readlink(live) == f"releases/{first}" and shape_of(live) == shape_of(local)
    (local / "a").write_bytes(b"ONE")
    (local / "d/b").chmod(0o755)
    (local / "l").unlink()
    (local / "same").write_bytes(b"same")
    second = (await send(machine, local, live, Way.RELEASE)).release
    assert os.readlink(live) == f"releases/{second}" and shape_of(live) == shape_of(local)
    assert shape_of(place / "releases" / first) == TREE
    (local / "a").write_bytes(b"one more")
    third = (await send(machine, local, live, Way.RELEASE, keep=1)).release
    inode = [(place / "releases" / name / "same").stat().st_ino for name in (second, third)]
    assert inode[0] == inode[1]
    assert sorted(path.name for path in (place / "releases").iterdir()) == sorted([second, third])
    assert (await send(machine, local, live, Way.RELEASE)).release == ""


async def test_old_releases_that_cannot_be_removed_are_told_and_the_new_one_is_live(
    odd_host: Any, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    refuse = f'case "$*" in *{tmp_path}/srv/releases/2*) echo "rm: not allowed" >&2; exit 1;; esac\nexec /bin/rm "$@"'
    machine = odd_host("rm", refuse).machine()
    local, live = make(tmp_path / "here", TREE), make(tmp_path / "srv", {}) / "live"
    await send(machine, local, live, Way.RELEASE)
    (local / "a").write_bytes(b"ONE")
    done = await send(machine, local, live, Way.RELEASE, keep=0)
    assert "old releases are still there" in done.note and "rm: not allowed" in done.note
    assert shape_of(live) == shape_of(local) and os.readlink(live) == f"releases/{done.release}"


async def test_a_folder_that_is_no_link_is_not_made_a_release(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local, live = make(tmp_path / "here", TREE), make(tmp_path / "live", TREE)
    with pytest.raises(errors.Refused, match="is no link to a release"):
        await send(machine, local, live, Way.RELEASE)
    assert shape_of(live) == TREE


async def test_a_reader_sees_the_old_release_or_the_new_one_and_never_a_mixture(
    sshd: Any, send: Any, make: Any, tmp_path: Path
) -> None:
    local, live = tmp_path / "here", tmp_path / "live"
    names = [f"f{number}" for number in range(30)]
    make(local, {name.encode(): ("f", 0o644, b"0") for name in names})
    await send(sshd.machine(), local, live, Way.RELEASE)
    program = (
        "import os, sys\n"
        "seen = set()\n"
        "while not os.path.exists(sys.argv[2]):\n"
        "    folder = os.open(sys.argv[1], os.O_RDONLY)\n"
        "    texts = {open(os.open(n, os.O_RDONLY, dir_fd=folder)).read() for n in os.listdir(folder)}\n"
        "    assert len(texts) == 1, texts\n"
        "    seen |= texts\n"
        "    os.close(folder)\n"
        "print(len(seen))\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", program, str(live), str(tmp_path / "end")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        for number in range(1, 6):
            for name in names:
                (local / name).write_text(str(number))
                os.utime(local / name, (1_800_000_000 + number, 1_800_000_000 + number))
            await send(sshd.machine(), local, live, Way.RELEASE)
    finally:
        (tmp_path / "end").touch()
    out, err = await asyncio.to_thread(reader.communicate)
    assert reader.returncode == 0, err
    assert int(out) >= 1 and {path.read_text() for path in live.iterdir()} == {"5"}


async def test_a_large_file_that_changed_a_little_costs_little(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path, need: Any
) -> None:
    need("rsync", "apt-get install rsync")
    if machine.transport == "ssh" and "tools" in str(list(tmp_path.iterdir())):
        pytest.skip("a host with BusyBox alone has no rsync")
    content = os.urandom(9 * 2**20)
    local, remote = (
        make(tmp_path / "here", {b"sub": ("d", 0o755, b""), b"sub/b ig\n": ("f", 0o640, content)}),
        tmp_path / "there",
    )
    assert (await send(machine, local, remote, Way.COPY)).wire_bytes > len(content)
    (local / "sub/b ig\n").write_bytes(content[:5_000_000] + b"changed" + content[5_000_007:])
    (local / "small").write_bytes(b"too")
    done = await send(machine, local, remote, Way.COPY)
    assert done.files == 2 and done.wire_bytes < 200_000
    assert shape_of(remote) == shape_of(local)
    times = [(root / "sub/b ig\n").stat().st_mtime_ns for root in (local, remote)]
    assert times[0] == times[1]


async def test_without_a_working_rsync_the_whole_file_is_sent(
    odd_host: Any, send: Any, make: Any, shape_of: Any, tmp_path: Path, need: Any
) -> None:
    need("rsync", "apt-get install rsync")
    machine = odd_host("rsync", "echo broken >&2; exit 7").machine()
    content = os.urandom(9 * 2**20)
    local, remote = make(tmp_path / "here", {b"big": ("f", 0o640, content)}), tmp_path / "there"
    await send(machine, local, remote, Way.COPY)
    (local / "big").write_bytes(content[::-1])
    assert (await send(machine, local, remote, Way.COPY)).wire_bytes > len(content)
    assert shape_of(remote) == shape_of(local)
