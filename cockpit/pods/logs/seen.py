"""Where a log was, so that it can be gone on with: which of the lines that come again were there already.

`sinceTime` is in whole seconds and several lines may bear one timestamp, so a resumed log begins with repeats. What is
remembered is a hash of each line of the last two seconds: a repeat is what has a hash that is still owed.
"""

from __future__ import annotations

from array import array
from collections import Counter

from cockpit.pods.logs import stamp


class Seen:
    """Of one instance of a container. Eight bytes for each line of the last two seconds."""

    def __init__(self) -> None:
        self.last: int | None = None
        """The newest timestamp, in nanoseconds; None: no line yet."""
        self.first = 0
        """The oldest one: what comes again from before it was left out on purpose."""
        self._recent: list[tuple[int, array[int]]] = []
        """(second, hashes of its lines), the oldest first."""
        self._owed: Counter[int] = Counter()
        self._resumed = False
        self._until = 0
        """The newest second of which repeats may come."""

    @property
    def since(self) -> str | None:
        """`sinceTime` from which on nothing is missing: the second before the last line's, for lines of stdout and
        stderr may swap places."""
        return None if self.last is None else stamp.since_time(self.last - stamp.SECOND)

    def resume(self) -> None:
        """The log is about to be read again from `since`."""
        floor = 0 if self.last is None else self.last // stamp.SECOND - 1
        self._owed = Counter(item for second, hashes in self._recent if second >= floor for item in hashes)
        self._resumed = self.last is not None
        self._until = 0 if self.last is None else self.last // stamp.SECOND

    def take(self, keys: list[int], lines: list[bytes]) -> list[int] | None:
        """Remember these; the places of those that are new, or None when all are.

        `keys` are their timestamps, ascending.
        """
        if not lines:
            return None
        fresh = self._fresh(keys, lines) if self._resumed else None
        if self.last is None:
            self.first = self.last = keys[0]
        self.last = max(self.last, keys[-1])
        floor = self.last // stamp.SECOND - 1
        if fresh is None:
            self._remember(keys, list(map(hash, lines)), floor)
        else:
            self._remember([keys[place] for place in fresh], [hash(lines[place]) for place in fresh], floor)
        self._recent = [kept for kept in self._recent if kept[0] >= floor]
        return fresh

    def _fresh(self, keys: list[int], lines: list[bytes]) -> list[int]:
        fresh: list[int] = []
        owed = self._owed
        for place, line in enumerate(lines):
            if owed.get(hash(line), 0):
                owed[hash(line)] -= 1
            elif keys[place] >= self.first:
                fresh.append(place)
        if keys[-1] // stamp.SECOND > self._until + 1:
            owed.clear()
            self._resumed = False
        return fresh

    def _remember(self, keys: list[int], hashes: list[int], floor: int) -> None:
        """Those of the last two seconds; as a rule that is all of them."""
        start, count = 0, len(keys)
        if keys and keys[0] // stamp.SECOND < floor:
            start = next((place for place in range(count) if keys[place] // stamp.SECOND >= floor), count)
        while start < count:
            second = keys[start] // stamp.SECOND
            stop = count if keys[-1] // stamp.SECOND == second else start
            while stop < count and keys[stop] // stamp.SECOND == second:
                stop += 1
            if self._recent and self._recent[-1][0] == second:
                self._recent[-1][1].extend(hashes[start:stop])
            else:
                self._recent.append((second, array("q", hashes[start:stop])))
            start = stop
