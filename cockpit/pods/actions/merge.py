"""What one changed in an object, done again on what the server has by now."""

from __future__ import annotations

import difflib
from typing import Any

MANAGED = "managedFields"
_MISSING = object()


def dumped(item: dict[str, Any]) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(item, Dumper=dumper, sort_keys=False, allow_unicode=True, width=4096))


def loaded(text: str) -> dict[str, Any]:
    """Raises ValueError with the reason."""
    import yaml

    try:
        found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"this is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise ValueError("this is no object: a mapping with apiVersion, kind and metadata is wanted")
    return found


def differences(before: str, after: str) -> list[str]:
    """Lines of a unified diff."""
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), "as read", "now", n=2, lineterm=""))


def again(base: Any, mine: Any, theirs: Any, path: str = "", clashes: list[str] | None = None) -> Any:
    """`theirs` with what `mine` changed of `base`. Lists are taken whole; `clashes` gets where both changed."""
    if all(isinstance(each, dict) for each in (base, mine, theirs)):
        result: dict[str, Any] = {}
        for key in [*theirs, *(key for key in mine if key not in theirs)]:
            below = f"{path}.{key}" if path else str(key)
            was, own, now = (each.get(key, _MISSING) for each in (base, mine, theirs))
            value = again(was, own, now, below, clashes)
            if value is not _MISSING:
                result[key] = value
        return result
    if mine == base:
        return theirs
    if clashes is not None and theirs not in (base, mine):
        clashes.append(path)
    return mine
