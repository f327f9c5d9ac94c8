"""The room of rules."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RegulationsConfig(AppConfig):
    """规则"""

    name = "core.regulations"
    label = "regulations"
    verbose_name = "规则"

    def ready(self) -> None:
        """Register the page; the reviewed defaults are written after each migrate."""
        from core.regulations import specs

        specs.register()
        post_migrate.connect(_load, sender=self, dispatch_uid="regulations.load")


def _load(sender: AppConfig, using: str, **_: Any) -> None:
    from core.kernel.context import Actor, acting
    from core.regulations.domain.load import load_defaults, ready

    if using == "default" and ready(using):
        with acting(Actor.system("regulations")):
            load_defaults()
