"""Which plugins there are: folders of this checkout and installed packages. Nothing of a plugin is imported.

An installed package says in its metadata: entry-point group `qinglian.plugins`, name = the plugin's id, value = its
package, which holds `plugin.toml`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from core.plugin_host.manifest import BadManifest, Manifest, read_manifest

GROUP = "qinglian.plugins"


@dataclass(frozen=True)
class Survey:
    """Sound manifests by id, and place → reason for what cannot be used."""

    sound: dict[str, Manifest]
    broken: dict[str, str]


def survey(folders: Iterable[Path]) -> Survey:
    """Read every manifest of the folders and of the installed packages."""
    found: dict[str, Manifest] = {}
    broken: dict[str, str] = {}
    for place, path, promised in _places(folders):
        try:
            if path is None:
                raise BadManifest(f"{place}: 没有找到它的 plugin.toml")
            manifest = read_manifest(path)
            if promised and promised != (manifest.id, manifest.package):
                raise BadManifest(f"{place}: id、package 与 plugin.toml 写的不同")
            if manifest.id in found:
                raise BadManifest(f"{place}: 编号 {manifest.id} 已由 {found[manifest.id].folder} 使用")
        except (BadManifest, OSError) as error:
            broken[place] = str(error)
            continue
        found[manifest.id] = manifest
    return Survey(found, broken)


def _places(folders: Iterable[Path]) -> Iterator[tuple[str, Path | None, tuple[str, str] | None]]:
    for folder in folders:
        for path in sorted(folder.glob("*/plugin.toml")):
            yield str(path), path, None
    for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        yield f"{GROUP}:{point.name} = {point.value}", _manifest_of(point), (point.name, point.value)


def _manifest_of(point: EntryPoint) -> Path | None:
    """The package's `plugin.toml`: by the list of the package's files, else (installed for editing) by its folder."""
    steps = point.value.split(".")
    inside = "/".join([*steps, "plugin.toml"])
    for file in (point.dist.files if point.dist else None) or []:
        if file.as_posix() == inside:
            return Path(str(file.locate()))
    try:
        top = find_spec(steps[0])  # of a package without a dot: looks for the file, imports nothing
    except (ImportError, ValueError):
        return None
    for folder in (top.submodule_search_locations if top else None) or []:
        path = Path(folder, *steps[1:], "plugin.toml")
        if path.is_file():
            return path
    return None
