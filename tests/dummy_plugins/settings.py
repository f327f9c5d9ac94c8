"""The embedded form with the dummy plugins beside the real ones."""

from core.settings.base import *  # noqa: F403
from core.settings.plugins import add_plugins

PLUGIN_FOLDERS = [*PLUGIN_FOLDERS, ROOT / "tests" / "dummy_plugins"]  # noqa: F405
INSTALLED_APPS = add_plugins(INSTALLED_APPS, PLUGIN_FOLDERS, HOME)  # noqa: F405
ALLOWED_HOSTS = ["testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
