"""The room of plugins: loads policy, flows and hooks of every sound plugin at start."""

from django.apps import AppConfig


class PluginHostConfig(AppConfig):
    """插件"""

    name = "core.plugin_host"
    label = "plugin_host"
    verbose_name = "插件"

    def ready(self) -> None:
        from core.plugin_host import start
        from core.plugin_host.standing import plugins
        from core.status.registry import register_part

        start.load_all()
        register_part("plugins", "插件", plugins, order=170, needs_database=False)
