"""Bindings that are known only at run time: a pane's actions come with the session, after the first frame.

textual takes bindings from the class; `DOMNode._bindings` is the instance's own copy (private, textual 8.2.8).
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode


def bind_to(node: DOMNode, bindings: Iterable[Binding]) -> None:
    """Add these to the bindings of one widget or screen, in place of any with the same keys."""
    for key, found in BindingsMap(bindings).key_to_bindings.items():
        node._bindings.key_to_bindings[key] = found
    node.refresh_bindings()
