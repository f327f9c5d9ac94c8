"""The room of flows."""

from django.apps import AppConfig


class FlowConfig(AppConfig):
    """流程"""

    name = "core.flow"
    label = "flow"
    verbose_name = "流程"

    def ready(self) -> None:
        """Register the job that reminds of deadlines."""
        from core.flow import notices

        notices.register()
