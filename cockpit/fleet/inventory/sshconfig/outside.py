"""What a configuration asks of the world around it: the commands of `Match exec`, names in DNS, our own addresses.

Each question is asked once for one reading of the inventory, in the thread that reads it, and has a time-out: whatever
a command or a resolver does, the reading ends. ssh has no time-outs here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

from cockpit.fleet.inventory.sshconfig.interfaces import Address, own_addresses
from cockpit.model.user import chosen_shell

T = TypeVar("T")

QUESTION_SECONDS = 5.0
"""For one command or one look-up."""
READING_SECONDS = 10.0
"""For all of them together, from the first on."""


class Unanswered(Exception):
    """No answer within the time; says how that came."""


class Outside:
    """The answers so far. Any thread may ask."""

    def __init__(self, *, question_seconds: float = QUESTION_SECONDS, reading_seconds: float = READING_SECONDS) -> None:
        self._question_seconds = question_seconds
        self._reading_seconds = reading_seconds
        self._until: float | None = None
        self._asked: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def status(self, command: str) -> int:
        """What a command line exits with, run by the user's shell without input and output; negative: a signal.

        Raises Unanswered, the command and what it started having been killed; OSError for a shell that does not start.
        """
        return self._once(("exec", command), lambda: _status(command, self._left()))

    def canonical_name(self, name: str, family: int) -> str | None:
        """What DNS calls a host; "" when it has no other name, None when there is no such host. Raises Unanswered."""
        return self._once(("name", name, family), lambda: _canonical_name(name, family, self._left()))

    def addresses(self) -> list[Address]:
        """Of the interfaces that are up. Raises OSError where the system does not tell."""
        return self._once("addresses", own_addresses)

    def ssh_version(self) -> str:
        """ "OpenSSH_9.2p1 Debian-2", what `Match version` compares with; "" without ssh."""
        return self._once("version", _ssh_version)

    def _left(self) -> float:
        with self._lock:
            if self._until is None:
                self._until = time.monotonic() + self._reading_seconds
        return min(self._question_seconds, self._until - time.monotonic())

    def _once(self, question: Hashable, ask: Callable[[], T]) -> T:
        with self._lock:
            future = self._asked.get(question)
            first = future is None
            if future is None:
                future = self._asked[question] = Future()
        if first:
            try:
                future.set_result(ask())
            except BaseException as error:
                future.set_exception(error)
        answer: T = future.result()
        return answer


def _status(command: str, seconds: float) -> int:
    if seconds <= 0:
        raise Unanswered("was not run: others before it took too long")
    process = subprocess.Popen(
        [chosen_shell(), "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise Unanswered(f"did not end within {seconds:.1f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _canonical_name(name: str, family: int, seconds: float) -> str | None:
    """getaddrinfo cannot be stopped: one that takes too long is left to a thread that nobody waits for."""
    if seconds <= 0:
        raise Unanswered("was not asked: others before it took too long")
    answer: Future[str | None] = Future()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(
                name.encode(errors="surrogateescape"), 22, family, socket.SOCK_STREAM, 0, socket.AI_CANONNAME
            )
        except (OSError, ValueError):
            answer.set_result(None)
        else:
            answer.set_result(found[0][3])

    threading.Thread(target=look_up, name=f"look-up:{name}", daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        raise Unanswered(f"had no answer within {seconds:.1f} s") from None


def _ssh_version() -> str:
    try:
        ran = subprocess.run(
            ["ssh", "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=QUESTION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stderr.partition(",")[0].strip()
