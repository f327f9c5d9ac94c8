"""The one predicate of plugin activation: URL, API, menu, task and dispatch all ask it."""

from core.policy.models import PluginActivation

#: The core itself is always on.
CORE = "core"


def is_enabled(plugin: str, hospital_id: int) -> bool:
    """Whether `plugin` is enabled in the hospital. One indexed read, so a switch works at once everywhere."""
    if plugin == CORE:
        return True
    return PluginActivation.unscoped.filter(hospital_id=hospital_id, plugin=plugin, enabled=True).exists()


def enabled_plugins(hospital_id: int) -> set[str]:
    """All plugins enabled in the hospital, and the core."""
    rows = PluginActivation.unscoped.filter(hospital_id=hospital_id, enabled=True)
    return {CORE, *rows.values_list("plugin", flat=True)}
