"""The room of backups."""

from django.apps import AppConfig


class KeepingConfig(AppConfig):
    """备份"""

    name = "core.keeping"
    label = "keeping"
    verbose_name = "备份"

    def ready(self) -> None:
        """Register the daily backup."""
        from core.jobs.registry import every
        from core.keeping import jobs

        every(jobs.LOOK, jobs.DUE)
