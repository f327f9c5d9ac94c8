"""The room of HTTP."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """接口"""

    name = "core.api"
    label = "api"
    verbose_name = "接口"

    def ready(self) -> None:
        from core.api import wiring

        wiring.connect()
