"""The lean import of the client library, in fresh interpreters: it is cheap, and it harms no plain import after it."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script], check=True, capture_output=True, text=True
    ).stdout


def test_the_models_are_not_imported() -> None:
    script = (
        "import sys\nfrom cockpit.pods.api.library import load\n"
        "assert load().KubeConfigLoader is load().KubeConfigLoader\n"
        "print(*[m for m in sys.modules if m.startswith('kubernetes_asyncio.client')])"
    )
    assert set(run(script).split()) == {
        "kubernetes_asyncio.client.configuration",
        "kubernetes_asyncio.client.exceptions",
    }


@pytest.mark.parametrize("before", [True, False])
def test_it_gets_on_with_a_plain_import(before: bool) -> None:
    plain = "from kubernetes_asyncio import client, config\nclient.CoreV1Api\n"
    lean = "from cockpit.pods.api.library import load\nlibrary = load()\n"
    check = (
        "assert library.Configuration is client.Configuration\n"
        "assert library.ConfigException is config.ConfigException\nprint('ok')"
    )
    assert run((plain + lean if before else lean + plain) + check).strip() == "ok"


def test_no_heavy_import_before_a_source_is_opened() -> None:
    script = (
        "import sys\nimport cockpit.session.pods\n"
        "heavy = {'aiohttp', 'kubernetes_asyncio', 'yaml', 'textual', 'rich', 'ssl'}\n"
        "print(*sorted(heavy & sys.modules.keys()))"
    )
    assert set(run(script).split()) <= {"ssl"}
