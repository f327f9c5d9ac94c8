"""The one predicate of plugin activation: URL, API, menu, task and dispatch all ask it."""

from typing import Any

from django.db.models import BigIntegerField, QuerySet

from core.kernel.prepared import Prepared, Slot
from core.policy.models import PluginActivation

#: The core itself is always on.
CORE = "core"


def is_enabled(plugin: str, hospital_id: int) -> bool:
    """Whether `plugin` is enabled in the hospital. One indexed read, so a switch works at once everywhere."""
    if plugin == CORE:
        return True
    return plugin in enabled_plugins(hospital_id)


def enabled_plugins(hospital_id: int) -> set[str]:
    """All plugins enabled in the hospital, and the core."""
    return {CORE, *(plugin for (plugin,) in _ENABLED.rows(hospital=hospital_id))}


def _enabled() -> QuerySet[Any, Any]:
    rows = PluginActivation.unscoped.filter(hospital_id=Slot("hospital", BigIntegerField()), enabled=True)
    return rows.values_list("plugin", flat=False)


_ENABLED = Prepared(_enabled)
