"""Something that happened, for the merged timeline of the last hour."""

from __future__ import annotations

from msgspec import Struct

from cockpit.model.tone import Tone


class Moment(Struct, frozen=True):
    """One line of the timeline."""

    at: float
    """Unix seconds."""
    pane: str
    """The pane it belongs to: "pods", "pipelines", "tasks"."""
    subject: str
    """What it happened to, as the pane names it."""
    text: str
    tone: Tone = Tone.NORMAL
