"""Direct mode: a `/metrics` page read by cockpit itself, for a laptop or a box without a Prometheus.

Samples are kept in memory for as long as the widest query looks back, plus its window. Like Prometheus it adds `up` and
`scrape_duration_seconds`; unlike it there are no `job` and `instance` labels, for there is one page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from time import perf_counter
from urllib.parse import urlsplit

import msgspec

from cockpit.config.settings import MetricsSource
from cockpit.feeds.service import Service
from cockpit.metrics import answer, exposition, queries, samples, selector, timing
from cockpit.metrics.answer import Column, QueryError
from cockpit.metrics.exposition import Family, Page, Sample
from cockpit.metrics.history import History
from cockpit.metrics.panel import Labels, Panel
from cockpit.metrics.prometheus import assembled
from cockpit.metrics.queries import SERIES_MOST, Query
from cockpit.metrics.refresh import refreshed
from cockpit.metrics.samples import Samples
from cockpit.model import clock, errors
from cockpit.model.changes import Change

PAGE_SECONDS = 10.0
PAGE_BYTES = 16 * 2**20
THREAD_BYTES = 200_000
"""A page larger than this is parsed in a thread (about 15 ms)."""
KEEP_SECONDS = 3600.0
"""At least this long, so that a typed query finds something."""
KEEP_MOST = 6 * 3600.0


class DirectAdapter:
    """Adapter of one `[[metrics]]` source with `direct = true`."""

    def __init__(
        self, source: MetricsSource, *, left_open: bool = False, wall: Callable[[], float] = clock.wall
    ) -> None:
        self.source = source
        self.families: Mapping[str, Family] = {}
        """HELP and TYPE of the page that was read last."""
        self._wall = wall
        self._left_open = left_open
        self._queries = queries.of(source)
        self._histories = {q.title: History(q.range_seconds, q.step) for q in self._queries if not q.fault}
        self._url = page_url(source.url)
        widest = max((query.range_seconds for query in self._queries), default=0.0) + samples.LOOKBACK_SECONDS
        self._samples = Samples(min(max(widest, KEEP_SECONDS), KEEP_MOST))

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def silence(self) -> float:
        return self.source.interval + 2 * PAGE_SECONDS

    @property
    def labels(self) -> list[Labels]:
        """Of all series that are kept."""
        return list(self._samples.rings)

    async def watch(self) -> AsyncIterator[Change[Panel]]:
        async with (
            self._service() as service,
            aclosing(refreshed(lambda: self._refresh(service), self.source.interval)) as changes,
        ):
            async for change in changes:
                yield change

    async def explore(self, text: str, range_seconds: float) -> Panel:
        """Over what was read so far; a page that was never read is read now. Raises `model.errors`."""
        if not self._samples.rings:
            async with self._service() as service:
                await self._scrape(service)
        query = queries.typed(text, range_seconds)
        return await self._panel(query, History(query.range_seconds, query.step))

    def _service(self) -> Service:
        return Service(self.source.name, self._url, self.source, username=self.source.username)

    async def _refresh(self, service: Service) -> list[Panel]:
        await self._scrape(service)
        return [await self._panel(query, self._histories.get(query.title)) for query in self._queries]

    async def _scrape(self, service: Service) -> None:
        at, started = self._wall(), clock.steady()
        try:
            reply = await service.ask(self._url, seconds=PAGE_SECONDS, most_bytes=PAGE_BYTES)
            page = await self._parsed(reply.body)
        except errors.SourceError:
            self._samples.lost(at)
            raise
        took = clock.steady() - started
        own = (
            Sample((("__name__", "up"),), 1.0),
            Sample((("__name__", "scrape_duration_seconds"),), took),
            Sample((("__name__", "scrape_samples_scraped"),), float(len(page.samples))),
        )
        self.families = page.families
        self._samples.add((*page.samples, *own), at)

    async def _parsed(self, body: bytearray) -> Page:
        if len(body) > THREAD_BYTES:
            return await asyncio.to_thread(exposition.parse, body, self.name)
        return exposition.parse(body, self.name)

    async def _panel(self, query: Query, history: History | None) -> Panel:
        now = round(self._wall(), 3)
        end = timing.aligned(now, query.step)
        blank = queries.blank(self.source, query, end)
        if history is None:
            return blank
        try:
            current, known = await self._evaluate(selector.parse(query.text), history, now, end)
        except QueryError as error:
            history.forget()
            return msgspec.structs.replace(blank, error=str(error), position=error.position)
        series, more = await assembled(history.columns, current, known)
        notes = (f"{self._samples.dropped} series of the page are not kept",) if self._samples.dropped else ()
        return msgspec.structs.replace(blank, series=series, more=more, warnings=notes)

    async def _evaluate(
        self, expression: selector.Expression, history: History, now: float, end: float
    ) -> tuple[dict[Labels, float], int]:
        """Bring the history up to `end`; the values now, and how many series have any."""
        chosen = [pair for pair in self._samples.rings.items() if expression.selector.admits(pair[0])]
        columns: dict[Labels, Column] = {}
        current: dict[Labels, float] = {}
        since = history.fetch_from(end)
        steps = [end - history.step * back for back in range(round((end - since) / history.step), -1, -1)]
        turn = perf_counter() + answer.SLICE_SECONDS
        for pair in chosen[:SERIES_MOST]:
            for column in samples.evaluate([pair], expression, steps, self._left_open):
                if column.labels in columns:
                    raise QueryError("vector cannot contain metrics with the same labelset")
                columns[column.labels] = column
            for column in samples.evaluate([pair], expression, (now,), self._left_open):
                current[column.labels] = column.values[0]
            if perf_counter() > turn:
                await asyncio.sleep(0)
                turn = perf_counter() + answer.SLICE_SECONDS
        history.merge(since, end, columns.values())
        shown = len(columns.keys() | current.keys() | history.columns.keys())
        return current, shown + max(0, len(chosen) - SERIES_MOST) if shown else 0


def page_url(url: str) -> str:
    """The page that is meant: a url without a path means its `/metrics`."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return url  # refused with the reason when it is opened
    return url.rstrip("/") + "/metrics" if path in ("", "/") else url
