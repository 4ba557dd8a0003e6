"""YAML as ansible reads it, and what of a variable can be shown as one line of text."""

from __future__ import annotations

import datetime
import json
from typing import Any

import yaml

from cockpit.model import errors

DEPTH = 100
"""Nested collections: libyaml's own recursion has no bound, and ends the process."""
MOST_CHARS = 200
"""Of a value that is a label."""
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Vaulted:
    """A value that only the vault's password opens."""

    def __repr__(self) -> str:
        return "a vaulted value"


class _Loader(_Base):  # type: ignore[misc]
    """Safe, with ansible's own tags."""


def _vaulted(loader: Any, node: Any) -> Vaulted:
    return Vaulted()


def _unsafe(loader: Any, node: Any) -> Any:
    """As it stands: text is not taken for a number, and never for a template."""
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("!vault", _vaulted)
_Loader.add_constructor("!vault-encrypted", _vaulted)
_Loader.add_constructor("!unsafe", _unsafe)


def load(text: str) -> Any:
    """One YAML (or JSON) document; None when it is empty. Raises errors.Malformed with a line, never with its words.

    What stands in it may be a secret.
    """
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEPTH:
                raise errors.Malformed(f"nested deeper than {DEPTH}")
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise errors.Malformed(f"{where}not YAML") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, TypeError) as error:
        raise errors.Malformed("not YAML that can be read") from error


def scalar(value: Any) -> str | None:
    """As one line of text; None for what is no single value, or is too long for a line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            text = str(value)
        case datetime.date():
            text = value.isoformat()
        case _:
            return None
    return text if len(text) <= MOST_CHARS and text.isprintable() else None


def templated(value: Any) -> bool:
    """Whether ansible would evaluate it first."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)
