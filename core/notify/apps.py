"""The room of notices."""

from django.apps import AppConfig


class NotifyConfig(AppConfig):
    """消息"""

    name = "core.notify"
    label = "notify"
    verbose_name = "消息"

    def ready(self) -> None:
        """Register the core's own kinds, what they follow from, the jobs and the lists."""
        from core.notify import core_kinds, jobs, receivers, specs

        core_kinds.register()
        receivers.register()
        jobs.register()
        specs.register()
