"""The room of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """账号"""

    name = "core.accounts"
    label = "accounts"
    verbose_name = "账号"

    def ready(self) -> None:
        """Listen to sign-in and to changes of factors; make the lists known."""
        from core.accounts import jobs, signals, specs
        from core.accounts.domain import opening_sheet

        signals.connect()
        specs.register()
        jobs.register()
        opening_sheet.register()
