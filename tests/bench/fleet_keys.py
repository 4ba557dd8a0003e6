"""From a key to its paint while a command runs on many hosts: python tests/bench/fleet_keys.py [HOSTS] [RUNS]

Starts real sshd daemons and the whole cockpit on a pty of 160x45, which looks at the hosts meanwhile as it always does,
and moves the cursor in the run's table: at rest, through a cold batch (nothing is connected), and through a warm one.
The daemons, which would be other machines, get all cores but one, cockpit and who types that one. Beside the wall time
it gives the processor time that cockpit took between key and paint. A key whose paint was not made out is 5,000 ms.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tui")]

COMMAND = "seq 20; sleep 0.2; echo done"
FIRST_ROW = 5
"""Of the table on the run screen, counted from 1."""
ENDED = "○ ended".encode()


def app(config: str) -> None:
    """The program on the pty."""
    from cockpit.config.load import load
    from cockpit.tui.app import run

    sys.exit(run(load(Path(config)), config_path=Path(config)))


def write_config(path: Path, machines: list[object]) -> None:
    entries = [
        f'[[fleet.hosts]]\nname = "web{n:04}"\naddress = "{m.address}"\nport = {m.port}\nuser = "{m.user}"\n'  # type: ignore[attr-defined]
        f'identity = "{m.identities[0]}"\nknown_hosts = "{m.known_hosts[0]}"\n'  # type: ignore[attr-defined]
        for n, m in enumerate(machines, 1)
    ]
    path.write_text("\n".join(entries))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def cpu_ms(process: int) -> float:
    """What its threads have had so far (proc(5), schedstat)."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


class Keys:
    """Moves the cursor up and down between two rows, at any moment between two updates."""

    def __init__(self, terminal: object) -> None:
        self._terminal = terminal
        self._down = False
        self._count = 0

    def press(self) -> tuple[float, float]:
        """Milliseconds from the key to the bytes that draw the cursor anew: (wall, of cockpit's processor)."""
        terminal = self._terminal
        before = cpu_ms(terminal.process.pid)  # type: ignore[attr-defined]
        self._down = not self._down
        self._count += 1
        wanted = re.compile(rb"\x1b\[%d;1H[^\xe2]{0,60}\xe2\x96\x8c" % (FIRST_ROW + self._down))
        seen, since = len(terminal.output), time.perf_counter()  # type: ignore[attr-defined]
        terminal.type("j" if self._down else "k")  # type: ignore[attr-defined]
        while wanted.search(terminal.output, seen) is None and time.perf_counter() - since < 5:  # type: ignore[attr-defined]
            time.sleep(0.0003)
        delay = (time.perf_counter() - since) * 1000, cpu_ms(terminal.process.pid) - before  # type: ignore[attr-defined]
        time.sleep(0.005 + self._count % 7 * 0.004)
        return delay


def batch(terminal: object, hosts: int) -> tuple[float, list[tuple[float, float]]]:
    """Seconds that a run took as its user sees it, and the delays of the keys meanwhile."""
    terminal.type("x")  # type: ignore[attr-defined]
    time.sleep(1.0)
    terminal.type(f"{COMMAND}\t*\r")  # type: ignore[attr-defined]
    time.sleep(2.0)
    seen = len(terminal.output)  # type: ignore[attr-defined]
    terminal.type("l\r")  # type: ignore[attr-defined]
    since = time.perf_counter()
    screen = f"0/{hosts}".encode()
    terminal.until(lambda: terminal.output.find(screen, seen) >= 0, "the run screen")  # type: ignore[attr-defined]
    keys, delays = Keys(terminal), []
    while terminal.output.find(ENDED, seen) < 0:  # type: ignore[attr-defined]
        delays.append(keys.press())
    return time.perf_counter() - since, delays


def said(word: str, delays: list[tuple[float, float]], more: str = "") -> None:
    parts = []
    for what, values in zip(("wall", "processor"), zip(*delays, strict=True), strict=True):
        p50, p99 = percentile(list(values), 0.5), percentile(list(values), 0.99)
        parts.append(f"{what} p50 {p50:.1f} p99 {p99:.1f} most {max(values):.1f} ms")
    print(f"{word}: {'; '.join(parts)}; {len(delays)} keys{more}", flush=True)


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--app":
        return app(sys.argv[2])
    from pty_terminal import Terminal
    from sshd_hosts import hosts

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    core, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or {core})
    with tempfile.TemporaryDirectory() as name, hosts(Path(name), count) as machines:
        os.sched_setaffinity(0, {core})
        folder = Path(name)
        write_config(folder / "cockpit.toml", list(machines))
        every: dict[str, list[tuple[float, float]]] = {"at rest": [], "cold": [], "warm": []}
        for number in range(runs):
            os.environ["COCKPIT_STATE_DIR"] = str(folder / f"state{number}")
            terminal = Terminal([__file__, "--app", str(folder / "cockpit.toml")], folder)
            try:
                terminal.shows("web0001")
                time.sleep(0.5)
                for word in ("cold", "warm"):
                    seconds, delays = batch(terminal, count)
                    every[word] += delays
                    said(f"{count} hosts {word}", delays, f" in {seconds:.1f} s")
                    time.sleep(1.0)
                    if word == "warm":
                        keys = Keys(terminal)
                        terminal.type("g")
                        time.sleep(0.5)
                        every["at rest"] += [keys.press() for _ in range(100)]
                    terminal.type("\x1b")
                    time.sleep(1.0)
            finally:
                terminal.close()
        for word, delays in every.items():
            said(f"all runs, {word}", delays)
    return None


if __name__ == "__main__":
    main()
