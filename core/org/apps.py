"""The room of organisation."""

from django.apps import AppConfig


class OrgConfig(AppConfig):
    """组织与人员"""

    name = "core.org"
    label = "org"
    verbose_name = "组织与人员"
