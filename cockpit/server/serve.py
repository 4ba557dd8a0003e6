"""`cockpit serve`: one process, one data folder, one port."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import logging
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from cockpit.config import secrets
from cockpit.config.settings import Repository, Server
from cockpit.server.ci.api import CiApi
from cockpit.server.ci.engine import GRACE_SECONDS, Engine
from cockpit.server.ci.ledger import Ledger
from cockpit.server.ci.store import Store
from cockpit.server.http import answer, bearer, errors_as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

KEEP_RUNS = 1000
"""Finished runs kept of each repository, with their logs."""
KEEP_DELIVERIES_SECONDS = 30 * 86400.0
PRUNE_SECONDS = 3600.0
PR_SET_DUMPABLE = 4


class CannotServe(Exception):
    """The server does not start; the message says what to do."""


@asynccontextmanager
async def running(settings: Server, *, grace_seconds: float = GRACE_SECONDS) -> AsyncIterator[str]:
    """The server, listening; yields its URL. Leaving stops the runs and queues them again for the next start.

    Raises CannotServe, and `errors.Denied` when a secret cannot be read.
    """
    token, hooks = await _secrets(settings)
    host, port = _address(settings.listen)
    if await asyncio.to_thread(shutil.which, "git") is None:
        raise CannotServe("git is not installed; install it: runs are checked out with it")
    data = await asyncio.to_thread(Path(settings.data).expanduser)
    repositories = {repository.name: repository for repository in settings.repositories}
    with _locked(data):
        try:
            async with Store.open(data / "ci.db") as store:
                engine = Engine(store, data, repositories, workers=settings.runner.workers, grace_seconds=grace_seconds)
                await engine.recover()
                app = web.Application(middlewares=[errors_as_json])
                app.add_routes(CiApi(store, engine, data, repositories, hooks, bearer(token)).routes())
                app.router.add_get("/healthz", _health(store))
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=3.0)
                await runner.setup()
                tasks: list[asyncio.Task[None]] = []
                try:
                    await _listen(runner, host, port)
                    tasks.append(asyncio.create_task(engine.run(), name="engine"))
                    pruning = asyncio.create_task(_prune(store, data), name="retention")
                    tasks.append(pruning)
                    try:
                        yield _url(runner)
                    finally:
                        pruning.cancel()
                        engine.stop()
                        store.release()
                finally:
                    await runner.cleanup()
                    await asyncio.gather(*tasks, return_exceptions=True)
        except sqlite3.Error as error:
            raise CannotServe(f"{data / 'ci.db'}: {error}") from error


async def serve(settings: Server, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `announce` gets the URL. Raises as `running` does."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(name, over.set)
    hide_from_steps()
    async with running(settings) as url:
        for repository in settings.repositories:
            if not _has_webhook_secret(repository):
                log.warning("%s has no webhook_secret_*: its webhooks are refused", repository.name)
        announce(url)
        await over.wait()


def hide_from_steps() -> None:
    """Steps run as the same user: without this they could read our environment, tokens and all, from /proc
    (prctl(2), PR_SET_DUMPABLE; proc(5)). Programs that we start are not touched by it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise CannotServe(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def _url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _has_webhook_secret(repository: Repository) -> bool:
    return bool(repository.webhook_secret_env or repository.webhook_secret_file or repository.webhook_secret_command)


async def _secrets(settings: Server) -> tuple[str, dict[str, str]]:
    token = await secrets.resolve(
        env=settings.token_env, file=settings.token_file, command=settings.token_command, what="[server] token"
    )
    if not token:
        raise CannotServe('no token; write token_env = "COCKPIT_TOKEN" under [server] and set that variable')
    hooks: dict[str, str] = {}
    for repository in settings.repositories:
        hooks[repository.name] = await secrets.resolve(
            env=repository.webhook_secret_env,
            file=repository.webhook_secret_file,
            command=repository.webhook_secret_command,
            what=f"webhook secret of {repository.name}",
        )
    return token, hooks


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise CannotServe(f'listen must be "ADDRESS:PORT", such as "127.0.0.1:8420", not {listen!r}')
    if not _is_loopback(host):
        log.warning("listening on %s without TLS: put a TLS proxy in front of it", host)
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """The data folder for this process alone; the lock goes with the process, however that ends."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotServe(f"cannot use the data folder {data}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise CannotServe(f"another cockpit serve uses {data}; stop it, or pass another --data") from error
    try:
        yield
    finally:
        os.close(lock)


def _health(store: Store) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def healthz(_: web.Request) -> web.StreamResponse:
        await store.read(Ledger.last)
        return answer(200, {"status": "ok"})

    return healthz


async def _prune(store: Store, data: Path) -> None:
    while True:
        try:
            gone = await store.write(
                lambda ledger: ledger.prune(
                    keep_runs=KEEP_RUNS, deliveries_before=time.time() - KEEP_DELIVERIES_SECONDS
                )
            )
            for run in gone:
                await asyncio.to_thread(shutil.rmtree, data / "logs" / str(run), ignore_errors=True)
        except sqlite3.Error:
            log.exception("retention failed")
        await asyncio.sleep(PRUNE_SECONDS)
