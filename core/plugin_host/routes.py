"""Routers of plugins, by plugin id. The API mounts them behind the gate."""

from ninja import Router

routers: dict[str, Router] = {}


def register_router(plugin: str, router: Router) -> None:
    """Offer a router under /p/<plugin>."""
    routers[plugin] = router
