"""Calling plugins' hooks: per hospital, in fixed order, each in its own try.

A direct pluggy call loses every answer if one plugin raises; here a plugin that raises (SystemExit too) costs
only its own answer, which the caller is told of.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

import pluggy

from core.policy.activation import is_enabled

log = logging.getLogger(__name__)
spec = pluggy.HookspecMarker("qinglian")
impl = pluggy.HookimplMarker("qinglian")


class Specs:
    """The hooks a plugin may answer."""

    @spec
    def home_todos(self, principal: Any, today: Any) -> list[dict[str, Any]] | dict[str, Any]:  # type: ignore[empty-body]
        """Contribution: things waiting for this person, as home items (title, hint, href, due).

        Where there may be more than are worth showing: {"items": the first of them, "total": how many there are,
        "href": the list that holds them all}, or a list of such, one for each kind of thing.
        """

    @spec
    def home_cards(self, principal: Any, today: Any) -> list[dict[str, Any]]:  # type: ignore[empty-body]
        """Contribution: cards of the home page."""

    @spec
    def demo_world(self, world: Any, hospital: Any) -> None:
        """Event: fill a demonstration hospital in which the plugin is enabled."""


manager = pluggy.PluginManager("qinglian")
manager.add_hookspecs(Specs)


@dataclass(frozen=True)
class Answers:
    """What came back, by plugin in fixed order, and which plugins failed."""

    given: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def register(plugin: str, module: Any) -> None:
    """Add a plugin's hook module under its id (again replaces it)."""
    if manager.has_plugin(plugin):
        manager.unregister(name=plugin)
    manager.register(module, name=plugin)


def call(hook: str, hospital_id: int, **values: Any) -> Answers:
    """Ask every plugin enabled in the hospital, ordered by id."""
    given, failed = {}, {}
    for found in sorted(getattr(manager.hook, hook).get_hookimpls(), key=lambda item: item.plugin_name):
        if not is_enabled(found.plugin_name, hospital_id):
            continue
        try:
            given[found.plugin_name] = found.function(**{name: values[name] for name in found.argnames})
        except (Exception, SystemExit) as error:
            log.exception("hook %s of plugin %s failed", hook, found.plugin_name)
            failed[found.plugin_name] = type(error).__name__
    return Answers(given, failed)
