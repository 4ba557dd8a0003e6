"""Figures of this machine and process as a `/metrics` page, named as node-exporter and the client libraries name them.

https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Of the cpu line in /proc/stat, in its order (proc(5))."""
_MEMORY = {"MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal", "SwapFree"}


def page(requests: Mapping[int, int]) -> str:
    """`requests` are the answers of this server so far, by HTTP status. Reads /proc where there is one."""
    lines: list[str] = []
    used = os.times()
    _put(lines, "process_cpu_seconds_total", "counter", "CPU time of this process.", [("", used.user + used.system)])
    answered = [(f'{{code="{code}"}}', float(count)) for code, count in sorted(requests.items())]
    _put(lines, "cockpit_http_requests_total", "counter", "Answers of this server.", answered)
    loads = zip((1, 5, 15), os.getloadavg(), strict=True)
    for minutes, load in loads:
        _put(lines, f"node_load{minutes}", "gauge", f"Load over {minutes} minutes.", [("", load)])
    for name, kind, about, samples in (*_cpu(), *_memory(), *_process()):
        _put(lines, name, kind, about, samples)
    return "\n".join(lines) + "\n"


_Family = tuple[str, str, str, list[tuple[str, float]]]


def _cpu() -> Iterable[_Family]:
    ticks = os.sysconf("SC_CLK_TCK")
    samples: list[tuple[str, float]] = []
    for line in _lines("/proc/stat"):
        name, *counts = line.split()
        if name.startswith("cpu") and name != "cpu":
            pairs = zip(MODES, counts, strict=False)
            samples += [(f'{{cpu="{name[3:]}",mode="{mode}"}}', int(count) / ticks) for mode, count in pairs]
    if samples:
        yield "node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.", samples


def _memory() -> Iterable[_Family]:
    for line in _lines("/proc/meminfo"):
        name, _, rest = line.partition(":")
        if name in _MEMORY:
            yield (
                f"node_memory_{name}_bytes",
                "gauge",
                f"{name} of /proc/meminfo.",
                [("", float(rest.split()[0]) * 1024)],
            )


def _process() -> Iterable[_Family]:
    for line in _lines("/proc/self/statm"):
        resident = float(line.split()[1]) * os.sysconf("SC_PAGE_SIZE")
        yield "process_resident_memory_bytes", "gauge", "Resident memory of this process.", [("", resident)]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _put(lines: list[str], name: str, kind: str, about: str, samples: list[tuple[str, float]]) -> None:
    lines += [
        f"# HELP {name} {about}",
        f"# TYPE {name} {kind}",
        *(f"{name}{labels} {value!r}" for labels, value in samples),
    ]
