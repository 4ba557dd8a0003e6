"""The clock of the cron jobs, so that the demo's cluster moves by itself: each minute a job comes, runs and ends."""

from __future__ import annotations

import asyncio
import datetime
import time

from cockpit.demo.kubernetes.controllers.cronjobs import CronJobs

MINUTE = 60.0


async def run(cronjobs: CronJobs, *, pace: float) -> None:
    """Tick at each full minute, until cancelled; with a pace below 1 the minutes are that much shorter."""
    moment = datetime.datetime.fromtimestamp(time.time() // MINUTE * MINUTE, datetime.UTC)
    await asyncio.sleep((MINUTE - time.time() % MINUTE) * pace)
    while True:
        moment += datetime.timedelta(minutes=1)
        cronjobs.start_due(moment)
        await asyncio.sleep((MINUTE - time.time() % MINUTE if pace == 1.0 else MINUTE * pace) or MINUTE)
