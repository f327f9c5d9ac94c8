"""The room of the roster."""

from django.apps import AppConfig


class RosterConfig(AppConfig):
    """人员导入"""

    name = "core.roster"
    label = "roster"
    verbose_name = "人员导入"

    def ready(self) -> None:
        """Register the job and the resources."""
        from core.roster import jobs, specs, specs_merge  # noqa: F401

        specs.register_all()
        specs_merge.register()
