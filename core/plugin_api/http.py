"""HTTP for plugins: a router, mounted under /api/v1/h/<hospital>/p/<plugin> behind sign-in and activation."""

from ninja import Path, Router

from core.plugin_host.routes import register_router

__all__ = ["Path", "Router", "register_router"]
