"""The room of resources."""

from django.apps import AppConfig


class ResourcesConfig(AppConfig):
    """资源"""

    name = "core.resources"
    label = "resources"
    verbose_name = "资源"

    def ready(self) -> None:
        """Register the export job and the lists of the organisation."""
        from core.resources import export, specs_org

        export.register()
        specs_org.register()
