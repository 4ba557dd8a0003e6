"""Commands that the configuration keeps, with places for values: what is wrong with them, and what they become.

A value is quoted for the shell (POSIX shells, XCU 2.2), so that it is one word whatever stands in it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from cockpit.config.settings import CommandParameter, SavedCommand
from cockpit.model import errors

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PLACE = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`{unit}`; `${unit}` is the shell's."""


def mistakes(saved: SavedCommand) -> Iterator[tuple[str, str]]:
    """(key, message) of what a shape cannot say."""
    if not NAME.fullmatch(saved.name):
        yield "name", f"{saved.name!r} is no name; write small letters, digits, - and _"
    if not saved.command.strip():
        yield "command", "the command is empty"
    places = dict.fromkeys(found[1] for found in _PLACE.finditer(saved.command))
    for place in places:
        if place not in saved.parameters:
            yield (
                "command",
                f"{{{place}}} is not among the parameters; declare it, or write {{ {place} }} for the shell",
            )
    for name, parameter in saved.parameters.items():
        if name not in places:
            yield "parameters", f"{name!r} stands nowhere in the command; write {{{name}}} where it goes"
        yield from _pattern_mistakes(name, parameter)
    for place in dict.fromkeys(_quoted(saved.command)):
        yield "command", f"{{{place}}} stands in quotes; leave them out, for the value is quoted by itself"


def filled(saved: SavedCommand, values: Mapping[str, str]) -> str:
    """The command with these values, and the defaults for others. Raises errors.Refused."""
    unknown = [name for name in values if name not in saved.parameters]
    if unknown:
        known = ", ".join(saved.parameters) or "none"
        raise errors.Refused(f"{saved.name} has no parameter {unknown[0]!r}; there are: {known}")
    given = {name: values.get(name) or parameter.default for name, parameter in saved.parameters.items()}
    for name, value in given.items():
        pattern = saved.parameters[name].pattern
        if not value:
            raise errors.Refused(f"{saved.name} needs a value for {name}")
        if "\0" in value or (pattern and not re.fullmatch(pattern, value)):
            raise errors.Refused(f"{name}={value!r} does not fit {pattern or 'a command line'}")
    return _PLACE.sub(lambda found: shlex.quote(given[found[1]]) if found[1] in given else found[0], saved.command)


def _pattern_mistakes(name: str, parameter: CommandParameter) -> Iterator[tuple[str, str]]:
    try:
        pattern = re.compile(parameter.pattern)
    except (re.error, OverflowError) as error:
        yield "parameters", f"the pattern of {name!r} is no regular expression: {error}"
        return
    if parameter.pattern and parameter.default and not pattern.fullmatch(parameter.default):
        yield "parameters", f"the default of {name!r} does not fit its pattern"


def _quoted(command: str) -> Iterator[str]:
    """Places inside quotes: there the quotes of a value would end them."""
    places = {found.start(): found[1] for found in _PLACE.finditer(command)}
    quote, place = "", 0
    while place < len(command):
        char = command[place]
        if quote and place in places:
            yield places[place]
        if char == "\\" and quote != "'":
            place += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        place += 1
