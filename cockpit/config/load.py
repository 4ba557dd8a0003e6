"""From a file and the environment to `Settings`: flags win over variables, variables win over the file."""

from __future__ import annotations

import difflib
import functools
import os
import re
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cockpit.config import inventories, lines, problems
from cockpit.config.problems import Problem, dotted
from cockpit.config.settings import Settings

PREFIX = "COCKPIT_"
"""COCKPIT_UI__THEME is ui.theme: every key that is one value and stands in no list has such a variable."""
MOST_BYTES = 64 * 2**20
"""Of a file: /dev/zero has no end."""
_PATHS = frozenset(
    {"kubeconfig", "known_hosts", "identity", "certificate", "token_file", "webhook_secret_file", "data"}
)


class ConfigError(Exception):
    """The configuration cannot be used. A line for each problem: file, line, key, and the nearest valid key."""


class Source:
    """A file that was read: it knows on which line a key stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = ""
        self._lines: lines.Lines | None = None

    def read(self) -> dict[str, Any]:
        """Blocking. Raises ConfigError."""
        try:
            with open(self.path, "rb") as file:
                said = file.read(MOST_BYTES + 1)
            if len(said) > MOST_BYTES:
                raise ConfigError(f"{self.path}: larger than {MOST_BYTES // 2**20} MiB; is it a configuration?")
            self.text = said.decode("utf-8").replace("\r\n", "\n")
            return tomllib.loads(self.text)
        except FileNotFoundError as error:
            raise ConfigError(f"{self.path}: there is no such file; make one with: cockpit config init") from error
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path}: not UTF-8 text") from error
        except RecursionError as error:
            raise ConfigError(f"{self.path}: its arrays are nested too deep") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(self._broken(str(error))) from error

    def _broken(self, message: str) -> str:
        found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
        if found is None:
            return f"{self.path}:{self.text.count(chr(10)) + 1}: {message.replace(' (at end of document)', '')}"
        return f"{self.path}:{found[2]}: {found[1]}, column {found[3]}"

    def where(self, problem: Problem) -> str:
        """file:line: key: message"""
        if self._lines is None:
            self._lines = lines.Lines(self.text)
        key = f"{dotted(problem.path)}: " if problem.path else ""
        return f"{self.path}:{self._lines.of(problem.path)}: {key}{problem.message}"


def load(path: Path, *, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of one file under the environment. Blocking. Raises ConfigError."""
    source = Source(path)
    data = source.read()
    try:
        settings = msgspec.convert(data, Settings)
    except msgspec.ValidationError as error:
        wrong = list(problems.of_shape(data)) or [Problem((), str(error))]
        raise ConfigError("\n".join([source.where(problem) for problem in wrong])) from error
    settings = with_environment(settings, environ)
    wrong = list(problems.of_sense(settings))
    if wrong:
        raise ConfigError("\n".join([source.where(problem) for problem in wrong]))
    return _expanded(settings, path.absolute().parent)


def with_environment(settings: Settings, environ: Mapping[str, str] | None = None) -> Settings:
    """What COCKPIT_TABLE__KEY variables say, on top. Raises ConfigError."""
    given = os.environ if environ is None else environ
    for name in sorted(given):
        if name.startswith(PREFIX) and "__" in name:
            settings = _with_variable(settings, name, given[name])
    return settings


def variables(model: type = Settings, prefix: str = PREFIX) -> Iterator[tuple[str, Any]]:
    """The variables that are read, with the type of each."""
    for field, kind in typing.get_type_hints(model).items():
        name = f"{prefix}{field.upper()}"
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from variables(kind, f"{name}__")
        elif model is not Settings and typing.get_origin(kind) not in (list, dict):
            yield name, kind


def _with_variable(settings: Settings, name: str, value: str) -> Settings:
    known = dict(variables())
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"the variable {name} is no key of the configuration{hint}")
    try:
        converted = msgspec.convert(value.strip(), known[name], strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the variable {name}: {value!r}: {str(error)[:1].lower()}{str(error)[1:]}") from error
    *tables, key = name.removeprefix(PREFIX).lower().split("__")
    return typing.cast("Settings", _replaced(settings, tables, key, converted))


def _replaced(struct: msgspec.Struct, tables: Sequence[str], key: str, value: object) -> msgspec.Struct:
    if tables:
        key, value = tables[0], _replaced(getattr(struct, tables[0]), tables[1:], key, value)
    return msgspec.structs.replace(struct, **{key: value})


def expanded(settings: Settings) -> Settings:
    """Settings that come from no file, with `~` and relative paths resolved."""
    return _expanded(settings, Path.cwd())


def _expanded(settings: Settings, folder: Path) -> Settings:
    whole = functools.cache(functools.partial(_whole, folder))  # thousands of hosts name the same files
    return typing.cast("Settings", _walked(settings, whole))


def _parts(name: str, text: str) -> list[str]:
    """A kubeconfig may be several, joined as in $KUBECONFIG."""
    return text.split(os.pathsep) if name == "kubeconfig" else [text]


def _whole(folder: Path, path: str) -> str:
    try:
        return str(folder / Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigError(f"{path}: there is no such user here, so no home folder; write the path in full") from error


def _inventory(entry: str, whole: Callable[[str], str]) -> str:
    """Whole but for the `~`. Of a command it is the program that is meant, and a bare word is looked up by $PATH."""
    kind, place = inventories.split(entry)
    if kind != "command":
        resolved = whole(place)
        return inventories.joined(kind, place if place.startswith("~") else resolved)
    program, space, arguments = place.strip().partition(" ")
    if "/" in program and not program.startswith(("~", "'", '"')):
        program = whole(program)
    return inventories.joined(kind, program + space + arguments)


def _walked(struct: msgspec.Struct, whole: Callable[[str], str]) -> msgspec.Struct:
    """Relative paths are relative to the file. The name of an inventory is shown, so its `~` stays."""
    new: dict[str, object] = {}
    for name in struct.__struct_fields__:
        match getattr(struct, name):
            case msgspec.Struct() as inner:
                new[name] = _walked(inner, whole)
            case [msgspec.Struct(), *_] as many:
                new[name] = [_walked(inner, whole) for inner in many]
            case str(text) if name in _PATHS and text:
                new[name] = os.pathsep.join([whole(part) for part in _parts(name, text)])
            case [*entries] if name == "inventories":
                new[name] = [_inventory(entry, whole) for entry in entries]
            case _:
                pass
    return msgspec.structs.replace(struct, **new)
