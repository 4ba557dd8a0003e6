"""Things that go wrong on purpose, so that clients can be tried against them.

A fault waits for requests of its verb (`list`, `watch`, `get`, `log`, `create`, `update`, `patch`, `delete`, `exec`,
`portforward`, `discovery`, `review`, `metrics`, `*`) whose path and query contain `path`, strikes `times` times (null:
always), then is spent:

- `status`: answer a `Status` with the HTTP `status` (410, 429, 500, ...); `retry_after` seconds adds Retry-After
  (an expired continue token: `verb="list", path="continue=", status=410`)
- `html`: answer an HTML page with `status`, as a proxy in between does
- `empty`: answer 200 with no body
- `delay`: wait `seconds`, then answer as usual
- `hang`: answer nothing (a stream: its head, then nothing) until the client goes
- `slow`: send the body in small pieces, `seconds` apart
- `truncate`: send half of the body (of a stream: half of the next line), then end it properly
- `cut`: the same, but the connection is reset
- `garbage`: put a line that is no JSON into a stream, then go on
- `duplicate`: send the next events of a stream twice, then go on
- `silent`: send the next events of a stream, then nothing until the client goes (half-open)

Of discovery, reviews and metrics only the first five are known.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FaultKind = Literal[
    "status", "html", "empty", "delay", "hang", "slow", "truncate", "cut", "garbage", "duplicate", "silent"
]


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    kind: FaultKind
    verb: str = "*"
    path: str = ""
    status: int = 500
    seconds: float = 0.0
    retry_after: int | None = None
    times: int | None = 1


class Faults:
    """The faults that wait to strike, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self.waiting.append(fault)

    def clear(self) -> None:
        self.waiting.clear()

    def strike(self, verb: str, target: str) -> list[Fault]:
        """The faults that meet this request: any number of delays, and at most one of the others."""
        struck: list[Fault] = []
        for fault in tuple(self.waiting):
            if fault.verb not in ("*", verb) or fault.path not in target:
                continue
            if fault.kind != "delay" and any(other.kind != "delay" for other in struck):
                continue
            struck.append(fault)
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
        return struck
