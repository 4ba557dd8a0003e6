"""The runs of this user, kept: a folder a run, with its record and the output beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from cockpit.fleet.results import record
from cockpit.fleet.results.record import FILE, OUTPUT, Header, Recorder, summary_of
from cockpit.fleet.results.record import HostLine as HostLine
from cockpit.fleet.results.record import RunRecord as RunRecord
from cockpit.fleet.results.record import RunSummary as RunSummary
from cockpit.fleet.results.writer import Writer
from cockpit.model import errors
from cockpit.tasks.store import StoreError, private_folder

FOLDER = "fleet/runs"
"""In the state folder."""
KEEP_RUNS = 50
KEEP_BYTES = 4 * 2**30
"""Of all runs together, output and records."""


class History:
    """All of it blocks: call it in a thread. Raises errors.NotFound, and errors.Refused for a folder of no use."""

    def __init__(self, folder: Path) -> None:
        """`folder` is state_dir()/fleet/runs. It need not exist yet."""
        self.folder = folder

    def begin(self, header: Header, writer: Writer) -> Recorder:
        """A new run, its header on disk. Raises errors.Refused when nothing can be kept there."""
        folder = self.folder / header.run
        try:
            private_folder(self.folder.parent)
            private_folder(self.folder)
            folder.mkdir(mode=0o700)
            (folder / OUTPUT).mkdir(mode=0o700)
            return Recorder(folder, header, writer)
        except StoreError as error:
            raise errors.Refused(str(error)) from error
        except OSError as error:
            said = f"cannot keep the run in {folder}: {error.strerror}; set COCKPIT_STATE_DIR to a writable folder"
            raise errors.Refused(said) from error

    def runs(self) -> list[RunSummary]:
        """Newest first."""
        return [summary for summary, _ in self._all()]

    def read(self, run_id: str) -> RunRecord:
        """`run_id` may be the start of one, or "last"."""
        if run_id == "last":
            newest = self.last()
            if newest is None:
                raise errors.NotFound("no run is kept yet")
            return newest
        found = [path for path in self.stamps() if path.name.startswith(run_id)] if run_id else []
        exact = [path for path in found if path.name == run_id]
        if not found:
            raise errors.NotFound(f"there is no run {run_id}; see: cockpit fleet runs")
        if len(found) > 1 and not exact:
            several = ", ".join(sorted(path.name for path in found)[:10])
            raise errors.NotFound(f"several runs begin with {run_id}: {several}")
        return record.read(exact[0] if exact else found[0])

    def last(self) -> RunRecord | None:
        """The newest run, whatever became of it."""
        for _, folder in self._all():
            return record.read(folder)
        return None

    def forget(self, run_id: str) -> None:
        """The run and its output. Raises errors.Refused while it goes on."""
        kept = self.read(run_id)
        if kept.summary.state == record.RUNNING:
            raise errors.Refused(f"the run {kept.summary.key} still goes on; cancel it first")
        shutil.rmtree(kept.folder, ignore_errors=True)

    def trim(self, *, keep_runs: int = KEEP_RUNS, keep_bytes: int = KEEP_BYTES) -> None:
        """Forget the oldest runs until the rest fits; never one that goes on."""
        total = 0
        for place, (summary, folder) in enumerate(self._all()):
            total += summary.kept_bytes if summary.kept_bytes is not None else _size(folder)
            if (place >= keep_runs or total > keep_bytes) and summary.state != record.RUNNING:
                shutil.rmtree(folder, ignore_errors=True)

    def stamps(self) -> Mapping[Path, tuple[int, int]]:
        """The folders of all runs, and (mtime in ns, size) of their records."""
        found: dict[Path, tuple[int, int]] = {}
        try:
            with os.scandir(self.folder) as entries:
                folders = [Path(entry.path) for entry in entries]
        except FileNotFoundError:
            return found
        except OSError as error:
            raise errors.Refused(f"cannot read {self.folder}: {error.strerror}") from error
        for folder in folders:
            with suppress(OSError):
                status = (folder / FILE).stat()
                found[folder] = (status.st_mtime_ns, status.st_size)
        return found

    def _all(self) -> list[tuple[RunSummary, Path]]:
        found: list[tuple[RunSummary, Path]] = []
        for folder in self.stamps():
            with suppress(errors.Malformed, errors.NotFound):
                found.append((summary_of(folder), folder))
        return sorted(found, key=lambda pair: pair[0].started_at, reverse=True)


def _size(folder: Path) -> int:
    return sum(_lengths(folder.rglob("*")))


def _lengths(paths: Iterable[Path]) -> Iterable[int]:
    for path in paths:
        try:
            yield path.lstat().st_size
        except OSError:
            continue
