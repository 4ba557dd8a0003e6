"""`python -m cockpit.demo.kubernetes STATE_DIR [--port N] [--pods N] [--seed N]`: the simulator as a demo service.

It writes `STATE_DIR/kubeconfig` (0600) and prints one JSON line: kubeconfig, context, url. The token is in the
kubeconfig only.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from cockpit.demo.child import die_with_parent, ready_until_orphaned
from cockpit.demo.kubernetes.simulator import simulator


async def _serve(options: argparse.Namespace) -> None:
    options.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with simulator(
        options.state_dir, port=options.port, pods=options.pods, seed=options.seed, cron_jobs=True
    ) as sim:
        await ready_until_orphaned({"kubeconfig": str(sim.kubeconfig), "context": sim.context, "url": sim.url})


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m cockpit.demo.kubernetes", description="A simulated Kubernetes API."
    )
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--pods", type=int, default=0, help="synthetic pods beside the demo's own")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    die_with_parent()
    try:
        asyncio.run(_serve(options))
    except (OSError, OverflowError) as error:  # OverflowError: no such port
        sys.exit(f"the simulated Kubernetes API cannot start: {error}")


if __name__ == "__main__":
    main()
