"""100 MB through a forwarded port, beside `kubectl port-forward`: python tests/bench/pods_forward.py [--megabytes 100]

Both forward to the same pod of the simulator, which runs in a process of its own; one after the other, three rounds.
Each block is sent and comes back: the digests must be equal. Prints MB/s each way and the CPU seconds of the forwarder.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
import os
import re
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

KUBECTL = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
POD_WORDS = ("get", "pods", "-n", "shop", "--field-selector=status.phase=Running", "-o", "name")


@asynccontextmanager
async def program(*words: str, env: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *words, env=env, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def rate(words: Sequence[str], env: dict[str, str], block: bytes) -> tuple[float, float]:
    """(MB/s each way, CPU seconds)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    async with program(*words, env=env) as process:
        assert process.stdout is not None
        found = re.search(rb"127\.0\.0\.1:(\d+)", await process.stdout.readline())
        assert found
        async with aiohttp.ClientSession() as http:
            began = time.perf_counter()
            async with http.post(f"http://127.0.0.1:{int(found[1])}/", data=io.BytesIO(block)) as answer:
                digest = hashlib.sha256()
                async for chunk in answer.content.iter_any():
                    digest.update(chunk)
            seconds = time.perf_counter() - began
        assert digest.digest() == hashlib.sha256(block).digest(), "the bytes are not the same"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return len(block) / 1e6 / seconds, used


async def main(megabytes: int) -> None:
    block = os.urandom(1_000_000) * megabytes
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "sim")
        env = {**os.environ, "HOME": folder, "XDG_STATE_HOME": f"{folder}/state"}
        async with program(sys.executable, "-m", "cockpit.demo.kubernetes", str(state), env=env) as simulator:
            assert simulator.stdout is not None
            kubeconfig = json.loads(await simulator.stdout.readline())["kubeconfig"]
            env["KUBECONFIG"] = kubeconfig
            config = Path(folder, "cockpit.toml")
            config.write_text(f'[[pods]]\nname = "demo"\nkubeconfig = "{kubeconfig}"\n')
            async with program(KUBECTL or "kubectl", *POD_WORDS, env=env) as listing:
                out, _ = await listing.communicate()
            pod = out.decode().split()[0].removeprefix("pod/")
            ours = [
                sys.executable,
                "-m",
                "cockpit",
                "--config",
                str(config),
                "pods",
                "port-forward",
                f"shop/{pod}",
                ":80",
            ]
            theirs = [KUBECTL or "kubectl", "port-forward", "-n", "shop", pod, ":80"]
            found: dict[str, list[tuple[float, float]]] = {"cockpit": [], "kubectl": []}
            for _ in range(3):
                for name, words in (("cockpit", ours), ("kubectl", theirs)):
                    found[name].append(await rate(words, env, block))
    for name, results in found.items():
        rates, used = zip(*results, strict=True)
        print(f"{name}: {statistics.median(rates):.0f} MB/s each way, {statistics.median(used):.2f} s CPU")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    asyncio.run(main(parser.parse_args().megabytes))
