"""The room of flows."""

from django.apps import AppConfig


class FlowConfig(AppConfig):
    """流程"""

    name = "core.flow"
    label = "flow"
    verbose_name = "流程"
