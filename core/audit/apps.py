"""The room of the record: triggers around each migrate, refusal on each connection."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate

#: Database alias → migrations about to run while the triggers are off.
_planned: dict[str, list[str]] = {}


class AuditConfig(AppConfig):
    """审计"""

    name = "core.audit"
    label = "audit"
    verbose_name = "审计"

    def ready(self) -> None:
        from core.audit.guard import watch_connection

        connection_created.connect(lambda connection, **_: watch_connection(connection), weak=False)
        pre_migrate.connect(_before, dispatch_uid="audit.before")
        post_migrate.connect(_after, dispatch_uid="audit.after")


def _before(sender: AppConfig, using: str, plan: list[Any], **_: Any) -> None:
    """Before the first app: triggers off, if anything is to run."""
    if sender != _apps_with_models()[0] or not plan:
        return
    from core.audit.guard import allow_writes
    from core.audit.triggers import drop_triggers

    _planned[using] = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
    allow_writes(using)
    drop_triggers(using)


def _after(sender: AppConfig, using: str, **_: Any) -> None:
    """After the last app: triggers on, and an event that names what ran without them."""
    if sender != _apps_with_models()[-1]:
        return
    from core.audit.events import record_migrations
    from core.audit.guard import check_triggers
    from core.audit.triggers import audit_tables_ready, make_triggers

    ran = _planned.pop(using, [])
    if not audit_tables_ready(using):
        return
    make_triggers(using)
    check_triggers(using)
    if ran:
        record_migrations(ran, using)


def _apps_with_models() -> list[AppConfig]:
    return [config for config in apps.get_app_configs() if config.models_module is not None]
