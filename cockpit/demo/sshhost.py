"""One SSH host of the demo: a real server whose commands really run, in the sandbox that its parent put it into.

Run by `demo/hosts.py` as `python -m cockpit.demo.sshhost FD`: it serves on that listening socket, reads one JSON object
from stdin (keys, name, how it misbehaves), says "ready" and ends when stdin does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import logging.handlers
import shutil
import signal
import socket
import sys
from typing import Any

import asyncssh

from cockpit.demo.child import die_with_parent, ready_until_orphaned
from cockpit.demo.sshterminal import end_all, on_terminal, signal_all

log = logging.getLogger("sshd")

COMMANDS = 32
"""Of all connections at the same time."""
CHUNK = 32 * 1024
HELD_SECONDS = 2.0
"""How long output may stay open after its command has ended."""
LOG_BYTES = 1 << 20
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host(asyncssh.SSHServer):
    """Lets one key in, whatever the user's name. `drops_after_seconds` cuts each connection."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._key = asyncssh.import_public_key(facts["client_key"])
        self._drops_after = facts.get("drops_after_seconds")
        self._cut: asyncio.TimerHandle | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        log.info("connection from %s port %s", *conn.get_extra_info("peername")[:2])
        if self._drops_after is not None:
            self._cut = asyncio.get_running_loop().call_later(self._drops_after, conn.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        log.info("connection closed%s", f": {exc}" if exc is not None else "")
        if self._cut is not None:
            self._cut.cancel()

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        known = key == self._key
        log.info("%s public key for %s: %s", "accepted" if known else "refused", username, key.get_fingerprint())
        return known


class Commands:
    """Runs what the clients ask for."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._delay = float(facts.get("delay_seconds", 0.0))
        self._gate = asyncio.Semaphore(COMMANDS)
        self._shell = shutil.which("bash", path=PATH) or "/bin/sh"
        home = facts["home"]
        self._home = home
        self._environment = {
            "HOME": home,
            "USER": "demo",
            "LOGNAME": "demo",
            "SHELL": self._shell,
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "TMPDIR": facts["tmp"],
            "HOSTNAME": facts["name"],
        }

    async def serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """One session, from its command to its exit status; a client that leaves ends the command."""
        gone = asyncio.ensure_future(process.channel.wait_closed())
        work = asyncio.ensure_future(self._run(process))
        try:
            await asyncio.wait([gone, work], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, work):
                task.cancel()
            await asyncio.gather(gone, work, return_exceptions=True)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        async with self._gate:
            await asyncio.sleep(self._delay)
            log.info("session runs %.120r", process.command or self._shell)
            argv = [self._shell] if process.command is None else [self._shell, "-c", process.command]
            if process.term_type is not None:
                await on_terminal(process, argv, self._home, self._environment)
                return
            child = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self._home,
                env=self._environment,
                start_new_session=True,
            )
            try:
                await self._attend(process, child)
            finally:
                await end_all(child)

    async def _attend(self, process: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None and child.stderr is not None
        typed = asyncio.create_task(_typed(process, child))
        pumps = [
            asyncio.create_task(_pump(child.stdout, process.stdout)),
            asyncio.create_task(_pump(child.stderr, process.stderr)),
        ]
        try:
            code = await child.wait()
            await asyncio.wait(pumps, timeout=HELD_SECONDS)
        finally:
            for task in (typed, *pumps):
                task.cancel()
            await asyncio.gather(typed, *pumps, return_exceptions=True)
        if code < 0:
            process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            process.exit(code)


async def _typed(process: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process) -> None:
    """The client's input, its end, and the signals that it sends."""
    assert child.stdin is not None
    while True:
        try:
            data = await process.stdin.read(CHUNK)
        except asyncssh.SignalReceived as received:
            number = getattr(signal, f"SIG{received.signal}", None)
            if number is not None:
                signal_all(child, number)
            continue
        except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged):
            continue
        if not data:
            child.stdin.close()
            return
        with contextlib.suppress(ConnectionError):
            child.stdin.write(data)
            await child.stdin.drain()


async def _pump(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    while data := await source.read(CHUNK):
        sink.write(data)
        await sink.drain()


def _log_to(path: str, name: str) -> None:
    """What a host of its own would have in its system log."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {name} %(name)s[%(process)d]: %(message)s", "%b %d %H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


async def main(descriptor: int) -> None:
    """Serve until stdin ends."""
    facts = json.loads(await asyncio.to_thread(sys.stdin.readline))
    if facts["log"]:
        _log_to(facts["log"], facts["name"])
    listener = socket.socket(fileno=descriptor)
    server = await asyncssh.listen(
        sock=listener,
        server_factory=lambda: Host(facts),
        process_factory=Commands(facts).serve,
        server_host_keys=[asyncssh.import_private_key(facts["host_key"])],
        encoding=None,
        config=None,
        line_editor=False,
        allow_scp=False,
        agent_forwarding=False,
        x11_forwarding=False,
        login_timeout=20,
        keepalive_interval=15,
    )
    await ready_until_orphaned({"ready": facts["name"]})
    server.close()


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(int(sys.argv[1])))
