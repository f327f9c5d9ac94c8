"""The room of testing."""

from django.apps import AppConfig


class TestingConfig(AppConfig):
    """测试与演示"""

    name = "core.testing"
    label = "testing"
    verbose_name = "测试与演示"
