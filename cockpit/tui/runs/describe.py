"""How one host of a run ended, in lines."""

from __future__ import annotations

from collections.abc import AsyncIterator

from cockpit.fleet.results.outcome import Kill
from cockpit.fleet.run.rows import HostRow
from cockpit.fleet.run.watched import Watched
from cockpit.model.units import human_bytes


async def described(watched: Watched, row: HostRow) -> AsyncIterator[str]:
    """What is known of it. No I/O."""
    order, result = watched.order, row.result
    facts: dict[str, str] = {"host": row.name, "address": row.address, "command": order.command, "run": watched.id}
    if result is None:
        facts |= {"phase": row.phase.value, "lines": f"{row.lines:,}", "said": human_bytes(row.out_bytes)}
    else:
        sizes = ((result.stdout_bytes, result.spill), (result.stderr_bytes, result.stderr_spill))
        out, err = (f"{human_bytes(size)} in {path}" if path else "nothing" for size, path in sizes)
        facts |= {
            "outcome": result.outcome.words,
            "why": result.why,
            "exit status": "" if result.exit_code is None else str(result.exit_code),
            "signal": result.signal or "",
            "took": f"{result.duration_seconds:.2f} s",
            "attempts": str(result.attempts) if result.attempts > 1 else "",
            "stopped": {Kill.CONFIRMED: "yes, nothing of it runs", Kill.UNCONFIRMED: "no: it may still run"}.get(
                result.kill, ""
            ),
            "output held": "by a detached child after the command had ended" if result.pipe_held else "",
            "stdout": out,
            "stderr": err,
            "lines": f"{result.lines:,}",
            "kept": "not all: the head and the tail" if result.truncated else "",
            "digest": result.digest,
        }
    for word, value in facts.items():
        if value:
            yield f"{word + ':':<13}{value}"
    if result is not None and result.phases:
        yield ""
        yield "PHASES"
        for phase, seconds in result.phases.items():
            yield f"  {phase:<11}{seconds:8.3f} s"
