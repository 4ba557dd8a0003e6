"""A job run by a command without a screen: its output, its end, and the signals that ask it to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cockpit.tasks.action import Job
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.records import TaskRecord
from cockpit.tasks.task import Task

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_headless(
    manager: TaskManager,
    job: Job,
    *,
    on_output: Callable[[str, str], None] | None = None,
    again: Callable[[], object] | None = None,
) -> TaskRecord:
    """Run it to its end and give its record. `on_output(target, line)` gets every line at once.

    The first SIGINT, SIGTERM or SIGHUP cancels it truly: the record says what came of that. Another one calls `again`.
    Raises `errors.Refused`.
    """
    task = manager.submit(job, listener=on_output)
    with _cancelled_by_signals(manager, task, again):
        return await task.done()


@contextmanager
def _cancelled_by_signals(manager: TaskManager, task: Task, again: Callable[[], object] | None) -> Iterator[None]:
    def asked() -> None:
        if again is not None and task.cancelled.is_set():
            again()
        manager.cancel(task.id)

    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:  # nohup stays nohup
            loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            if loop.remove_signal_handler(number) and handler is not None:
                signal.signal(number, handler)
