"""The room of policy."""

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    """权限"""

    name = "core.policy"
    label = "policy"
    verbose_name = "权限"
