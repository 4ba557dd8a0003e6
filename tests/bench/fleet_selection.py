"""Lists of 10,000 host names folded, expanded and selected: python tests/bench/fleet_selection.py

CPU milliseconds, the best of several, beside ClusterShell's NodeSet where it is installed (pip install ClusterShell).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from cockpit.fleet.fold import expand, fold
from cockpit.fleet.machine import Machine
from cockpit.fleet.selection import select

try:
    from ClusterShell.NodeSet import NodeSet
except ImportError:
    NodeSet = None

RUNS = 7
COUNT = 10_000
LISTS = {
    "node0 to node9999": [f"node{number}" for number in range(COUNT)],
    "every second one": [f"node{number}" for number in range(0, 2 * COUNT, 2)],
    "100 racks of 100": [f"r{number // 100}n{number % 100:02}.example" for number in range(COUNT)],
}
RANGE = "node[1-10500]"


def best(run: Callable[[], object]) -> float:
    """CPU milliseconds of this process."""
    found = []
    for _ in range(RUNS):
        gc.collect()
        started = time.process_time()
        run()
        found.append(time.process_time() - started)
    return min(found) * 1000


def row(what: str, ours: Callable[[], object], theirs: Callable[[], object] | None) -> None:
    peer = f"{best(theirs):10.1f}" if theirs is not None and NodeSet is not None else f"{'-':>10}"
    print(f"{what:<34}{best(ours):10.1f}{peer}")


def main() -> None:
    print(f"{'CPU ms':<34}{'cockpit':>10}{'NodeSet':>10}")
    for title, names in LISTS.items():
        assert sorted(expand(fold(names))) == sorted(names)
        row(f"fold: {title}", lambda names=names: fold(names), lambda names=names: str(NodeSet.fromlist(names)))
        folded = fold(names)
        row(f"expand: {title}", lambda text=folded: expand(text), lambda text=folded: list(NodeSet(text)))
    row(f"expand: {RANGE}", lambda: expand(RANGE), lambda: list(NodeSet(RANGE)))
    machines = {
        name: Machine("config", name, name, roles=("web",), labels=(("rack", f"b{place % 50}"),))
        for place, name in enumerate(LISTS["node0 to node9999"])
    }
    for expression in ("node[0-9999]", "@web,!node[5-9]", "node*", "rack=b7,&node[1-5000]"):
        row(f"select: {expression}", lambda text=expression: select(text, machines), None)


if __name__ == "__main__":
    main()
