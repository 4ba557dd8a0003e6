"""Results as people read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from cockpit.fleet.results.outcome import Kill, Outcome
from cockpit.fleet.results.record import HostLine, RunRecord
from cockpit.model.units import human_bytes

_ORDER = tuple(Outcome)


def counted(counts: Mapping[Outcome, int]) -> str:
    """ "5 hosts: 3 ok, 2 nonzero"."""
    total = sum(counts.values())
    said = ", ".join(f"{counts[outcome]} {outcome.words}" for outcome in _ORDER if counts.get(outcome))
    return f"{total} host{'s' if total != 1 else ''}: {said or 'nothing to do'}"


def summary(lines: Iterable[HostLine]) -> str:
    """See counted."""
    return counted(Counter([line.outcome for line in lines]))


def said(line: HostLine) -> str:
    """One line of a host that has ended, without its name: "nonzero: exit status 3 (0.2 s; 1.2K in /path)"."""
    facts = [f"{line.duration_seconds:.1f} s"] if line.duration_seconds else []
    for size, path in ((line.stdout_bytes, line.spill), (line.stderr_bytes, line.stderr_spill)):
        if path:
            facts.append(f"{human_bytes(size)} in {path}")
    if line.truncated:
        facts.append("not all of it was kept")
    if line.attempts > 1:
        facts.append(f"{line.attempts} attempts")
    if line.kill is Kill.UNCONFIRMED:
        facts.append("may still run")
    why = f": {line.why}" if line.why else ""
    return f"{line.outcome.words}{why}" + (f" ({'; '.join(facts)})" if facts else "")


def facts(kept: RunRecord) -> Iterator[tuple[str, str]]:
    """What was asked of a run and what came of it, with a word for each."""
    run = kept.summary
    started = datetime.fromtimestamp(run.started_at).astimezone().isoformat(" ", "seconds")
    took = "" if run.ended_at is None else f", {run.ended_at - run.started_at:.1f} s"
    yield "command", run.command
    if kept.sudo:
        yield "sudo", kept.sudo
    if run.selection:
        yield "selection", run.selection
    plan = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in kept.plan.items())
    if plan:
        yield "plan", plan
    yield "run", f"{run.key}, {run.state}, by {run.who}, {started}{took}"
    yield "result", counted(run.counts)
    if run.why:
        yield "why", run.why
