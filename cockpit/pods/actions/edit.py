"""An object in the person's own editor, sent back as it was read: never over what somebody else changed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cockpit.model import errors
from cockpit.model.printable import printable
from cockpit.pods.actions import editor, merge
from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Means
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.refusals import Conflict
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object
from cockpit.tasks.action import Action, Job, Progress, Risk, State, Target
from cockpit.tasks.terminal import Lend, Tty, typed, written

LANE = "shell"
HEAD = "# Edit the object; the lines with # above it are left out. An empty or unchanged file sends nothing."
IDENTITY = ("name", "namespace", "uid")
ASKED = "[e] edit what you changed on top of it   [l] leave it and keep your text: "


@dataclass
class Edit:
    """One object, from the reading to the sending. `path` is the API's."""

    connection: Connection
    path: str
    name: str
    terminal: Tty
    file: editor.File
    base: dict[str, Any] = field(default_factory=dict)
    """As it was read; what is sent bears its resourceVersion."""
    mine: str = ""
    """What the person has written last, if that is worth keeping."""

    async def run(self, argv: list[str]) -> str:
        """What came of it. Raises `model.errors`; then `mine` is what was not sent."""
        self.base = await self._read()
        offered, why = merge.dumped(self.base), ""
        while True:
            await asyncio.to_thread(self.file.write, _with_comments(offered, why))
            await editor.edited(self.terminal, argv, self.file)
            text = _without_comments(await asyncio.to_thread(self.file.read))
            if not text.strip():
                return "the file was empty; nothing was sent"
            if text == _without_comments(offered):
                if not self.mine:
                    return "nothing was changed, nothing was sent"
                if why:
                    raise errors.Refused(f"left as it is; it was not sent: {why.splitlines()[0]}")
            offered = self.mine = text
            try:
                wanted = self._checked(await asyncio.to_thread(merge.loaded, text))
                if wanted == self.base:
                    self.mine = ""
                    return "nothing was changed, nothing was sent"
                await self.connection.send("PUT", f"{self.path}?fieldManager=cockpit", wanted)
            except ValueError as error:
                why = str(error)
            except Conflict as error:
                offered, why = await self._conflict(merge.loaded(text), error)
            except errors.Denied:
                raise
            except errors.Refused as error:
                why = str(error)
            else:
                self.mine = ""
                return "sent"

    async def _read(self) -> dict[str, Any]:
        body = await self.connection.body(self.path)
        try:
            found = msgspec.json.decode(body, type=dict[str, Any])
            found["metadata"].pop(merge.MANAGED, None)
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
            raise errors.Malformed(f"{self.name}: not an object: {error}") from error
        return found

    def _checked(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """The same object still, as it was read. Raises ValueError."""
        metadata = wanted.get("metadata")
        if not isinstance(metadata, dict):
            raise ValueError("metadata is gone")
        for key in ("apiVersion", "kind"):
            if wanted.get(key) != self.base.get(key):
                raise ValueError(f"{key} was changed; that is another object")
        for key in IDENTITY:
            if metadata.get(key) != self.base["metadata"].get(key):
                raise ValueError(f"metadata.{key} was changed; that is another object")
        metadata["resourceVersion"] = self.base["metadata"].get("resourceVersion")
        return wanted

    async def _conflict(self, mine: dict[str, Any], error: Conflict) -> tuple[str, str]:
        """(what to edit next, what stands above it). Raises Conflict when the person leaves it."""
        now = await self._read()
        if now["metadata"].get("uid") != self.base["metadata"].get("uid"):
            raise Conflict(f"{self.name} was replaced by another object meanwhile; it was left alone") from error
        lines = merge.differences(merge.dumped(self.base), merge.dumped(now))
        shown = [f"{self.name} was changed by somebody else while you edited it:", "", *lines, "", ASKED]
        if not await _agreed(self.terminal, shown):
            raise Conflict(f"{self.name} was changed by somebody else meanwhile; nothing was sent") from error
        clashes: list[str] = []
        merged = merge.again(self.base, mine, now, clashes=clashes)
        merged["metadata"]["resourceVersion"] = now["metadata"].get("resourceVersion")
        self.base = now
        why = "somebody else changed it meanwhile; this is what you changed on top of that:\n" + "\n".join(lines)
        if clashes:
            why += "\nboth changed, and yours stands here: " + ", ".join(clashes)
        return merge.dumped(merged), why


def edit_job(cluster: Cluster, kind: AnyKind, row: Object, target: Target, lend: Lend | None = None) -> Job:
    """The journal names the object, never what is in it. `lend`: instead of the terminal of whoever runs tasks."""
    what = f"{kind.kind.lower()} {row.path}"

    async def run(progress: Progress) -> None:
        taken = lend or progress.lend
        if taken is None:
            raise errors.Refused("there is no terminal here for an editor")
        argv = editor.command()
        file = await asyncio.to_thread(editor.File, f"{kind.kind.lower()}-{row.path}")
        try:
            async with cluster.connected() as connection, taken() as terminal:
                edit = Edit(connection, kind.path(row.namespace, row.name), what, terminal, file)
                try:
                    said = await edit.run(argv)
                    progress.say(said)
                    progress.outcome(target.key, State.SUCCEEDED, said)
                except asyncio.CancelledError:
                    _kept(file)  # the editor's last word; nothing may be awaited any more
                    raise
                except errors.SourceError as error:
                    kept = await asyncio.to_thread(_kept, file) if edit.mine or _touched(file, edit) else ""
                    if not kept:
                        raise
                    if isinstance(error, errors.RateLimited):
                        progress.say(f"your text is kept in {kept}")
                        raise
                    raise type(error)(f"{error}; your text is kept in {kept}") from error
        finally:
            await asyncio.to_thread(file.drop)

    return Job(
        action=f"{kind.resource}.edit",
        sentence=f"Edit {what} in {cluster.name}",
        targets=(target,),
        run=run,
        risk=Risk.DISRUPTIVE if target.production else Risk.SAFE,
        lane=LANE,
        timeout_seconds=None,
    )


def edit_actions(means: Means, kind: AnyKind) -> tuple[Action[Any], ...]:
    """Of any kind that the server lets one write."""

    def bind(rows: Sequence[Object], _: Mapping[str, str]) -> Job:
        (row,) = rows
        return edit_job(means.clusters[row.source], kind, row, means.target(row))

    return (
        Action(
            f"{kind.resource}.edit", "Edit", "E", Risk.SAFE, bind, disabled=allowed(means, "update", kind), many=False
        ),
    )


def _kept(file: editor.File) -> str:
    return str(file.keep()) if file.path.exists() else ""


def _touched(file: editor.File, edit: Edit) -> bool:
    """The editor was killed after it had saved something."""
    try:
        return _without_comments(file.read()) != merge.dumped(edit.base)
    except errors.Refused:
        return False


async def _agreed(terminal: Tty, lines: Sequence[str]) -> bool:
    """Shown on the lent terminal, as it is cooked there; True: edit again."""
    text = "\n".join(printable(line) for line in lines)
    while True:
        await written(terminal.output, text.encode())
        answer = await typed(terminal.input)
        if not answer or answer.strip().lower() in (b"l", b"leave"):
            return False
        if answer.strip().lower() in (b"e", b"edit"):
            return True
        text = ASKED


def _with_comments(text: str, why: str) -> str:
    reason = "".join(f"# {line}\n" for line in why.splitlines())
    return f"{HEAD}\n{reason}#\n{text}" if reason else f"{HEAD}\n#\n{text}"


def _without_comments(text: str) -> str:
    """Only above the object: a # in a block of text is the object's own."""
    lines = text.splitlines(keepends=True)
    first = next((place for place, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[first:])
