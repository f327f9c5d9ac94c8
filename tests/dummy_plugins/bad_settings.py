"""The embedded form with sound and bad dummy plugins in place of the real ones."""

from core.settings.base import *  # noqa: F403
from core.settings.plugins import add_plugins

PLUGIN_FOLDERS = [ROOT / "tests" / "dummy_plugins", ROOT / "tests" / "dummy_plugins" / "bad"]  # noqa: F405
INSTALLED_APPS = add_plugins(INSTALLED_APPS, PLUGIN_FOLDERS, HOME)  # noqa: F405
ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
