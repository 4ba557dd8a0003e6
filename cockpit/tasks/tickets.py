"""Claims of all cockpit processes of a user, in one order of arrival.

A claim takes a ticket for all its keys in one transaction and may go when no older ticket of another living process
conflicts. So claims only ever wait for older ones: no deadlock, no starvation. Tickets of a dead process do not count
and are swept by whoever meets them. They need not survive a power cut, so commits do not wait for the disk.
"""

from __future__ import annotations

from pathlib import Path

from cockpit.tasks import process
from cockpit.tasks.store import connect, plainly, private_folder, transaction

SCHEMA = 1
_SCRIPT = """
CREATE TABLE ticket (
    number INTEGER PRIMARY KEY AUTOINCREMENT, claim TEXT NOT NULL UNIQUE,
    manager TEXT NOT NULL, pid INTEGER NOT NULL, start INTEGER NOT NULL, boot TEXT NOT NULL
) STRICT;
CREATE TABLE held (
    key TEXT NOT NULL, number INTEGER NOT NULL REFERENCES ticket ON DELETE CASCADE, exclusive INTEGER NOT NULL,
    PRIMARY KEY (key, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_number ON held (number)
"""

_OLDER = """
SELECT DISTINCT ticket.manager, ticket.pid, ticket.start, ticket.boot, theirs.key
FROM ticket AS me JOIN held AS mine ON mine.number = me.number
JOIN held AS theirs ON theirs.key = mine.key AND theirs.number < me.number AND (theirs.exclusive OR mine.exclusive)
JOIN ticket ON ticket.number = theirs.number
WHERE me.claim = ? AND ticket.manager <> ? ORDER BY theirs.key
"""


class Tickets:
    """Used from one thread. Every method raises StoreError."""

    def __init__(self, folder: Path, manager: str) -> None:
        """`manager` names the task manager: one process may have several, and they bind each other too."""
        self._path = private_folder(folder) / "locks.db"
        self._manager = manager
        self._owner = process.this()
        self._db = connect(self._path, SCHEMA, _SCRIPT, synchronous="NORMAL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._owed: list[str] = []
        """Claims that could not be given back yet: a full disk."""

    def take(self, claim: str, exclusive: frozenset[str], shared: frozenset[str]) -> None:
        """Join the queue of every key at once. `claim` is unique."""
        owner = self._owner
        self._pay()
        with plainly(self._path), transaction(self._db):
            number = self._db.execute(
                "INSERT INTO ticket (claim, manager, pid, start, boot) VALUES (?, ?, ?, ?, ?)",
                (claim, self._manager, owner.pid, owner.start, owner.boot),
            ).lastrowid
            self._db.executemany(
                "INSERT INTO held VALUES (?, ?, ?)",
                [(key, number, 1) for key in exclusive] + [(key, number, 0) for key in shared - exclusive],
            )

    def blocker(self, claim: str) -> tuple[str, int] | None:
        """A key that an older claim of another living manager holds or waits for, and the pid; None: go."""
        with plainly(self._path):
            dead: set[str] = set()
            found: tuple[str, int] | None = None
            for manager, pid, start, boot, key in self._db.execute(_OLDER, (claim, self._manager)).fetchall():
                if manager in dead:
                    continue
                if process.alive(process.Owner(pid, start, boot)):
                    found = found or (key, pid)
                else:
                    dead.add(manager)
            for manager in dead:
                self._db.execute("DELETE FROM ticket WHERE manager = ?", (manager,))
            return found

    def leave(self, claim: str) -> None:
        """Give the ticket back, granted or not. What fails is tried again with the next call."""
        self._owed.append(claim)
        self._pay()

    def close(self) -> None:
        """Give everything back. If that fails, the end of the process does it."""
        try:
            with plainly(self._path):
                self._db.execute("DELETE FROM ticket WHERE manager = ?", (self._manager,))
        finally:
            self._db.close()

    def _pay(self) -> None:
        with plainly(self._path):
            while self._owed:
                self._db.execute("DELETE FROM ticket WHERE claim = ?", (self._owed[-1],))
                self._owed.pop()
