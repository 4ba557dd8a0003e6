"""Which of a pane's rows are shown: filter, scope, faults only, one context, one namespace. All of it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from cockpit.listing import filter as filters
from cockpit.model.scope import Scope
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tui.lines import Piece

if TYPE_CHECKING:
    from cockpit.session.pane import Pane

FAULTS = frozenset({Tone.BAD, Tone.WARN})


class Sieve:
    """Several tests as one. Changing it arranges nothing: whoever has the listing does."""

    def __init__(self, pane: Pane[Any]) -> None:
        self._pane = pane
        self.text = ""
        """The filter as it was typed."""
        self.labels = ""
        """What the sources were told to select."""
        self.faults = False
        self.scope = Scope()
        self.narrowed: dict[str, str] = {}
        """Facet -> the only value that is shown."""
        self._matches: Callable[[str], bool] | None = None

    def filter(self, text: str, *, entered: bool) -> None:
        """The labels are selected when the line is entered, not at each key. Raises BadFilter."""
        labels, test = filters.split(text)
        select = self._pane.select
        if labels and select is None:
            raise filters.BadFilter("these rows have no labels to select by")
        self._matches, self.text = filters.parse(test), text.strip()
        if select is not None and entered and labels != self.labels:
            self.labels = labels
            select(labels)
            self._pane.feed.retry()

    def narrow(self, values: Mapping[str, str]) -> None:
        """Facet -> value; "all" or empty: all of them. Facets that the pane has not are left out."""
        for facet in self._pane.facets:
            value = values.get(facet.name)
            if value in ("", "all"):
                self.narrowed.pop(facet.name, None)
            elif value is not None:
                self.narrowed[facet.name] = value

    @property
    def source(self) -> str:
        """The only source that is shown; empty: all of them."""
        return next((self.narrowed[f.name] for f in self._pane.facets if f.is_source and f.name in self.narrowed), "")

    def accepts(self) -> Callable[[Any], bool] | None:
        """One test of all; None: everything is shown. The cheapest go first."""
        tests = [_is(f.value, self.narrowed[f.name]) for f in self._pane.facets if f.name in self.narrowed]
        if self.faults and (tone := self._pane.tone) is not None:
            tests.append(lambda item: tone(item) in FAULTS)
        search, matches, scope = self._pane.search, self._matches, self.scope
        if matches is not None and scope.text:
            tests.append(lambda item: matches(text := search(item)) and scope.admits(text))
        elif matches is not None:
            tests.append(lambda item: matches(search(item)))
        elif scope.text:
            tests.append(lambda item: scope.admits(search(item)))
        return reduce(_both, tests) if tests else None

    def pieces(self) -> list[Piece]:
        """What is narrowed, for the title; the only source too, which no column names."""
        only = [facet.known() for facet in self._pane.facets if facet.is_source and facet.name not in self.narrowed]
        pieces = [Piece(f"{known[0][0]} ", "muted") for known in only if len(known) == 1]
        pieces += [
            Piece(f"{facet.short} {self.narrowed[facet.name]} ", "accent")
            for facet in self._pane.facets
            if facet.name in self.narrowed
        ]
        if self.faults:
            pieces.append(Piece(f"{GLYPHS[Tone.WARN]} faults only ", "accent"))
        if self.text:
            pieces.append(Piece(f"/{self.text} ", "accent"))
        return pieces

    def words(self) -> list[str]:
        """The same for "none of 6 matches ..."."""
        said = [f"{name} {value}" for name, value in self.narrowed.items()]
        said += ["faults only"] if self.faults else []
        said += [f"/{self.text}"] if self.text else []
        return said + ([f"the scope {self.scope.text!r}"] if self.scope.text else [])


def _is(value: Callable[[Any], str], wanted: str) -> Callable[[Any], bool]:
    return lambda item: value(item) == wanted


def _both(one: Callable[[Any], bool], other: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda item: one(item) and other(item)
