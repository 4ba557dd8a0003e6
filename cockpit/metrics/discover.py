"""A Prometheus on this machine, for a start without any configuration."""

from __future__ import annotations

import asyncio

from cockpit.config.settings import MetricsSource
from cockpit.feeds import http
from cockpit.model import errors

URL = "http://localhost:9090"
ANSWER_SECONDS = 0.3


async def sources(url: str = URL) -> list[MetricsSource]:
    """One when something there answers like a Prometheus within ANSWER_SECONDS. Never raises."""
    client = await http.open_client(url)
    async with client:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await http.request(client, "GET", "/api/v1/status/buildinfo", where=url)
                told = answer.json()
        except (errors.SourceError, TimeoutError, ValueError):
            return []
    if not isinstance(told, dict) or told.get("status") != "success":
        return []
    return [MetricsSource(name="localhost", url=url)]
