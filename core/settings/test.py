"""Tests: the embedded form in a data folder of its own, or real servers by the same variables."""

import os
import tempfile

os.environ.setdefault("QINGLIAN_HOME", tempfile.mkdtemp(prefix="qinglian-test-"))

from core.settings.base import *  # noqa: F403
from core.settings.plugins import add_plugins

INSTALLED_APPS = add_plugins(INSTALLED_APPS, PLUGIN_FOLDERS, HOME)  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": str(HOME / "test.sqlite3")}  # noqa: F405
