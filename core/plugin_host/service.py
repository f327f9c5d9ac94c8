"""The one service that enables and disables a plugin in a hospital: page, API and command line call it."""

from dataclasses import dataclass

from django.conf import settings

from core.audit.events import record
from core.jobs.domain import emit
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import NotFound, Refused
from core.org.models import Hospital
from core.plugin_host import lock
from core.plugin_host.lock import Standing
from core.plugin_host.manifest import Manifest, manifests
from core.policy.activation import CORE, enabled_plugins
from core.policy.models import PluginActivation
from core.settings.values import values


@dataclass(frozen=True)
class PluginState:
    """A plugin as one hospital sees it."""

    manifest: Manifest
    enabled: bool


def plugin_states(hospital: Hospital) -> list[PluginState]:
    """Every installed plugin with its switch in the hospital."""
    on = enabled_plugins(hospital.id)
    return [PluginState(manifest, code in on) for code, manifest in manifests().items()]


def quarantined() -> list[Standing]:
    """Plugins that are installed and not loaded, each with the reason and what to do, as of now."""
    folders, home = settings.PLUGIN_FOLDERS, settings.HOME
    known = lock.standings(folders, home, checksums=values().plugin_checksums)
    out = [one for one in known.values() if not one.usable]
    if lock.read(home) is not None:
        out += lock.unexamined(folders, known)
    return sorted((one for one in out if one.id not in manifests()), key=lambda one: one.id)


def enable(plugin: str, hospital: Hospital, *, by: Actor) -> PluginState:
    """Switch on. Raises NotFound for an unknown plugin, Refused while a required one is off."""
    manifest = _manifest(plugin)
    missing = [need for need in manifest.requires if need not in enabled_plugins(hospital.id)]
    if missing:
        names = "、".join(manifests()[need].name if need in manifests() else need for need in missing)
        raise Refused(f"“{manifest.name}”需要先启用：{names}。")
    return _switch(manifest, hospital, True, by)


def disable(plugin: str, hospital: Hospital, *, by: Actor) -> PluginState:
    """Switch off: rows are kept, hidden and read-only. Raises Refused while another enabled plugin requires it."""
    manifest = _manifest(plugin)
    on = enabled_plugins(hospital.id) - {CORE}
    users = [other.name for code, other in manifests().items() if code in on and plugin in other.requires]
    if users:
        raise Refused(f"“{'、'.join(users)}”正在使用“{manifest.name}”，请先停用它们。")
    return _switch(manifest, hospital, False, by)


def _manifest(plugin: str) -> Manifest:
    try:
        return manifests()[plugin]
    except KeyError:
        for one in quarantined():
            if one.id == plugin:
                raise Refused(f"“{one.name}”已被隔离，不能启用：{one.reason}。{one.cure}") from None
        raise NotFound("没有这个插件。") from None


def _switch(manifest: Manifest, hospital: Hospital, to: bool, by: Actor) -> PluginState:
    with acting(by):
        row, made = PluginActivation.unscoped.get_or_create(
            hospital=hospital,
            plugin=manifest.id,
            defaults={"enabled": to, "changed_at": clock.now(), "changed_by": str(by)},
        )
        changed = made or row.enabled != to
        if not made and changed:
            row.enabled, row.changed_at, row.changed_by = to, clock.now(), str(by)
            row.version += 1
            row.save()
        if changed:
            kind = "plugin.enabled" if to else "plugin.disabled"
            record(
                kind,
                "core.plugin",
                row.uid,
                {"plugin": manifest.id, "version": manifest.version},
                hospital=hospital,
            )
            emit(kind, {"plugin": manifest.id}, hospital=hospital, key=f"{kind}:{row.uid}:{row.version}")
    return PluginState(manifest, to)
