"""Fetch one commit with git. The url comes from the configuration; what a webhook says reaches git as an argument or a
variable only, never through a shell."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from cockpit.server.ci import pipeline_file, process
from cockpit.server.ci.process import COOKIE

FETCH_SECONDS = 600.0
SAID_BYTES = 16 << 10
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|\.$|/$|^/")


class CheckoutFailed(Exception):
    """git said no; one line, without credentials."""


class Checkout(Struct, frozen=True):
    sha: str
    subject: str
    pipeline: bytes | None
    """The pipeline file of that commit, one byte over its cap at most; None when there is none."""


def valid_sha(sha: str) -> bool:
    return _SHA.fullmatch(sha) is not None


def full_ref(name: str) -> str | None:
    """A branch or a full ref as a full ref; None when git-check-ref-format(1) would refuse it."""
    ref = name if name.startswith("refs/") else f"refs/heads/{name}"
    parts = ref.split("/")
    if _BAD_REF.search(ref) or len(parts) < 3 or len(ref) > 255 or parts[2].startswith("-"):
        return None
    return ref


def git_environment(url: str, cookie: str) -> dict[str, str]:
    """git asks nobody, runs no helper protocol and no hook; the url (which may hold a token) is neither an argument,
    which other users can read, nor left in the checkout."""
    settings = {
        "remote.origin.url": url,
        "core.hooksPath": "/dev/null",
        "core.fsmonitor": "false",
        "protocol.ext.allow": "never",
        "advice.detachedHead": "false",
        "init.defaultBranch": "main",
        "gc.auto": "0",
    }
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "SSH_AUTH_SOCK", "LANG") if key in os.environ}
    numbered = {}
    for number, (key, value) in enumerate(settings.items()):
        numbered[f"GIT_CONFIG_KEY_{number}"] = key
        numbered[f"GIT_CONFIG_VALUE_{number}"] = value
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "GIT_CONFIG_COUNT": str(len(settings)),
        COOKIE: cookie,
        **numbered,
    }


async def checkout(
    url: str,
    ref: str,
    sha: str,
    into: Path,
    *,
    cookie: str,
    say: Callable[[str], Awaitable[None]],
    grace_seconds: float,
) -> Checkout:
    """The commit `sha` (or what `ref` points at) in the empty folder `into`. Raises CheckoutFailed, OSError."""
    env = git_environment(url, cookie)

    async def git(*argv: str, most_bytes: int = SAID_BYTES) -> tuple[process.Ended, bytes]:
        said = bytearray()

        async def keep(data: bytes) -> None:
            said.extend(data[: most_bytes - len(said)])

        ended = await process.run(["git", *argv], cwd=into, env=env, write=keep, grace_seconds=grace_seconds)
        return ended, bytes(said)

    async def must(*argv: str) -> str:
        ended, said = await git(*argv)
        if not ended.ok:
            raise CheckoutFailed(_reason(said, url) or f"git {argv[0]}: {ended.reason}")
        return said.decode(errors="replace").strip()

    await must("init", "-q", ".")
    fetch = ("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    target = "refs/cockpit/run"
    if sha:
        # Servers may refuse a bare commit id; its ref, with the history, then has it.
        ended, _ = await git(*fetch, "--depth=1", "origin", f"+{sha}:{target}")
        if not ended.ok:
            await must(*fetch, "origin", f"+{ref}:{target}")
    else:
        await must(*fetch, "--depth=1", "origin", f"+{ref}:{target}")
    ended, found = await git("show", "-s", "--no-show-signature", "--format=%H%n%s", f"{sha or target}^{{commit}}")
    commit, _, subject = found.decode(errors="replace").strip().partition("\n")
    if not ended.ok or not valid_sha(commit):
        raise CheckoutFailed(f"commit {sha or ref} is not in {ref}")
    await must("checkout", "-q", "--detach", commit)
    blob = f"{commit}:{pipeline_file.PATH}"
    ended, pipeline = await git("cat-file", "blob", blob, most_bytes=pipeline_file.MOST_BYTES + 1)
    await say(f"checked out {commit} ({subject[:200]})")
    return Checkout(commit, subject[:200], pipeline if ended.ok else None)


def _reason(said: bytes, url: str) -> str:
    """The line of git's output that tells most, without the url's user and password."""
    text = said.decode(errors="replace")
    for secret in re.findall(r"//([^/@\s]+)@", url):
        text = text.replace(secret, "***")
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (fatal or lines or [""])[0][:300]
