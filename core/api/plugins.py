"""Plugins of a hospital: list, enable, disable."""

from typing import Any

from django.http import HttpRequest
from ninja import Path, Router

from core.kernel.errors import NotFound
from core.plugin_host.lock import Standing
from core.plugin_host.service import PluginState, disable, enable, plugin_states, quarantined
from core.policy.decide import may

router = Router(tags=["plugins"])


@router.get("/plugins", response=list[dict[str, Any]])
def plugins(request: HttpRequest, hospital: Path[str]) -> list[dict[str, Any]]:
    """Every installed plugin with its switch in this hospital; quarantined ones last, with reason and cure."""
    _allowed(request, "view")
    shown = [_out(state) for state in plugin_states(request.hospital)]  # type: ignore[attr-defined]
    return shown + [_out_of_use(one) for one in quarantined()]


@router.post("/plugins/{plugin}/enable", response=dict[str, Any])
def enable_plugin(request: HttpRequest, hospital: Path[str], plugin: str) -> dict[str, Any]:
    """Switch a plugin on."""
    _allowed(request, "switch")
    return _out(enable(plugin, request.hospital, by=request.principal.actor))  # type: ignore[attr-defined]


@router.post("/plugins/{plugin}/disable", response=dict[str, Any])
def disable_plugin(request: HttpRequest, hospital: Path[str], plugin: str) -> dict[str, Any]:
    """Switch a plugin off; its rows are kept."""
    _allowed(request, "switch")
    return _out(disable(plugin, request.hospital, by=request.principal.actor))  # type: ignore[attr-defined]


def _allowed(request: HttpRequest, action: str) -> None:
    if not may(request.principal, action, "core.plugin"):  # type: ignore[attr-defined]
        raise NotFound()


def _out(state: PluginState) -> dict[str, Any]:
    found = state.manifest
    return {
        "id": found.id,
        "name": found.name,
        "description": found.description,
        "version": found.version,
        "enabled": state.enabled,
        "state": "enabled" if state.enabled else "disabled",
        "needs": list(found.needs),
        "data_class": found.data_class,
        "removal": found.removal,
    }


def _out_of_use(one: Standing) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "description": f"已隔离，没有载入。原因：{one.reason}。{one.cure}",
        "version": one.version,
        "enabled": False,
        "state": "quarantined",
        "needs": [],
        "data_class": None,
        "removal": "",
        "reason": one.reason,
        "cure": one.cure,
    }
