"""The person's own editor on a private file."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cockpit.config.places import state_dir
from cockpit.model import errors
from cockpit.model.printable import printable
from cockpit.tasks.terminal import Tty, run_here

VARIABLES = ("KUBE_EDITOR", "VISUAL", "EDITOR")
DEFAULT = "vi"
KEPT = "edits"


def command(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Raises errors.Refused where there is no such program."""
    name = next((variable for variable in VARIABLES if environment.get(variable, "").strip()), "")
    try:
        argv = shlex.split(environment.get(name, DEFAULT)) if name else [DEFAULT]
    except ValueError as error:
        raise errors.Refused(f"${name} cannot be read: {error}") from error
    if not argv or shutil.which(argv[0]) is None:
        what = f"the editor {argv[0] if argv else ''} of ${name}" if name else f"the editor {DEFAULT}"
        raise errors.Refused(f"{what} is not here; set {VARIABLES[0]} to one that is")
    return argv


class File:
    """0600, in a folder of its own. Blocking. `drop` it, or `keep` what is in it."""

    def __init__(self, stem: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="cockpit-edit-"))  # 0700
        safe = "".join(char if char.isascii() and (char.isalnum() or char in "-.") else "-" for char in stem)
        self.path = self._folder / f"{safe}.yaml"

    def write(self, text: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(self.path, "w", encoding="utf-8", opener=lambda path, _: os.open(path, flags, 0o600)) as file:
            file.write(text)

    def read(self) -> str:
        """Raises errors.Refused when the editor left none."""
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise errors.Refused(f"what the editor left cannot be read: {error}") from error

    def keep(self) -> Path:
        """Where it stays for good: in the state folder, still private."""
        folder = state_dir() / KEPT
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=f"{self.path.stem}-", suffix=".yaml")
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.path.read_bytes())
        return Path(name)

    def drop(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


async def edited(terminal: Tty, argv: list[str], file: File) -> None:
    """Until the editor ends. Raises errors.Refused when it did not end well."""
    try:
        status = await run_here(terminal, [*argv, str(file.path)])
    except OSError as error:
        raise errors.Refused(f"cannot run {argv[0]}: {error.strerror}") from error
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with {status}"
        raise errors.Refused(f"{printable(argv[0])} {how}; nothing was sent")
