"""The room of resources."""

from django.apps import AppConfig


class ResourcesConfig(AppConfig):
    """资源"""

    name = "core.resources"
    label = "resources"
    verbose_name = "资源"

    def ready(self) -> None:
        """Register the export job and the lists of the organisation."""
        from core.resources import export, searchable_org, specs_export, specs_org, specs_policy, specs_record

        export.register()
        specs_export.register()
        specs_record.register()
        specs_org.register()
        specs_policy.register()
        searchable_org.register()
