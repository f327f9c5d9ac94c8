"""Registers the jobs of the kill suites."""

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    """An app without migrations: `migrate --run-syncdb` makes its table."""

    name = "tests.faults.app"
    label = "faults"

    def ready(self) -> None:
        from tests.faults.app import work  # noqa: F401
