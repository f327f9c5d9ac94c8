"""Connects low rooms to callables of higher ones when Django is ready, and refuses to start on an unsound policy."""

import sys
from typing import Any

from core.api import view_as
from core.api.auth import SUBSTITUTES
from core.api.session import EXTRAS
from core.api.shell import HEALTH
from core.audit import sealer, state
from core.audit.guard import check_triggers
from core.jobs.registry import JobKind, add_gate, every, job
from core.kernel.errors import Refused
from core.notify.kinds import check_sources
from core.plugin_host.manifest import manifests
from core.plugin_host.start import check_policy
from core.policy import separation
from core.policy.activation import is_enabled
from core.policy.types import TypePolicy, register_type
from core.resources import idempotency

#: How often the worker seals new records, seconds.
SEAL_EVERY = 10


def connect() -> None:
    """Register what lower rooms call upwards. Raises BadTable, BadKind."""
    import core.api.jobs  # noqa: F401 - registers the type of jobs

    register_type(TypePolicy("files.file", "文件", 3, {"person": "owner_uid"}, person_by="user"))
    add_gate(_plugin_closed)
    job("audit.seal", label="封存审计记录")(_seal)
    every(SEAL_EVERY, "audit.seal")
    job("resources.sweep", label="清理过期的幂等记录")(_sweep)
    every(24 * 3600, "resources.sweep")
    job("audit.verify", label="核对审计记录", patience=4 * 3600)(_verify)
    every(24 * 3600, "audit.verify")
    HEALTH["audit"] = _triggers
    HEALTH["separation"] = _separation
    SUBSTITUTES.append(view_as.substitute)
    EXTRAS["view_as"] = view_as.told
    HEALTH["head_copy"] = state.health
    if "migrate" not in sys.argv:
        check_policy()
        check_sources()


def _plugin_closed(kind: JobKind, hospital: Any) -> str | None:
    if kind.plugin is None or (hospital is not None and is_enabled(kind.plugin, hospital.id)):
        return None
    name = manifests()[kind.plugin].name if kind.plugin in manifests() else kind.plugin
    return f"“{name}”在这家医院已停用，任务暂停；重新启用后可以继续。"


def _seal(ctx: Any) -> dict[str, Any]:
    """Number new records and chain them into the log."""
    return {"sealed": sealer.seal_pending()}


def _verify(ctx: Any) -> dict[str, Any]:
    """Seal what waits, walk the whole log, note how it ended. Raises Problem with the first fault: the job then fails."""
    state.seal_all()
    report = state.verify_and_note()
    if report.first:
        raise Refused(f"审计记录核对发现 {report.found} 处不符，最先的一处：{report.first.text}")
    return {"ok": True, "size": report.size}


def _sweep(ctx: Any) -> dict[str, Any]:
    """Drop answers kept for repeated requests longer than a week ago."""
    idempotency.sweep()
    return {}


def _separation() -> str:
    return "；".join(separation.missing())


def _triggers() -> str:
    return "；".join(check_triggers()[:3])
