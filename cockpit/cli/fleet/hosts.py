"""Hosts and their figures on stdout: JSON with a line a host, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cockpit.fleet.host import Host


def json_lines(hosts: Sequence[Host], now: float) -> Iterator[str]:
    """One object a host, as the snapshot has it."""
    import msgspec

    from cockpit.fleet.report import report
    from cockpit.model.printable import escaped

    for host in hosts:
        yield escaped(msgspec.json.encode(report(host, now)).decode())


def csv_lines(hosts: Sequence[Host], now: float, *, head: bool) -> Iterator[str]:
    """One line a host; several values of one cell stand apart by a blank."""
    import msgspec

    from cockpit.fleet.report import HostReport, report
    from cockpit.model.printable import printable

    rows = [msgspec.to_builtins(report(host, now)) for host in hosts]
    names = [field.name for field in msgspec.structs.fields(HostReport)]
    for values in [names] * head + [[_cell(row[name]) for name in names] for row in rows]:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(map(printable, values))
        yield line.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case {"mount": mount, "used_ratio": ratio}:
            return f"{mount}={ratio:.3f}"
        case {"name": name, "pid": pid}:
            return f"{name}={pid}"
        case list() | tuple():
            return " ".join(_cell(each) for each in value)
        case _:
            return str(value)
