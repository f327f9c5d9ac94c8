"""The warning plugin as a Django app."""

from django.apps import AppConfig


class WarningPluginConfig(AppConfig):
    """药品耗材预警"""

    name = "plugins.warning"
    label = "warning"
    verbose_name = "药品耗材预警"
