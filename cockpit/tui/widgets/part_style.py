"""The style of a part of a widget that paints its own lines."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


def part_style(widget: Widget, component: str) -> Style:
    """The widget's own style with the colour, weight and reversal of a component class; "" is the widget's alone."""
    style = widget.rich_style
    if not component:
        return style
    part = widget.get_component_rich_style(component, partial=True)
    colour = None if part.color is None or part.color.is_default else part.color
    return style + Style(color=colour, bold=part.bold, reverse=part.reverse)
