"""The room of background work."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Registers the kind of job that delivers events."""

    name = "core.jobs"
    label = "jobs"
    verbose_name = "后台任务"

    def ready(self) -> None:
        import core.jobs.domain.deliver  # noqa: F401
