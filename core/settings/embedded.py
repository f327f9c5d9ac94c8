"""The default: SQLite, DuckDB on Parquet, huey on SQLite. No server, no Node, no Java."""

from core.settings.base import *  # noqa: F403
from core.settings.plugins import add_plugins

INSTALLED_APPS = add_plugins(INSTALLED_APPS, PLUGIN_FOLDERS, HOME)  # noqa: F405
