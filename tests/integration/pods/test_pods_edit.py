"""Editing objects on the simulator: what is sent, what is not, and what becomes of the text."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.pods.actions.edit import edit_job
from cockpit.pods.actions.merge import again
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.deployment import DEPLOYMENTS
from cockpit.pods.kinds.object import Object
from cockpit.tasks.action import State, Target
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.records import TaskRecord
from cockpit.tasks.terminal import Tty

PATIENCE = 30.0


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.05) as running:
        yield running


class Desk:
    """A terminal, an editor and a task manager."""

    def __init__(self, sim: Simulator, folder: Path, tasks: TaskManager, patch: pytest.MonkeyPatch) -> None:
        self.sim, self.folder, self.tasks, self._patch = sim, folder, tasks, patch
        self.master, self.slave = os.openpty()
        record = next(r for r in sim.store.all("deployments") if r.key[0] == "shop")
        self.name = record.key[1]
        self._patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        self._patch.setenv("TMPDIR", str(folder))

    @property
    def now(self) -> dict:  # type: ignore[type-arg]
        record = self.sim.store.get("deployments", "shop", self.name)
        assert record is not None
        return dict(record.load())

    @property
    def writes(self) -> int:
        return self.sim.api.requests["update"]

    @property
    def kept(self) -> list[Path]:
        return list((self.folder / "state/cockpit/edits").glob("*"))

    def editor(self, *scripts: str) -> None:
        """What is done to the file "$1", one script an opening; more openings fail."""
        for number, script in enumerate(scripts):
            (self.folder / f"step{number}").write_text(script)
        program = self.folder / "editor"
        program.write_text(
            f'#!/bin/sh\ncd "{self.folder}"\nn=$(cat count 2>/dev/null || echo 0)\necho $((n+1)) > count\n'
            f'cp "$1" "seen$n"\nstat -c %a "$1" > mode\n. "./step$n"\n'
        )
        program.chmod(0o700)
        self._patch.setenv("KUBE_EDITOR", str(program))

    def seen(self, number: int) -> str:
        return (self.folder / f"seen{number}").read_text()

    async def edit(self) -> TaskRecord:
        metadata = self.now["metadata"]
        row = Object(f"demo/{metadata['uid']}", "demo", "shop", self.name, None, "", "")

        @asynccontextmanager
        async def lend() -> AsyncIterator[Tty]:
            yield Tty(self.slave, self.slave)

        cluster = Cluster(PodsSource(name="demo", kubeconfig=str(self.sim.kubeconfig)))
        job = edit_job(cluster, DEPLOYMENTS, row, Target("k", row.path), lend)
        async with asyncio.timeout(PATIENCE):
            record = await self.tasks.submit(job).done()
        assert not list(self.folder.glob("cockpit-edit-*"))
        return record


@pytest.fixture
async def desk(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with TaskManager.open(tmp_path / "tasks") as tasks:
        made = Desk(sim, tmp_path, tasks, monkeypatch)
        yield made
        os.close(made.master)
        os.close(made.slave)


PAUSE = "sed -i 's/^  replicas:.*/  replicas: 7/' \"$1\""


async def test_a_change_is_sent(desk: Desk) -> None:
    desk.editor(PAUSE)
    record = await desk.edit()
    assert (record.state, desk.now["spec"]["replicas"]) == (State.SUCCEEDED, 7), record.why
    assert "managedFields" not in desk.seen(0)
    assert (desk.folder / "mode").read_text().strip() == "600"
    assert desk.kept == []


@pytest.mark.parametrize("script", [":", "printf '\\n' > \"$1\"", 'echo \'# said\' >> "$1"; touch "$1"'])
async def test_nothing_changed_sends_nothing(desk: Desk, script: str) -> None:
    desk.editor(script)
    assert (await desk.edit()).state is State.SUCCEEDED
    assert (desk.writes, desk.kept) == (0, [])


async def test_bad_text_comes_back_with_the_reason_and_is_kept(desk: Desk) -> None:
    desk.editor("echo '  bad: [' >> \"$1\"", ":")
    record = await desk.edit()
    assert record.state is State.FAILED and "no YAML" in record.why
    assert "# this is no YAML" in desk.seen(1)
    (kept,) = desk.kept
    assert str(kept) in record.why and "bad: [" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert desk.writes == 0


async def test_what_the_server_refuses_comes_back_and_can_be_mended(desk: Desk) -> None:
    desk.sim.faults.add(Fault("status", verb="update", status=422))
    desk.editor(PAUSE, "sed -i 's/replicas: 7/replicas: 6/' \"$1\"")
    record = await desk.edit()
    assert (record.state, desk.now["spec"]["replicas"]) == (State.SUCCEEDED, 6), record.why
    assert "# demo: a fault was asked for" in desk.seen(1)


async def test_another_object_is_never_made_of_it(desk: Desk) -> None:
    desk.editor("sed -i 's/^  name: .*/  name: other/' \"$1\"", ":")
    assert "metadata.name was changed" in (await desk.edit()).why


def change(desk: Desk) -> str:
    """Somebody else writes while the editor is open: the script waits for it."""

    async def write() -> None:
        async with asyncio.timeout(PATIENCE):
            while not (desk.folder / "open").exists():
                await asyncio.sleep(0.02)
        item = desk.now
        item["metadata"].setdefault("annotations", {})["by"] = "somebody"
        desk.sim.objects.save(kinds.KINDS["deployments"], item)
        (desk.folder / "go").touch()

    desk.writing = asyncio.create_task(write())  # type: ignore[attr-defined]
    return f"touch open; until [ -e go ]; do sleep 0.02; done; {PAUSE}"


async def test_a_conflict_is_shown_and_edited_on_top(desk: Desk) -> None:
    desk.editor(change(desk), 'echo >> "$1"')
    os.write(desk.master, b"e\n")
    record = await desk.edit()
    assert record.state is State.SUCCEEDED, record.why
    assert (desk.now["spec"]["replicas"], desk.now["metadata"]["annotations"]["by"]) == (7, "somebody")
    assert "# +    by: somebody" in desk.seen(1)
    assert b"changed by somebody else" in os.read(desk.master, 65536)


async def test_a_conflict_that_is_left_overwrites_nothing(desk: Desk) -> None:
    desk.editor(change(desk))
    os.write(desk.master, b"l\n")
    record = await desk.edit()
    assert record.state is State.FAILED and "somebody else" in record.why
    assert desk.now["spec"]["replicas"] != 7
    (kept,) = desk.kept
    assert "replicas: 7" in kept.read_text()


async def test_an_editor_that_is_killed_or_missing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.editor(f"{PAUSE}; kill -9 $$")
    record = await desk.edit()
    assert record.state is State.FAILED and "signal 9" in record.why
    assert "replicas: 7" in desk.kept[0].read_text()
    monkeypatch.setenv("KUBE_EDITOR", "no-such-editor --wait")
    assert "no-such-editor of $KUBE_EDITOR is not here" in (await desk.edit()).why
    assert desk.writes == 0


async def test_a_forbidden_edit_keeps_the_text(desk: Desk) -> None:
    desk.sim.faults.add(Fault("status", verb="update", status=403))
    desk.editor(PAUSE)
    record = await desk.edit()
    assert record.state is State.FAILED and str(desk.kept[0]) in record.why


def test_changes_are_done_again_on_top() -> None:
    base = {"a": 1, "b": {"c": [1], "d": 2, "gone": 1}, "x": 1}
    mine = {"a": 1, "b": {"c": [1, 2], "d": 3}, "new": 1, "x": 2}
    theirs = {"a": 9, "b": {"c": [1], "d": 2, "gone": 1, "e": 5}, "x": 3}
    clashes: list[str] = []
    merged = again(base, mine, theirs, clashes=clashes)
    assert merged == {"a": 9, "b": {"c": [1, 2], "d": 3, "e": 5}, "x": 2, "new": 1}
    assert clashes == ["x"]
