"""What selections ask of past runs, held in memory: nothing is read while somebody waits for an answer on the loop."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from msgspec import Struct

from cockpit.fleet.results import record
from cockpit.fleet.results.history import History, RunRecord
from cockpit.fleet.results.outcome import NOT_RUN, Outcome
from cockpit.fleet.selection import CHANGED, DIGEST, ENDS
from cockpit.model import errors

DIGEST_CHARS = 12
"""Of HostResult.digest."""
_SAID_NOTHING_SURE = NOT_RUN | {Outcome.UNKNOWN_OUTCOME, Outcome.CANCELLED}


class _Ends(Struct, frozen=True, gc=False):
    """One run, as far as selections need it."""

    stamp: tuple[int, int]
    """(mtime in ns, size) of its record."""
    started_at: float
    running: bool
    hosts: tuple[tuple[str, Outcome, str], ...]
    """(name, outcome, digest)"""


class Recall:
    """The selection.Past of one session, as fresh as the last `refresh`."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.running: set[str] = set()
        """The ids of this session's runs that go on."""
        self._runs: dict[str, _Ends] = {}
        self._last: RunRecord | None = None

    def refresh(self) -> None:
        """Read what has changed. Blocking; what cannot be read is left out."""
        found: dict[str, _Ends] = {}
        try:
            stamps = self.history.stamps()
        except errors.Refused:
            stamps = {}
        for folder, stamp in stamps.items():
            known = self._runs.get(folder.name)
            if known is not None and known.stamp == stamp and not known.running:
                found[folder.name] = known
                continue
            try:
                kept = record.read(folder)
            except errors.SourceError:
                continue
            hosts = tuple((line.host, line.outcome, line.digest) for line in kept.hosts)
            running = kept.summary.state == record.RUNNING
            found[folder.name] = _Ends(stamp, kept.summary.started_at, running, hosts)
            if self._last is None or self._last.summary.started_at <= kept.summary.started_at:
                self._last = kept
        if self._last is not None and self._last.summary.key not in found:
            self._last = self._newest(found)
        self._runs = found

    def _newest(self, runs: Mapping[str, _Ends]) -> RunRecord | None:
        """The last one was forgotten: the one before it, if that is still there."""
        for key in sorted(runs, key=lambda key: runs[key].started_at, reverse=True):
            with suppress(errors.SourceError):
                return record.read(self.history.folder / key)
        return None

    @property
    def last(self) -> RunRecord | None:
        """The newest run, whatever became of it."""
        return self._last

    def hosts(self, run_id: str | None, what: str, digest: str) -> Collection[str]:
        """See selection.Past. A run that goes on has no ends yet: its hosts may end otherwise."""
        key = self._key(run_id)
        run = self._runs[key]
        if run.running:
            raise errors.NotFound(f"the run {key} still goes on; wait for its end")
        if what not in (CHANGED, DIGEST):
            return [host for host, outcome, _ in run.hosts if outcome in ENDS[what]]
        wanted = digest[:DIGEST_CHARS]
        ran = [(host, said) for host, outcome, said in run.hosts if outcome not in _SAID_NOTHING_SURE]
        return [host for host, said in ran if said.startswith(wanted) is (what == DIGEST)]

    def _key(self, run_id: str | None) -> str:
        if not self._runs:
            raise errors.NotFound("no run is kept yet")
        if run_id is None:
            return max(self._runs, key=lambda key: self._runs[key].started_at)
        found = [key for key in self._runs if key.startswith(run_id)]
        if run_id in found:
            return run_id
        if len(found) != 1:
            several = f"; several begin so: {', '.join(sorted(found)[:10])}" if found else "; see: cockpit fleet runs"
            raise errors.NotFound(f"there is no run {run_id}{several}")
        return found[0]
