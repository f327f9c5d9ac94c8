"""Which plugin packages join INSTALLED_APPS: read from `plugins.lock` where there is one, else from the manifests.

Nothing is imported here: a manifest is TOML, the lock is JSON written by `manage.py plugins doctor`.
"""

import json
import tomllib
from pathlib import Path


def add_plugins(apps: list[str], folders: list[Path], home: Path) -> list[str]:
    """`apps` with each sound plugin's package added before Wagtail's apps. Quarantined ones are left out."""
    lock = home / "plugins.lock"
    locked: dict[str, dict[str, str]] = json.loads(lock.read_text()) if lock.exists() else {}
    found = []
    for folder in folders:
        for manifest in sorted(folder.glob("*/plugin.toml")):
            try:
                plugin = tomllib.loads(manifest.read_text(encoding="utf-8"))
                code, package = plugin["id"], plugin["package"]
            except (tomllib.TOMLDecodeError, KeyError, OSError):
                continue
            if locked.get(code, {}).get("verdict", "ok") == "ok":
                found.append(package)
    place = apps.index("wagtail.users")
    return [*apps[:place], *found, *apps[place:]]
