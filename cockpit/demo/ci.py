"""The demo's CI server: `cockpit serve` in this process, a sample repository whose pipelines really run, and a team
that pushes to it now and then.

    python -m cockpit.demo.ci STATE_DIR

Steps run commands on this machine as the user, but only those that the sample repository holds.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from cockpit.config.settings import Repository, Runner, Server
from cockpit.demo.child import die_with_parent, ready_until_orphaned
from cockpit.demo.shop import COMMITS, NAME, Commit, SampleRepository
from cockpit.pipelines.wire import TriggerRequest

PUSH_SECONDS = 45.0
"""Between two pushes of the team."""


class Team:
    """Pushes commits and sends GitHub's webhook for each."""

    def __init__(self, repository: SampleRepository, url: str, *, token: str, secret: str) -> None:
        self._repository = repository
        self._url = url
        self._token = token
        self._secret = secret

    async def push(self, commit: Commit) -> None:
        """One commit and its signed webhook."""
        import aiohttp

        before, after = await asyncio.to_thread(self._repository.commit, commit)
        body = json.dumps(
            {
                "ref": f"refs/heads/{commit.branch}",
                "before": before,
                "after": after,
                "repository": {"full_name": NAME},
                "head_commit": {"id": after, "message": commit.message},
                "sender": {"login": commit.author},
            }
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": secrets.token_hex(16),
            "X-Hub-Signature-256": "sha256=" + hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest(),
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._url}/webhooks/github", data=body, headers=headers) as response,
        ):
            response.raise_for_status()

    async def trigger(self, branch: str) -> None:
        """A run by hand."""
        import aiohttp
        import msgspec

        request = msgspec.json.encode(TriggerRequest(repository=NAME, ref=branch, actor="demo"))
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._url}/api/v1/runs", data=request, headers=headers) as response,
        ):
            response.raise_for_status()

    async def work(self) -> None:
        """Push now and then, for ever; after each round a long run."""
        for number in itertools.count(1):
            await asyncio.sleep(PUSH_SECONDS)
            await self.push(COMMITS[number % len(COMMITS)])
            if number % len(COMMITS) == 0:
                await self.trigger("nightly")


def _prepare(state: Path) -> tuple[SampleRepository, Mapping[str, Path]]:
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {name: state / name for name in ("token", "webhook-secret")}
    for file in files.values():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return SampleRepository.make(state / "shop.git", state / "work"), files


async def main(state: Path) -> None:
    """Serve until the parent goes."""
    from cockpit.server.serve import hide_from_steps, running

    repository, files = await asyncio.to_thread(_prepare, state)
    settings = Server(
        listen="127.0.0.1:0",
        data=str(state / "server"),
        token_file=str(files["token"]),
        runner=Runner(workers=3),
        repositories=[
            Repository(name=NAME, url=repository.url, webhook_secret_file=str(files["webhook-secret"])),
        ],
    )
    hide_from_steps()
    async with running(settings, grace_seconds=1.0) as url:
        given = [await asyncio.to_thread(files[name].read_text) for name in ("token", "webhook-secret")]
        team = Team(repository, url, token=given[0], secret=given[1])
        await team.push(COMMITS[0])
        for branch in ("checkout-retry", "nightly"):
            await team.trigger(branch)
        working = asyncio.create_task(team.work(), name="team")
        try:
            await ready_until_orphaned({"url": url, "token_file": str(files["token"]), "repository": NAME})
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(Path(sys.argv[1])))
