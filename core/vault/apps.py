"""The room of keys."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """密钥"""

    name = "core.vault"
    label = "vault"
    verbose_name = "密钥"
