"""Flows for plugins: open items, take transitions, show the steps."""

from core.flow.declare import Flow, Transition, flow
from core.flow.domain.run import move, open_items, version_of
from core.flow.models import FlowItem
from core.flow.panels import due_text, form_of, steps_panel

__all__ = [
    "Flow",
    "FlowItem",
    "Transition",
    "due_text",
    "flow",
    "form_of",
    "move",
    "open_items",
    "steps_panel",
    "version_of",
]
