"""Stands between the server and one command: whatever the command starts ends with it, and with the server.

Run as a script by `python -I -S supervisor.py FD COMMAND...`; stdlib only, imports nothing of cockpit. FD is one end
of a socket pair. The server writes `T` (SIGTERM to the whole tree) or `K` (kill it); the end of the stream means that
the server has gone, however it went, and kills the tree. When the command has ended, what it left behind is killed and
the verdict is written: `exit N` or `signal N`.

As a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER) it inherits processes that detach themselves, so that neither setsid
nor a double fork escapes.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
TURN_SECONDS = 1.0
"""Only a bound: signals and the socket wake the loop."""


def descendants() -> list[int]:
    """Every live process below this one, from /proc/PID/stat (proc(5)): the fields after the last ")"."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in (b"Z", b"X"):
            children.setdefault(int(parent), []).append(int(name))
        else:
            children.setdefault(int(parent), [])
    found: list[int] = []
    below = children.get(os.getpid(), [])
    while below:
        found += below
        below = [child for parent in below for child in children.get(parent, ())]
    return found


def send(number: int) -> int:
    """Signal the whole tree; how many processes it had."""
    tree = descendants()
    for pid in tree:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return len(tree)


def reap(child: int) -> str | None:
    """Collect what has ended; the verdict when the command is among it."""
    verdict = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return verdict
        if pid == 0:
            return verdict
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            verdict = f"signal {-code}" if code < 0 else f"exit {code}"


def kill_all(child: int) -> str | None:
    """Until nothing is left: what forks meanwhile is found in the next round."""
    verdict = None
    while send(signal.SIGKILL):
        verdict = reap(child) or verdict
        time.sleep(0.005)
    return reap(child) or verdict


def start(argv: list[str], lifeline: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        os.close(lifeline)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, f"cockpit: cannot run {argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def main() -> None:
    lifeline, argv = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Only the server ends this process: the terminal's Ctrl-C and a command's `kill 0` are not for it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = start(argv, lifeline)
    verdict: str | None = None
    while verdict is None:
        ready, _, _ = select.select([lifeline, woken], [], [], TURN_SECONDS)
        if woken in ready:
            os.read(woken, 4096)
        verdict = reap(child)
        if lifeline in ready and verdict is None:
            order = os.read(lifeline, 1)
            if order == b"T":
                send(signal.SIGTERM)
            else:
                verdict = kill_all(child) or "signal 9"
    kill_all(child)
    try:
        os.write(lifeline, verdict.encode())
    except OSError:
        sys.exit(1)


main()
