"""From the start of python to the first frame on a pty of 160x45: cockpit beside a bare textual app, in one run.

python tests/bench/first_frame.py [ROUNDS]

The rounds alternate, so that both see the same machine. Goal: at most 1.6 times the bare app.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import statistics
import sys
import tempfile
import termios
import time
from fcntl import ioctl
from pathlib import Path
from struct import pack

GOAL = 1.6
LIMIT_SECONDS = 20.0
BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("the-first-frame")
Bare().run()
"""


def first_frame(arguments: list[str], sign: bytes, environment: dict[str, str]) -> float:
    """Seconds until the terminal has received `sign`."""
    started = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, *arguments], environment)
    ioctl(terminal, termios.TIOCSWINSZ, pack("HHHH", 45, 160, 0, 0))
    seen = b""
    try:
        while sign not in seen:
            if time.perf_counter() - started > LIMIT_SECONDS:
                raise SystemExit(f"no first frame within {LIMIT_SECONDS:.0f} s; the last of it: {seen[-300:]!r}")
            if select.select([terminal], [], [], 0.5)[0]:
                seen += os.read(terminal, 65536)
        return time.perf_counter() - started
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.toml")
        config.write_text('[[metrics]]\nname = "none"\nurl = "http://127.0.0.1:9"\n')
        environment = {
            **os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COCKPIT_STATE_DIR": folder,
        }  # fmt: skip
        programs = {
            "bare textual app": (["-c", BARE], b"the-first-frame"),
            "cockpit": (["-m", "cockpit", "--config", str(config)], b"Pipelines"),
        }
        for arguments, sign in programs.values():
            first_frame(arguments, sign, environment)  # writes the bytecode, fills the caches
        taken: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name, (arguments, sign) in programs.items():
                taken[name].append(first_frame(arguments, sign, environment))
    for name, seconds in taken.items():
        print(f"{name:<18} best {min(seconds):.3f} s   median {statistics.median(seconds):.3f} s")
    bare, ours = (statistics.median(seconds) for seconds in taken.values())
    best = min(taken["cockpit"]) / min(taken["bare textual app"])
    print(f"ratio: median {ours / bare:.2f}, best {best:.2f}; goal: at most {GOAL}")


if __name__ == "__main__":
    main()
