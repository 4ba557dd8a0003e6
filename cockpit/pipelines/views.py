"""More of one run: its log as it grows, and its attempts and steps."""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime

from cockpit.config.settings import PipelineSource
from cockpit.listing.views import View
from cockpit.model import errors
from cockpit.model.clock import wall
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_bytes, human_duration
from cockpit.pipelines.connection import Connection, connect
from cockpit.pipelines.run import Run
from cockpit.pipelines.wire import LOG_FINAL, NEXT_OFFSET, AttemptInfo, RunDetail, StepInfo

LOG_WAIT_SECONDS = 10
LINE_CHARS = 64 << 10
"""A longer line is cut into several."""
_GLYPHS = {"success": Tone.GOOD, "skipped": Tone.MUTED, "cancelled": Tone.MUTED}


def pipelines_views(sources: Mapping[str, PipelineSource]) -> tuple[View[Run], ...]:
    """The pane's catalogue. `sources` by name."""
    return (
        View("pipelines.logs", "Log", "l", lambda run: log_lines(_source(sources, run), run), follow=True),
        View("pipelines.describe", "Describe", "d", lambda run: describe(_source(sources, run), run)),
    )


def _source(sources: Mapping[str, PipelineSource], run: Run) -> PipelineSource:
    return sources[run.source]


async def log_lines(source: PipelineSource, run: Run) -> AsyncIterator[str]:
    """The log of the run's newest attempt, followed until it is final."""
    async with (
        connect(source) as connection,
        aclosing(_bytes(connection, source, run)) as pieces,
        aclosing(lines(pieces)) as whole,
    ):
        async for line in whole:
            yield line


async def _bytes(connection: Connection, source: PipelineSource, run: Run) -> AsyncGenerator[bytes, None]:
    offset, final = 0, False
    while not final:
        params = {"attempt": run.attempt, "offset": offset, "wait": LOG_WAIT_SECONDS}
        reply = await connection.send("GET", f"/api/v1/runs/{run.id}/log", params=params)
        following = reply.headers.get(NEXT_OFFSET, "")
        if not following.isdigit() or int(following) != offset + len(reply.body):
            raise errors.Malformed(f"{source.name}: the log's offset does not fit its bytes")
        offset, final = int(following), reply.headers.get(LOG_FINAL) == "true"
        if reply.body:
            yield reply.body


async def lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """Lines of pieces that are cut anywhere, characters included. Bytes that are not UTF-8 become U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    async for piece in pieces:
        *whole, rest = (rest + decoder.decode(piece)).split("\n")
        for line in whole:
            for cut in _cut(line.removesuffix("\r")):
                yield cut
        while len(rest) > LINE_CHARS:
            yield rest[:LINE_CHARS]
            rest = rest[LINE_CHARS:]
    rest += decoder.decode(b"", final=True)
    if rest:
        for cut in _cut(rest):
            yield cut


def _cut(line: str) -> list[str]:
    return [line[start : start + LINE_CHARS] for start in range(0, max(1, len(line)), LINE_CHARS)]


async def describe(source: PipelineSource, run: Run) -> AsyncIterator[str]:
    """What is known of a run, its attempts, newest first, and their steps."""
    async with connect(source) as connection:
        detail = await connection.get(f"/api/v1/runs/{run.id}", RunDetail)
    info, now = detail.run, wall()
    told = {
        "Run": f"{info.repository} #{info.number}",
        "Name": info.name,
        "Source": source.name,
        "Ref": info.ref,
        "Commit": info.sha or "not known yet",
        "Event": info.event,
        "Actor": info.actor,
        "State": (info.phase if info.result is None else info.result) + (f": {info.reason}" if info.reason else ""),
        "Attempt": str(info.attempt),
        "Created": _time(info.created_at),
        "Started": _time(info.started_at),
        "Finished": _time(info.finished_at),
        "URL": run.url,
    }
    for name, value in told.items():
        yield f"{name + ':':<10}{value}".rstrip()
    for attempt in reversed(detail.attempts):
        yield ""
        yield f"Attempt {attempt.attempt}: {_state(attempt)}{_lasted(attempt, now)}{_why(attempt)}"
        width = max((len(step.name) for step in attempt.steps), default=0)
        for step in attempt.steps:
            where = "" if step.log_offset is None else f"  log from {human_bytes(step.log_offset)}"
            yield f"  {_glyph(step)} {step.name:<{width}}  {_state(step)}{_lasted(step, now)}{_why(step)}{where}"


def _state(part: AttemptInfo | StepInfo) -> str:
    return part.phase if part.result is None else part.result


def _glyph(step: StepInfo) -> str:
    if step.result is None:
        return GLYPHS[Tone.BUSY if step.phase == "running" else Tone.MUTED]
    return GLYPHS[_GLYPHS.get(step.result, Tone.BAD)]


def _lasted(part: AttemptInfo | StepInfo, now: float) -> str:
    if part.started_at is None:
        return ""
    end = part.finished_at.timestamp() if part.finished_at else now
    return f"  {human_duration(max(0.0, end - part.started_at.timestamp()))}"


def _why(part: AttemptInfo | StepInfo) -> str:
    return f"  {part.reason}" if part.reason else ""


def _time(at: datetime | None) -> str:
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")
