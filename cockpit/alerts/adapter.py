"""The alerts of one Prometheus: GET /api/v1/alerts, again and again.

https://prometheus.io/docs/prometheus/latest/querying/api/#alerts
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec
from msgspec import Struct

from cockpit.alerts.alert import UNKNOWN, Alert
from cockpit.config.settings import MetricsSource
from cockpit.feeds.service import Service
from cockpit.model import errors
from cockpit.model.changes import Change, Confirm, Reset

INTERVAL_SECONDS = 15.0
LEAST_SECONDS = 0.1
ANSWER_SECONDS = 10.0
ALERTS_MOST = 10_000
_FRACTION = re.compile(r"\.(\d{6})\d+")


class _Wire(Struct, rename="camel"):
    labels: dict[str, str]
    state: str
    annotations: dict[str, str] = {}
    active_at: str = ""
    value: str = ""


class _Data(Struct):
    alerts: list[_Wire]


class _Answer(Struct):
    data: _Data


_decoder = msgspec.json.Decoder(_Answer)


class AlertsAdapter:
    """Adapter of one `[[metrics]]` source that is a Prometheus."""

    def __init__(self, source: MetricsSource) -> None:
        self.source = source
        self._interval = min(max(source.interval, LEAST_SECONDS), INTERVAL_SECONDS)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def silence(self) -> float:
        return self._interval + 2 * ANSWER_SECONDS

    async def watch(self) -> AsyncIterator[Change[Alert]]:
        source = self.source
        async with Service(source.name, source.url, source, username=source.username) as service:
            last: tuple[Alert, ...] | None = None
            while True:
                reply = await service.ask("api/v1/alerts", seconds=ANSWER_SECONDS)
                alerts = decode(reply.body, source.name)
                yield Confirm() if alerts == last else Reset(alerts)
                last = alerts
                await asyncio.sleep(self._interval)


def decode(body: bytes | bytearray, source: str) -> tuple[Alert, ...]:
    """Sorted by key. Raises Malformed."""
    try:
        wire = _decoder.decode(body).data.alerts
    except (msgspec.DecodeError, RecursionError) as error:
        raise errors.Malformed(f"{source}: not Prometheus' list of alerts: {error}; check the url") from error
    if len(wire) > ALERTS_MOST:
        raise errors.Malformed(f"{source}: {len(wire)} alerts at once; more than {ALERTS_MOST} are not read")
    found = {alert.key: alert for alert in (_alert(one, source) for one in wire)}
    return tuple(found[key] for key in sorted(found))


def _alert(wire: _Wire, source: str) -> Alert:
    return Alert(
        source=source,
        name=wire.labels.get("alertname", ""),
        severity=wire.labels.get("severity", "").strip().lower() or UNKNOWN,
        state=wire.state,
        labels=tuple(sorted(wire.labels.items())),
        annotations=tuple(sorted(wire.annotations.items())),
        active_at=_unix(wire.active_at),
        value=wire.value,
    )


def _unix(text: str) -> float | None:
    """Of RFC 3339 with nanoseconds."""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r".\1", text))
        return None if moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None
