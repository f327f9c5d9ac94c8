"""What the running system offers, listed from itself: URL patterns, operations, admin views, jobs, commands, exports, verbs."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.urls import URLPattern, URLResolver, get_resolver
from ninja.operation import PathView

from core.jobs.registry import kinds
from core.resources import registry

#: Rooms that tests add (they are no part of the product).
STRANGERS = ("tests.",)


@dataclass(frozen=True)
class Route:
    """One URL pattern: its text from the root, its name with namespaces, the methods of an operation."""

    pattern: str
    name: str
    methods: tuple[str, ...]
    view: Any


def routes(resolver: URLResolver | None = None, prefix: str = "", space: str = "") -> Iterator[Route]:
    """Every URL pattern under the root resolver, in the order in which they are tried."""
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, pattern, ":".join(filter(None, (space, entry.namespace))))
        elif isinstance(entry, URLPattern):
            name = ":".join(filter(None, (space, entry.name)))
            yield Route(pattern, name, _methods(entry.callback), entry.callback)


def operations() -> list[str]:
    """`METHOD /pattern` of every API operation; one on `{key}` once for each resource that it serves."""
    found = []
    for route in routes():
        for method in route.methods:
            found += [f"{method} /{one}" for one in _for_each_resource(route.pattern)]
    return sorted(found)


def plain_routes() -> list[str]:
    """Patterns that are neither API operations nor below Wagtail's admin."""
    return sorted(
        {f"/{route.pattern}" for route in routes() if not route.methods and not _below_admin(route)}
    )


def admin_views() -> list[str]:
    """Patterns below /admin/; a later pattern of the same text is shadowed by the gate before it."""
    return sorted({f"/{route.pattern}" for route in routes() if _below_admin(route)})


def job_kinds() -> list[str]:
    """Kinds of background work, with the plugin whose gate they stand behind."""
    return sorted(
        f"{kind.kind} [{kind.plugin or 'core'}]"
        for kind in kinds()
        if not kind.run.__module__.startswith(STRANGERS)
    )


def command_verbs() -> list[str]:
    """`command verb` of every management command of ours; a command without verbs stands alone."""
    found = []
    for name, app in get_commands().items():
        if not str(app).startswith(("core.", "plugins.")) and app != "search":
            continue
        parser = load_command_class(app, name).create_parser("manage.py", name)
        verbs = next((sorted(a.choices) for a in parser._actions if _is_verb(a)), [""])
        found += [f"{name} {verb}".strip() for verb in verbs]
    return sorted(found)


def resource_actions() -> list[str]:
    """`resource verb` of every declared action."""
    return sorted(f"{key} {a.verb}" for key, found in _resources() for a in found.spec.actions)


def exports() -> list[str]:
    """Resources whose list can be exported."""
    return sorted(key for key, found in _resources() if found.spec.export)


def resource_keys() -> list[str]:
    """Every declared resource of core and installed plugins."""
    return [key for key, _ in _resources()]


def command_files() -> set[str]:
    """Names of command modules lying in our folders, so that one outside an installed app is seen too."""
    root = Path(settings.SITE_DIST).parents[1]
    return {
        path.stem
        for place in ("core/*", "plugins/*", "search")
        for path in root.glob(f"{place}/management/commands/*.py")
        if path.stem != "__init__"
    }


def _resources() -> list[tuple[str, Any]]:
    installed = set(settings.INSTALLED_APPS)
    return [
        (key, found)
        for key, found in registry.everything().items()
        if found.spec.plugin == "core" or f"plugins.{found.spec.plugin}" in installed
    ]


def _for_each_resource(pattern: str) -> list[str]:
    if "<key>" not in pattern:
        return [pattern]
    if "<verb>" in pattern:
        return [pattern.replace("<key>", key).replace("<verb>", verb) for key, verb in _verbs()]
    return [pattern.replace("<key>", key) for key in resource_keys()]


def _verbs() -> list[tuple[str, str]]:
    return [(key, a.verb) for key, found in _resources() for a in found.spec.actions]


def _methods(view: Any) -> tuple[str, ...]:
    """The methods of a django-ninja path, which hides its PathView in the bound callback."""
    for cell in getattr(view, "__closure__", None) or ():
        if isinstance(cell.cell_contents, PathView):
            view = cell.cell_contents
    if not isinstance(view, PathView):
        view = getattr(view, "__self__", None)
    if not isinstance(view, PathView):
        return ()
    return tuple(sorted({method for operation in view.operations for method in operation.methods}))


def _below_admin(route: Route) -> bool:
    return route.pattern.startswith("admin/") and route.name != "admin_gate"


def _is_verb(action: argparse.Action) -> bool:
    if isinstance(action, argparse._SubParsersAction):
        return True
    return action.dest == "verb" and action.choices is not None
