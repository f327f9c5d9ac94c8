"""Kernel as a Django app: only to bind the actor to each new database session."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class KernelConfig(AppConfig):
    """Binds the audit actor on connect."""

    name = "core.kernel"
    label = "kernel"

    def ready(self) -> None:
        from core.kernel.context import bind_session

        connection_created.connect(lambda connection, **_: bind_session(connection), weak=False)
