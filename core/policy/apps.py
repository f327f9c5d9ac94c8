"""The room of policy."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class PolicyConfig(AppConfig):
    """权限"""

    name = "core.policy"
    label = "policy"
    verbose_name = "权限"

    def ready(self) -> None:
        """Types of policy's own things; the constraint of the administrators around each migrate."""
        from core.policy.types import TypePolicy, register_type

        register_type(TypePolicy("policy.delegation", "委托", 2, {"person": "giver_id"}))
        register_type(TypePolicy("policy.recusal", "回避", 2, {"person": "person_id"}))
        register_type(TypePolicy("policy.right", "权限", 2))
        pre_migrate.connect(_before, sender=self, dispatch_uid="policy.before")
        post_migrate.connect(_after, sender=self, dispatch_uid="policy.after")


def _before(using: str, plan: list[Any], **_: Any) -> None:
    from core.policy import separation

    if plan:
        separation.drop(using)


def _after(using: str, **_: Any) -> None:
    from core.policy import separation

    separation.make(using)
