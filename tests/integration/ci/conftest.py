"""A real git repository, and `cockpit serve` as its own process."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from cockpit.config.settings import PipelineSource
from cockpit.demo.shop import Commit, SampleRepository

NAME = "acme/shop"
TOKEN = "token-of-this-test"
SECRET = "webhook-secret-of-this-test"
SECONDS = 30.0


def pipeline(*steps: str, timeout: str = "60s") -> dict[str, str]:
    """A pipeline file with one step for each script."""
    listed = [{"name": f"s{number}", "run": script} for number, script in enumerate(steps, 1)]
    return {".cockpit/pipeline.yml": json.dumps({"timeout": timeout, "steps": listed})}


class Shop:
    """The repository that is built."""

    def __init__(self, folder: Path) -> None:
        self.repository = SampleRepository.make(folder / "shop.git", folder / "shop", ())
        self.pipeline = pipeline

    def push(self, files: Mapping[str, str], *, branch: str = "main", message: str = "a change") -> tuple[str, str]:
        return self.repository.commit(Commit(message, "mira", files, branch))


class Served:
    """One data folder and the server on it; start it as often as you like."""

    def __init__(self, folder: Path, shop: Shop) -> None:
        self.folder = folder
        self.shop = shop
        self.data = folder / "data"
        self.url = ""
        self.token = TOKEN
        self.process: subprocess.Popen[str] | None = None
        self.client = httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20, trust_env=False)
        self.workers = 2
        self.port = 0

    def command(self) -> list[str]:
        config = self.folder / "cockpit.toml"
        config.write_text(
            f"[server]\nlisten = '127.0.0.1:{self.port}'\ndata = '{self.data}'\ntoken_env = 'CI_TOKEN'\n"
            f"[server.runner]\nworkers = {self.workers}\n"
            f"[[server.repositories]]\nname = '{NAME}'\nurl = '{self.shop.repository.url}'\n"
            "webhook_secret_env = 'CI_SECRET'\n"
            f"[[server.repositories]]\nname = 'acme/secretless'\nurl = '{self.shop.repository.url}'\n"
        )
        return [sys.executable, "-m", "cockpit", "--config", str(config), "serve"]

    async def start(self) -> None:
        env = {**os.environ, "CI_TOKEN": TOKEN, "CI_SECRET": SECRET, "COCKPIT_STATE_DIR": str(self.folder / "state")}
        log = (self.folder / "server.log").open("a")
        with log:
            process = subprocess.Popen(self.command(), env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        self.process = process
        assert process.stdout is not None
        said = await asyncio.to_thread(process.stdout.readline)
        assert said.startswith("cockpit serve: http"), (self.folder / "server.log").read_text()
        self.url = said.split()[-1]
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode

    def source(self, **changes: Any) -> PipelineSource:
        file = self.folder / "token"
        file.write_text(self.token)
        return PipelineSource(**{"name": "ci", "url": self.url, "token_file": str(file), **changes})

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(f"{self.url}/api/v1{path}", params=params)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.client.post(f"{self.url}/api/v1{path}", json=body or {}, headers=headers)

    async def trigger(self, **request: str) -> dict[str, Any]:
        answer = await self.post("/runs", {"repository": NAME, **request})
        assert answer.status_code == 202, answer.text
        return dict(answer.json()["run"])

    async def run(self, run: int) -> dict[str, Any]:
        return dict((await self.get(f"/runs/{run}")).json()["run"])

    async def until(self, run: int, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll a run until the condition holds."""
        deadline = time.monotonic() + SECONDS
        while True:
            seen = await self.run(run)
            if holds(seen):
                return seen
            assert time.monotonic() < deadline, (seen, (self.folder / "server.log").read_text())
            await asyncio.sleep(0.05)

    async def finished(self, run: int) -> dict[str, Any]:
        return await self.until(run, lambda seen: seen["phase"] == "finished")

    async def log(self, run: int, **params: Any) -> str:
        return (await self.get(f"/runs/{run}/log", **params)).text

    async def until_file(self, file: Path) -> str:
        """Wait for a whole line in a file that a step writes."""
        deadline = time.monotonic() + SECONDS
        while not (file.exists() and file.read_text().endswith("\n")):
            assert time.monotonic() < deadline, f"{file} was not written"
            await asyncio.sleep(0.02)
        return file.read_text()

    def push_event(self, before: str, new: str, **changes: Any) -> dict[str, Any]:
        return {
            "ref": "refs/heads/main",
            "before": before,
            "after": new,
            "deleted": False,
            # What a payload says about where to clone from is never used.
            "repository": {"full_name": NAME, "clone_url": "https://evil.example/x.git", "default_branch": "evil"},
            "head_commit": {"message": "a change\n\nwith a body"},
            "sender": {"login": "mira"},
            **changes,
        }

    async def webhook(
        self, payload: Any, *, event: str = "push", secret: str = SECRET, delivery: str = "", **headers: str
    ) -> httpx.Response:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        sent = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery or secrets.token_hex(16),
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        sent = {name: value for name, value in sent.items() if value}
        async with httpx.AsyncClient(timeout=30, trust_env=False) as anonymous:
            return await anonymous.post(f"{self.url}/webhooks/github", content=body, headers=sent)


def alive(pid: int) -> bool:
    """A process that runs, zombies aside."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Wait until a process has gone."""

    def wait(pid: int) -> bool:
        deadline = time.monotonic() + SECONDS
        while alive(pid):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    return wait


@pytest.fixture
def shop(tmp_path: Path, need: Callable[[str, str], str]) -> Iterator[Shop]:
    need("git", "apt-get install git")
    yield Shop(tmp_path)


@pytest.fixture
async def stopped(tmp_path: Path, shop: Shop) -> AsyncIterator[Served]:
    """A server over the sample repository, not started yet."""
    served = Served(tmp_path, shop)
    try:
        yield served
    finally:
        await served.client.aclose()
        if served.process is not None and served.process.poll() is None:
            served.stop()


@pytest.fixture
async def ci(stopped: Served) -> Served:
    """A running server over the sample repository."""
    await stopped.start()
    return stopped
