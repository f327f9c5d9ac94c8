"""The room of frozen tables."""

from django.apps import AppConfig


class PublicationsConfig(AppConfig):
    """公示"""

    name = "core.publications"
    label = "publications"
    verbose_name = "公示"

    def ready(self) -> None:
        """Register the resource and the export job."""
        from core.publications import export, specs

        export.register()
        specs.register_all()
