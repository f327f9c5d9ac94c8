"""The app of this dummy."""

from django.apps import AppConfig


class DummyConfig(AppConfig):
    """试用"""

    name = "tests.dummy_plugins.exiting"
    label = "dummy_exiting"
