"""Bytes to a terminal of 160x45, time to load, key to paint: LiveTable beside textual's DataTable, in one run.

    python tests/bench/table_bytes.py [--quick]

Both run as their own process on a real pty that this one reads. DataTable with textual's own driver and compositor.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TUI = Path(__file__).parent.parent / "tui"
sys.path.insert(0, str(TUI))

import pty_terminal  # noqa: E402
from pty_terminal import Terminal  # noqa: E402

pty_terminal.WAIT_SECONDS = 300.0  # DataTable takes a minute and more for 100,000 rows

CELLS = {"one cell, first column": "1", "one cell, middle column": "2", "one cell, last column": "3", "20 cells": "4"}
DOWN = "\x1b[B"


def started(folder: str, *options: str) -> Terminal:
    terminal = Terminal([str(TUI / "table_app.py"), *options], Path(tempfile.mkdtemp(dir=folder)))
    terminal.shows("service-000010")
    terminal.until(lambda: "loaded" in terminal.status(), "the table loaded")
    time.sleep(0.5)
    return terminal


def repaint_bytes(terminal: Terminal) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, key in CELLS.items():
        found[name] = statistics.median(len(terminal.caused(key)) for _ in range(3))
    terminal.caused(DOWN)
    found["cursor down"] = statistics.median(len(terminal.caused(DOWN)) for _ in range(3))
    return found


def bytes_a_second(terminal: Terminal, seconds: float) -> float:
    before, since = len(terminal.output), time.monotonic()
    time.sleep(seconds)
    return (len(terminal.output) - before) / (time.monotonic() - since)


def key_to_paint(terminal: Terminal, count: int) -> list[float]:
    """Milliseconds from a key to the bytes of the cell that it changes, under updates; for 20 seconds at most."""
    found: list[float] = []
    end = time.monotonic() + 20
    for press in range(1, count + 1):
        if time.monotonic() > end:
            break
        expected = f"k{press:05}".translate(str.maketrans("0123456789", "abcdefghij")).encode()
        seen, since = len(terminal.output), time.perf_counter()
        terminal.type("7")
        while terminal.output.find(expected, seen) < 0 and time.perf_counter() - since < 5:
            time.sleep(0.0003)
        found.append((time.perf_counter() - since) * 1000)
        time.sleep(0.01 + press % 7 * 0.011)  # at any moment between two updates
    return found


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer keys, shorter spans, no 100,000 rows in DataTable")
    quick = parser.parse_args().quick
    seconds, keys = (3.0, 60) if quick else (10.0, 300)
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:

        def measure(column: str, *options: str) -> None:
            found = results.setdefault(column, {})

            def run(what: Callable[[Terminal], Any], *more: str) -> Any:
                print("measuring", *options, *more, file=sys.stderr, flush=True)
                terminal = started(folder, *options, *more)
                try:
                    return what(terminal)
                finally:
                    terminal.close()

            found.update(run(repaint_bytes, "--rows", "1000"))
            found["idle, B/s"] = run(lambda t: bytes_a_second(t, seconds), "--rows", "1000")
            found["load 10,000 rows, ms"] = run(lambda t: t.status()["loaded"], "--rows", "10000") * 1000
            if column == "LiveTable" or not quick:
                found["load 100,000 rows, ms"] = run(lambda t: t.status()["loaded"], "--rows", "100000") * 1000
            if column == "LiveTable":
                rate = ("--rows", "50000", "--rate", "1000")
                found["1,000 updates/s over 50,000 rows, B/s"] = run(lambda t: bytes_a_second(t, seconds), *rate)
                found["1,000 updates/s in 40 visible rows, B/s"] = run(
                    lambda t: bytes_a_second(t, seconds), *rate, "--visible", "40"
                )
            delays = run(lambda t: key_to_paint(t, keys), "--rows", "10000", "--rate", "200")
            found["key to paint p50, ms"] = percentile(delays, 0.5)
            found["key to paint p99, ms"] = percentile(delays, 0.99)

        measure("LiveTable")
        measure("DataTable", "--stock")
    print(f"{'':42}{'LiveTable':>12}{'DataTable':>12}{'ratio':>9}")
    for name, ours in results["LiveTable"].items():
        theirs = results["DataTable"].get(name)
        ratio = f"{theirs / ours:9.1f}" if theirs and ours else f"{'-':>9}"
        print(f"{name:42}{ours:12,.1f}{'-' if theirs is None else format(theirs, ',.1f'):>12}{ratio}")


if __name__ == "__main__":
    main()
