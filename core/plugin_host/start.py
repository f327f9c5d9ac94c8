"""Start-up: declarations and hooks of each sound plugin are registered; unsound policy refuses to start."""

import logging
from importlib import import_module
from importlib.util import find_spec

from core.flow.declare import load_flow
from core.plugin_host import dispatch
from core.plugin_host.manifest import Manifest, manifests
from core.plugin_host.service import quarantined
from core.policy.decide import check_table
from core.policy.table import BadTable, load_table, table
from core.policy.types import TypePolicy, register_type, type_policy

log = logging.getLogger(__name__)
register_type(TypePolicy("core.plugin", "插件", 2))


def load_all() -> None:
    """Register what every plugin declares. Each plugin's `plugin` module registers its resources, jobs and types."""
    for manifest in manifests().values():
        _load(manifest)
    for one in quarantined():
        log.warning("插件“%s”（%s）已隔离，没有载入：%s。%s", one.name, one.id, one.reason, one.cure)


def check_policy() -> None:
    """Refuse to start when the table speaks of what a form cannot express. Raises BadTable."""
    said = check_table(table(), type_policy)
    if said:
        raise BadTable("；".join(said))


def _load(manifest: Manifest) -> None:
    declared = manifest.folder / "declarations"
    if (declared / "policy.csv").exists():
        load_table(declared / "policy.csv", manifest.id)
    for path in sorted((declared / "flows").glob("*.yaml")):
        load_flow(path)
    for name in ("plugin", "hooks"):
        if find_spec(f"{manifest.package}.{name}") is None:
            continue
        module = import_module(f"{manifest.package}.{name}")
        if name == "hooks":
            dispatch.register(manifest.id, module)
