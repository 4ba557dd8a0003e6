"""What the lines above a run say: its command, how it stands, how many hosts ended how, why it waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cockpit.fleet.results.columns import outcome_tone
from cockpit.fleet.results.outcome import Outcome, Phase
from cockpit.fleet.run.rows import HostRow
from cockpit.fleet.run.run import RunState
from cockpit.fleet.run.watched import INTERRUPTED, Watched
from cockpit.model import clock
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.tui.lines import Piece

STATE_TONES: dict[str, Tone] = {
    RunState.WAITING: Tone.MUTED,
    RunState.RUNNING: Tone.BUSY,
    RunState.PAUSED: Tone.WARN,
    RunState.STOPPING: Tone.WARN,
    RunState.ENDED: Tone.MUTED,
    INTERRUPTED: Tone.WARN,
}
BAR_CELLS = 20


def title(watched: Watched) -> tuple[list[Piece], list[Piece]]:
    """The command and its hosts, and on the right the state with the time it took."""
    order = watched.order
    count = f"{watched.hosts} host{'' if watched.hosts == 1 else 's'}"
    first, *more = order.command.strip().splitlines() or [""]
    left = [Piece(f" {count} ", "bold")]
    if order.sudo:
        left.append(Piece(f"as {order.sudo} ", "warn"))
    left += [Piece("$ ", "muted"), Piece(first, "bold"), Piece(" ..." if more else "", "muted")]
    left.append(Piece(f"  on {order.selection}", "muted"))
    return left, [state(watched), Piece(f" {took(watched)} ", "muted")]


def state(watched: Watched) -> Piece:
    """ "◐ running", "▲ paused"."""
    tone = STATE_TONES[watched.state]
    return Piece(f"{GLYPHS[tone]} {watched.state}", tone.value)


def took(watched: Watched) -> str:
    """How long it has run, or ran."""
    if watched.started_at is None:
        return ""
    end = watched.ended_at
    if end is None:
        if watched.state == INTERRUPTED:
            return ""
        end = clock.wall()
    return human_duration(max(0.0, end - watched.started_at))


def counts(rows: Iterable[HostRow], hosts: int) -> tuple[list[Piece], list[Piece]]:
    """How many are at what, the ended ones by outcome, and on the right how far it is."""
    ended: Counter[Outcome] = Counter()
    going = queued = seen = 0
    for row in rows:
        seen += 1
        if row.result is not None:
            ended[row.result.outcome] += 1
        elif row.phase is Phase.QUEUED:
            queued += 1
        else:
            going += 1
    queued += hosts - seen
    left = [Piece(" ")]
    for outcome in sorted(ended, key=tuple(Outcome).index):
        tone = outcome_tone(outcome)
        left.append(Piece(f"{GLYPHS[tone]} {ended[outcome]} {outcome.words}   ", tone.value))
    if going:
        left.append(Piece(f"{GLYPHS[Tone.BUSY]} {going} running   ", "busy"))
    if queued:
        left.append(Piece(f"{GLYPHS[Tone.MUTED]} {queued} queued", "muted"))
    done = ended.total()
    right = [Piece(f"{done}/{hosts} ", "muted")]
    if done < hosts:  # at the end it says nothing, and how they ended needs the room
        full = BAR_CELLS * done // hosts
        right += [Piece("━" * full, "busy"), Piece("─" * (BAR_CELLS - full), "muted"), Piece(" ")]
    return left, right


def trouble(watched: Watched, keys: dict[str, str]) -> tuple[list[Piece], list[Piece]]:
    """Why it is paused, was stopped or waits, and on the right the keys that help. Empty: there is nothing to say."""
    why = watched.why
    if not why:
        return [], []
    live = watched.live
    helps: list[tuple[str, str]] = []
    if live is not None:
        if live.state is RunState.PAUSED:
            helps.append(("pause", "goes on"))
        if live.waiting:
            helps.append(("quota", "raises the quota"))
        if live.state in (RunState.PAUSED, RunState.RUNNING):
            helps.append(("abort", "aborts"))
    right = [piece for key, word in helps for piece in (Piece(f" {keys[key]}", "key"), Piece(f" {word} ", "muted"))]
    return [Piece(f" {GLYPHS[Tone.WARN]} {why}", "warn")], right
