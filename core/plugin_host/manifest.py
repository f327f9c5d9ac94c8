"""`plugin.toml`: what a plugin says of itself. Read and checked without importing any of its code."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: The version of the contract that this core speaks.
API_VERSION = 1


class BadManifest(ValueError):
    """A manifest that cannot be used; names file and field."""


class Menu(BaseModel):
    """One menu entry; shown to whom policy allows `action` on `type`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    key: str
    label: str
    href: str
    icon: str = ""
    group: str = ""
    type: str
    action: str = "view"


class Manifest(BaseModel):
    """A plugin's manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")
    package: str
    version: str
    name: str
    description: str
    api: str = Field(pattern=r"^>=1,<2$")
    data_class: int = Field(ge=1, le=4)
    removal: str
    requires: list[str] = []
    critical: bool = False
    needs: list[str] = []
    docs: str = ""
    settings: dict[str, Any] = {}
    menu: list[Menu] = []

    folder: Path = Path()


def read_manifest(path: Path) -> Manifest:
    """Parse one file. Raises BadManifest with the place."""
    try:
        return Manifest(**tomllib.loads(path.read_text(encoding="utf-8")), folder=path.parent)
    except tomllib.TOMLDecodeError as error:
        raise BadManifest(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise BadManifest(
            f"{path}: {'.'.join(str(step) for step in first['loc'])}: {first['msg']}"
        ) from error


@lru_cache
def manifests() -> dict[str, Manifest]:
    """Manifests of the plugins that this process has loaded, by id."""
    from core.plugin_host.discover import survey

    sound = survey(settings.PLUGIN_FOLDERS).sound
    return {code: one for code, one in sound.items() if one.package in settings.INSTALLED_APPS}


def broken_manifests() -> dict[str, str]:
    """Place → reason for each manifest that cannot be used."""
    from core.plugin_host.discover import survey

    return survey(settings.PLUGIN_FOLDERS).broken
