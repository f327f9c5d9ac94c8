"""The room of the lake."""

from django.apps import AppConfig


class LakeConfig(AppConfig):
    """数据湖"""

    name = "core.lake"
    label = "lake"
    verbose_name = "数据湖"

    def ready(self) -> None:
        """Register the import job and the resources."""
        from core.lake import jobs, specs  # noqa: F401

        specs.register_all()
