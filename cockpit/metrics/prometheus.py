"""The metrics of one Prometheus: every query again each interval, only the steps that are new."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from time import perf_counter
from typing import Protocol

import msgspec

from cockpit.config.settings import MetricsSource
from cockpit.feeds.service import Service
from cockpit.metrics import answer, queries, timing
from cockpit.metrics.answer import Column, Data, QueryError
from cockpit.metrics.history import EMPTY, History
from cockpit.metrics.panel import Labels, Panel, Series
from cockpit.metrics.queries import SERIES_MOST, Query
from cockpit.metrics.refresh import refreshed
from cockpit.model import clock, errors
from cockpit.model.changes import Change

QUERY_SECONDS = 20.0
"""Sent to the server as its own limit of a query."""
GRACE_SECONDS = 5.0
"""Beyond that for the answer to arrive."""
AT_ONCE = 4
"""Queries in flight at one server."""
INSTANTS_MOST = 20_000
"""Current values that are read: of more series than a panel keeps, for they do not come sorted."""
LONG_QUERY = 1500
"""Characters from which a query goes as a POST form: proxies limit the length of a URL."""

_STATUSES = frozenset({400, 422, 503})
"""Statuses whose body says what is wrong with the query; a 503 may also be a server that is not ready."""
_OF_THE_QUERY = frozenset({"bad_data", "execution", "timeout", "canceled"})


class Explorer(Protocol):
    """A source that answers a typed query."""

    @property
    def name(self) -> str: ...

    async def explore(self, text: str, range_seconds: float) -> Panel: ...


class PrometheusAdapter:
    """Adapter of one `[[metrics]]` source. What it fetched is kept, so that coming back asks for the gap alone."""

    def __init__(self, source: MetricsSource, *, wall: Callable[[], float] = clock.wall) -> None:
        self.source = source
        self._wall = wall
        self._queries = queries.of(source)
        self._histories = {q.title: History(q.range_seconds, q.step) for q in self._queries if not q.fault}

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def silence(self) -> float:
        rounds = 2 * (1 + len(self._queries) // AT_ONCE)
        return self.source.interval + rounds * (QUERY_SECONDS + GRACE_SECONDS)

    async def watch(self) -> AsyncIterator[Change[Panel]]:
        async with (
            self._service() as service,
            aclosing(refreshed(lambda: self._refresh(service), self.source.interval)) as changes,
        ):
            async for change in changes:
                yield change

    async def explore(self, text: str, range_seconds: float) -> Panel:
        """The panel of a query typed now. Raises `model.errors`; an error of the query is in the panel."""
        query = queries.typed(text, range_seconds)
        async with self._service() as service:
            return await self._panel(service, query, History(query.range_seconds, query.step))

    def _service(self) -> Service:
        return Service(self.source.name, self.source.url, self.source, username=self.source.username)

    async def _refresh(self, service: Service) -> list[Panel]:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(query: Query) -> Panel:
            async with free:
                if query.fault:
                    return queries.blank(self.source, query, 0.0)
                return await self._panel(service, query, self._histories[query.title])

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(query)) for query in self._queries]
        return [task.result() for task in tasks]

    async def _panel(self, service: Service, query: Query, history: History) -> Panel:
        now = self._wall()
        end = timing.aligned(now, query.step)
        blank = queries.blank(self.source, query, end)
        try:
            return await _ask(service, query, history, now, blank)
        except QueryError as error:
            history.forget()
            return msgspec.structs.replace(blank, error=str(error), position=error.position)


async def _ask(service: Service, query: Query, history: History, now: float, blank: Panel) -> Panel:
    notes: list[str] = []
    end = blank.end
    data = await _query(service, "api/v1/query", {"query": query.text, "time": f"{now:.3f}"}, notes)
    current, beyond, histograms = await answer.vector(data, INSTANTS_MOST, service.name)
    known = len(current) + beyond
    if data.result_type != "string":
        since = history.fetch_from(end)
        limits = {"start": f"{since:.3f}", "end": f"{end:.3f}", "step": f"{query.step:g}"}
        data = await _query(service, "api/v1/query_range", {"query": query.text, **limits}, notes)
        columns, beyond, skipped = await answer.matrix(data, SERIES_MOST, service.name)
        history.merge(since, end, columns)
        known, histograms = max(known, len(columns) + beyond), histograms or skipped
    if histograms:
        notes.append("native histograms are left out; use histogram_quantile()")
    series, more = await assembled(history.columns, current, known)
    return msgspec.structs.replace(blank, series=series, more=more, warnings=tuple(dict.fromkeys(notes)))


async def _query(service: Service, path: str, params: Mapping[str, str], notes: list[str]) -> Data:
    """The data of an answer; its warnings go to `notes`. Raises QueryError and `model.errors`."""
    text = params["query"]
    reply = await service.ask(
        path,
        {**params, "timeout": f"{QUERY_SECONDS:g}s"},
        seconds=QUERY_SECONDS + GRACE_SECONDS,
        form=len(text) > LONG_QUERY,
        passing=_STATUSES,
    )
    if reply.status == 503 and not reply.body.startswith(b"{"):
        said = " ".join(reply.body[:200].decode(errors="replace").split())
        raise errors.Unreachable(f"{service.name}: HTTP 503: {said or 'not ready'}")
    said_so = answer.envelope(reply.body, service.name)
    if said_so.status == "success" and said_so.data is not None:
        notes += said_so.warnings + said_so.infos
        return said_so.data
    if said_so.error_type in _OF_THE_QUERY:
        raise answer.failure(said_so, text)
    raise errors.Unreachable(f"{service.name}: {said_so.error_type}: {answer.one_line(said_so.error)}")


async def assembled(
    columns: Mapping[Labels, Column], current: Mapping[Labels, float], known: int
) -> tuple[tuple[Series, ...], int]:
    """Series of ranges and current values, sorted by labels, and how many of the `known` are beyond the cap."""
    series: list[Series] = []
    names = sorted(columns.keys() | current.keys())
    turn = perf_counter() + answer.SLICE_SECONDS
    for labels in names[:SERIES_MOST]:
        column = columns.get(labels)
        times: array[float] = EMPTY if column is None else column.times
        values: array[float] = EMPTY if column is None else column.values
        series.append(Series(labels, current.get(labels), times, values))
        if perf_counter() > turn:
            await asyncio.sleep(0)
            turn = perf_counter() + answer.SLICE_SECONDS
    return tuple(series), max(known, len(names)) - len(series)
