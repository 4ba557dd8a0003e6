"""Which objects of a kind an adapter reads."""

from __future__ import annotations

from msgspec import Struct


class Selection(Struct, frozen=True):
    """What the server selects, in lists and in watches: an object that leaves the selection comes as DELETED."""

    namespaces: tuple[str, ...] = ()
    """Empty: the configured ones of the source."""
    labels: str = ""
    """"app=web,tier!=cache", as kubectl's -l."""
    fields: str = ""
    """"spec.nodeName=node-1", as kubectl's --field-selector."""

    @property
    def query(self) -> dict[str, str]:
        """The selectors as parameters of a request."""
        chosen = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: selector for name, selector in chosen.items() if selector}
