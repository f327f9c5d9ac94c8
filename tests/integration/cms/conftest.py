"""Two hospitals with a page tree each; helpers that write, review and read as people do."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.cms.domain import ensure_site
from core.cms.models import ArticlePage, ColumnPage
from core.kernel.context import Actor, acting, actor_scope
from core.testing.world import World

BY = Actor.system("test")
BACKEND = "core.accounts.backends.SignIn"


@pytest.fixture(scope="module")
def world(module_scope: None) -> World:
    """Two hospitals with every role, written once for the module."""
    return World.small()


@pytest.fixture
def root(world: World) -> Any:
    """The root page of the first hospital."""
    return ensure_site(world.hospital(), BY)


@pytest.fixture
def column(root: Any) -> ColumnPage:
    """A public column for articles."""
    return add(root, ColumnPage(title="廉洁文化", slug="culture", kind="articles", audience="public"))


@pytest.fixture
def signed_in(world: World) -> Callable[..., Client]:
    """A browser of the holder of a role."""

    def make(role: str, slug: str = "binjiang") -> Client:
        browser = Client()
        with actor_scope(BY):
            browser.force_login(world.user(role, slug), backend=BACKEND)
        return browser

    return make


def add(parent: Any, page: Any, *, publish: bool = True, **values: Any) -> Any:
    """Put a page below `parent`: out, as the platform itself does, or as a draft."""
    for name, value in values.items():
        setattr(page, name, value)
    with acting(BY):
        page.live = False
        parent.refresh_from_db()
        parent.add_child(instance=page)
        revision = page.save_revision()
        if publish:
            revision.publish()
    page.refresh_from_db()
    return page


def article(title: str, text: str = "<p>正文</p>", **values: Any) -> ArticlePage:
    """An article, not yet in the tree."""
    return ArticlePage(
        **{"title": title, "slug": title, "audience": "public", "body": [("text", text)], **values}
    )


def get(browser: Client, path: str, /, slug: str = "binjiang", **values: Any) -> Any:
    """The JSON of an answer below the hospital's address, with its status."""
    return browser.get(f"/api/v1/h/{slug}{path}", values or None)
