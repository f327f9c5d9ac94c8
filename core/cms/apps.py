"""The room of pages."""

from django.apps import AppConfig


class CmsConfig(AppConfig):
    """内容"""

    name = "core.cms"
    label = "cms"
    verbose_name = "内容"
