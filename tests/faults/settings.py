"""The embedded settings with the app of the kill suites: what `manage.py worker` runs under in them."""

from core.settings.embedded import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.app"]  # noqa: F405
