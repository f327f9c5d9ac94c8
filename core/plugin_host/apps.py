"""The room of plugins: loads policy, flows and hooks of every sound plugin at start."""

from django.apps import AppConfig


class PluginHostConfig(AppConfig):
    """插件"""

    name = "core.plugin_host"
    label = "plugin_host"
    verbose_name = "插件"

    def ready(self) -> None:
        from core.plugin_host import start

        start.load_all()
