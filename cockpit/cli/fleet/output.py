"""A run as it is printed: lines with the host before them, JSON with a line a host, or nothing until it ends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.cli.fleet.out import Out
    from cockpit.fleet.engine.link import Chunk
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.results.record import HostLine
    from cockpit.fleet.results.spool import HostOutput

TEXT_BYTES = 64 * 1024
"""Of each stream of a host in JSON."""
LINE_BYTES = 64 * 1024
"""A longer line is cut into several."""


class Quiet:
    """Only how far it is, and on stderr who did not succeed."""

    def __init__(self, out: Out, hosts: int) -> None:
        self.out = out
        self._hosts, self._done, self._failed = hosts, 0, 0
        self._progress()

    def output(self, machine: Machine, chunk: Chunk) -> bool:
        """Nothing of it is printed now."""
        return False

    async def room(self) -> None:
        await self.out.drained()

    async def ended(self, line: HostLine, output: HostOutput | None) -> None:
        from cockpit.fleet.results.outcome import Outcome

        self._done += 1
        if line.outcome is not Outcome.OK:
            self._failed += 1
            self.complain(line)
        self._progress()

    def complain(self, line: HostLine) -> None:
        self.out.complain(f"{line.host}: {line.outcome.words}{f': {line.why}' if line.why else ''}")

    def _progress(self) -> None:
        failed = f", {self._failed} not ok" if self._failed else ""
        self.out.status(f"{self._done} of {self._hosts} hosts{failed}")


class Text(Quiet):
    """Lines as they come, the host before each. A file or a pipe gets what the host said, a terminal what is safe."""

    def __init__(self, out: Out, hosts: int) -> None:
        super().__init__(out, hosts)
        self._open: dict[tuple[str, bool], bytes] = {}
        """Lines without their end yet."""
        self._terminal = sys.stdout.isatty()

    def output(self, machine: Machine, chunk: Chunk) -> bool:
        key = (machine.name, chunk.stderr)
        lines, end, rest = (self._open.pop(key, b"") + chunk.data).rpartition(b"\n")
        if end:
            self._print(machine.name, lines)
        if len(rest) >= LINE_BYTES:
            self._print(machine.name, rest)
        elif rest:
            self._open[key] = rest
        return self.out.full

    async def ended(self, line: HostLine, output: HostOutput | None) -> None:
        for stderr in (False, True):
            rest = self._open.pop((line.host, stderr), b"")
            if rest:
                self._print(line.host, rest)
        await super().ended(line, output)

    def _print(self, host: str, lines: bytes) -> None:
        if not self._terminal:
            prefix = f"{host}: ".encode("utf-8", "replace")
            self.out.put(prefix + lines.replace(b"\n", b"\n" + prefix) + b"\n")
            return
        from cockpit.model.printable import printable

        texts = lines.decode("utf-8", "replace").split("\n")
        shown = [printable(f"{host}: {text.removesuffix(chr(13)).expandtabs()}") for text in texts]
        self.out.put(("\n".join(shown) + "\n").encode("utf-8", "replace"))


class Json(Quiet):
    """One line a host as it ends."""

    async def ended(self, line: HostLine, output: HostOutput | None) -> None:
        import msgspec
        from msgspec.structs import replace

        from cockpit.model.printable import escaped

        out, err = await output.ends(TEXT_BYTES) if output is not None else (b"", b"")
        cut = len(out) < line.stdout_bytes or len(err) < line.stderr_bytes
        whole = replace(
            line,
            stdout=out.decode("utf-8", "replace"),
            stderr=err.decode("utf-8", "replace"),
            truncated=line.truncated or cut,
        )
        self.out.put(escaped(msgspec.json.encode(whole).decode()).encode() + b"\n")
        await super().ended(line, output)
        await self.out.drained()

    def complain(self, line: HostLine) -> None:
        """It is in the host's own line."""
