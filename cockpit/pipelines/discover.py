"""A CI server on this machine and the repository of the working directory, for a start without any configuration."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from cockpit.config.settings import PipelineSource
from cockpit.feeds import http
from cockpit.model import errors

URL = "http://127.0.0.1:8420"
ANSWER_SECONDS = 0.3
TOKEN_VARIABLE = "COCKPIT_TOKEN"
_SCP = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")
_URL = re.compile(r"\w+://(?:[^@/]*@)?([^/:]+)(?::\d+)?/(.+)")


async def sources(url: str = URL) -> list[PipelineSource]:
    """One when a `cockpit serve` answers there within ANSWER_SECONDS. Never raises."""
    client = await http.open_client(url)
    async with client:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await http.request(client, "GET", "/api/v1/runs", where=url)
        except errors.Denied:
            pass  # it is there, and wants its token
        except (errors.SourceError, TimeoutError):
            return []
    return [PipelineSource(name="localhost", url=url, token_env=TOKEN_VARIABLE if TOKEN_VARIABLE in os.environ else "")]


def remote(folder: Path | None = None) -> str:
    """The git remote of a working directory as "host/owner/name", "" when there is none. Blocking; never raises.

    None: the one of this process, which may be gone. User and password that may stand in its url are left out.
    """
    try:
        start = folder or Path.cwd()
        root = next((each for each in (start, *start.parents) if (each / ".git" / "config").is_file()), None)
        text = "" if root is None else (root / ".git" / "config").read_text(errors="replace")
    except OSError:
        return ""
    section = ""
    urls: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            found = re.fullmatch(r'\[remote "(.*)"\]', stripped)
            section = found[1] if found else ""
        elif section and (value := re.fullmatch(r"url\s*=\s*(.+)", stripped)):
            urls.setdefault(section, value[1].strip('"'))
    url = urls.get("origin") or next(iter(urls.values()), "")
    parts = _URL.fullmatch(url) or _SCP.fullmatch(url)
    return f"{parts[1]}/{parts[2].strip('/').removesuffix('.git')}" if parts else ""
