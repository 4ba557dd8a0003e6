"""What each way into cockpit may import: measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("textual", "asyncssh", "kubernetes_asyncio", "aiohttp", "httpx", "prometheus_api_client", "requests", "rich")


def modules_after(tmp_path: Path, code: str) -> set[str]:
    """Top-level names in sys.modules after running `code`."""
    script = f"import sys, json\n{code}\nprint('MODULES', json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "COCKPIT_STATE_DIR": str(tmp_path / "state")},
    )
    line = next(line for line in ran.stdout.splitlines() if line.startswith("MODULES "))
    return {name.partition(".")[0] for name in json.loads(line.removeprefix("MODULES "))}


@pytest.mark.parametrize("module", ["cockpit.session.session", "cockpit.session.panes", "cockpit.cli.main"])
def test_wiring_imports_no_client_library(tmp_path: Path, module: str) -> None:
    assert not modules_after(tmp_path, f"import {module}") & set(HEAVY)


RUN = """
from cockpit.cli.main import main
sys.argv = ['cockpit', *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "empty.toml", "--snapshot"],
        ["--config", "empty.toml", "--snapshot", "--format", "json"],
        ["--config", "local.toml", "fleet", "exec", "here", "--", "true"],
        ["--config", "local.toml", "fleet", "list"],
        ["tasks", "list"],
    ],
)
def test_headless_commands_never_import_textual(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "local.toml").write_text('[[fleet.hosts]]\nname = "here"\ntransport = "local"\n')
    assert "textual" not in modules_after(tmp_path, RUN.format(arguments=arguments))
