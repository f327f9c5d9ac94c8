"""Which plugin packages join INSTALLED_APPS: read from `plugins.lock` where there is one, else from the manifests.

Nothing is imported here: a manifest is TOML, the lock is JSON written by `manage.py plugins doctor`.
"""

from pathlib import Path

from core.plugin_host.discover import survey
from core.plugin_host.lock import standings
from core.settings.values import values

#: Set by the doctor's children alone: start with exactly these plugins, whatever the lock says.
only: frozenset[str] | None = None


def add_plugins(apps: list[str], folders: list[Path], home: Path) -> list[str]:
    """`apps` with each sound plugin's package added before Wagtail's apps. Quarantined ones are left out."""
    if only is not None:
        found = [one.package for code, one in survey(folders).sound.items() if code in only]
    else:
        known = standings(folders, home, checksums=values().plugin_checksums)
        found = [one.package for one in known.values() if one.usable]
    place = apps.index("wagtail.users")
    return [*apps[:place], *found, *apps[place:]]
