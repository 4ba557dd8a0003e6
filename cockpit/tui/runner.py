"""The session behind the screen: it starts after the first paint, lives outside all widgets and ends in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from cockpit.feeds.feed import Feed
    from cockpit.model.changes import Delta
    from cockpit.session.session import Session
    from cockpit.tasks.records import TaskRecord

log = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
"""Before a feed or a follower that ended by a defect is started again."""
STOP_SECONDS = 1.0
"""For the connections to close, once no task runs any more."""

SessionFactory: TypeAlias = "Callable[[], AbstractAsyncContextManager[Session]]"


class Runner:
    """Opens the session, runs its feeds, and tells the app what tasks and alerts do.

    The callbacks run on the loop, between two awaits; a defect in one is logged and ends nothing.
    """

    def __init__(
        self,
        factory: Callable[[], Awaitable[SessionFactory]],
        *,
        opened: Callable[[Session], Awaitable[None]],
        tasks: Callable[[Delta[TaskRecord]], None],
        alerts: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        """`factory` does the imports, off the loop."""
        self._factory = factory
        self._opened, self._tasks, self._alerts, self._failed = opened, tasks, alerts, failed
        self._life: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self.session: Session | None = None

    def start(self) -> None:
        self._life = asyncio.create_task(self._live(), name="session")

    async def drain(self, grace: float) -> None:
        """Start nothing more; give running tasks `grace` seconds, then stop them. Journal and outcome are theirs."""
        if self.session is not None:
            doubtful = await self.session.tasks.drain(grace)
            for record in doubtful:
                log.warning("left in doubt: %s (%s)", record.sentence, record.why)

    async def stop(self) -> None:
        """End the feeds and close the session; a connection that does not let go is dropped."""
        self._leave.set()
        life, self._life = self._life, None
        if life is None:
            return
        _, slow = await asyncio.wait([life], timeout=STOP_SECONDS)
        if slow:
            log.warning("the session does not close; leaving it")
            life.cancel()
            await asyncio.wait([life], timeout=STOP_SECONDS / 2)

    async def _live(self) -> None:
        try:
            factory = await self._factory()
            async with factory() as session:
                self.session = session
                async with asyncio.TaskGroup() as group:
                    running = [
                        group.create_task(_kept(what, run), name=what) for what, run in self._duties(session).items()
                    ]
                    await self._opened(session)
                    await self._leave.wait()
                    for task in running:
                        task.cancel()
        except Exception as error:
            log.exception("the session has ended by a defect")
            self._failed(f"defect in cockpit: {error!r}; see the log")
        finally:
            self.session = None

    def _duties(self, session: Session) -> dict[str, Callable[[], Awaitable[None]]]:
        feeds: dict[str, Feed[Any]] = {name: pane.feed for name, pane in session.panes.items()}
        return {
            **{f"run:{name}": feed.run for name, feed in {**feeds, "alerts": session.alerts}.items()},
            "follow:tasks": lambda: self._follow_tasks(session),
            "follow:alerts": lambda: self._follow_alerts(session),
        }

    async def _follow_tasks(self, session: Session) -> None:
        changes = session.tasks.follow()
        async with aclosing(changes):  # type: ignore[type-var]
            async for delta in changes:
                self._tasks(delta)

    async def _follow_alerts(self, session: Session) -> None:
        changes = session.alerts.follow(period=1.0)
        async with aclosing(changes):  # type: ignore[type-var]
            async for _ in changes:
                self._alerts()


async def _kept(what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run for ever: a defect is logged and the thing starts anew; an orderly end is one."""
    while True:
        try:
            await run()
            return
        except Exception:
            log.exception("%s ended by a defect; it starts again", what)
        await asyncio.sleep(RESTART_SECONDS)
