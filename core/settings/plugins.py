"""Which plugin packages join INSTALLED_APPS: read from `plugins.lock` where there is one, else from the manifests.

Nothing is imported here: a manifest is TOML, the lock is JSON written by `manage.py plugins doctor`.
"""

import json
from pathlib import Path

from core.plugin_host.manifest import BadManifest, read_manifest


def add_plugins(apps: list[str], folders: list[Path], home: Path) -> list[str]:
    """`apps` with each sound plugin's package added before Wagtail's apps. Quarantined ones are left out."""
    lock = home / "plugins.lock"
    locked: dict[str, dict[str, str]] = json.loads(lock.read_text()) if lock.exists() else {}
    found = []
    for folder in folders:
        for manifest in sorted(folder.glob("*/plugin.toml")):
            try:
                plugin = read_manifest(manifest)
            except (BadManifest, OSError):
                continue  # `plugins list` names it and what is wrong
            if locked.get(plugin.id, {}).get("verdict", "ok") == "ok":
                found.append(plugin.package)
    place = apps.index("wagtail.users")
    return [*apps[:place], *found, *apps[place:]]
