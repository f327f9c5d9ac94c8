"""What one admin request may touch: the pages, pictures, files and folders of the person's hospitals.

Wagtail asks its permission policies in some views and plain managers in others (choosers, bulk actions, fields of
forms, blocks that look a picture up by its number). So the managers themselves are narrowed while a reach is in
context; an object of another hospital then does not exist, whichever way a view looks for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db.models import Manager, Q, QuerySet


@dataclass(frozen=True)
class Reach:
    """Hospitals of one person, with the tree paths of their root pages and folders, and the roles held in any."""

    hospitals: frozenset[int] = frozenset()
    pages: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    slugs: tuple[str, ...] = ()

    def page_rows(self) -> Q:
        """Pages at or below the root pages, and the nameless root of the tree, which is everybody's."""
        return _below("", self.pages) | Q(depth=1)

    def collection_rows(self) -> Q:
        """Folders at or below the hospitals' own, and the root of the tree."""
        return _below("", self.collections) | Q(depth=1)

    def media_rows(self) -> Q:
        """Pictures or files in the hospitals' folders. By the folder's key: search knows no path of a folder."""
        from wagtail.models import Collection

        return Q(collection__in=Collection.objects.filter(_below("", self.collections)))


_reach: ContextVar[Reach | None] = ContextVar("reach", default=None)


def current_reach() -> Reach | None:
    """The reach of the request under way; None: no limit (the system administrator, jobs, the API)."""
    return _reach.get()


@contextmanager
def reaching(reach: Reach | None) -> Iterator[None]:
    """Limit the block to a reach."""
    token = _reach.set(reach)
    try:
        yield
    finally:
        _reach.reset(token)


def install() -> None:
    """Narrow the managers of pages, folders, pictures and files. Doing it again changes nothing."""
    from wagtail.models import Collection
    from wagtail.models.pages import BasePageManager

    from core.cms.models import CmsDocument, CmsImage

    _narrow(BasePageManager, Reach.page_rows)
    _narrow(type(Collection.objects), Reach.collection_rows)
    _narrow(type(CmsImage.objects), Reach.media_rows)
    _narrow(type(CmsDocument.objects), Reach.media_rows)


def _narrow(manager: type[Manager], rows: Callable[[Reach], Q]) -> None:
    if "_reach_rows" in manager.__dict__:
        return
    original = manager.get_queryset

    def get_queryset(self: Any) -> QuerySet:
        found, reach = original(self), current_reach()
        return found if reach is None else found.filter(rows(reach))

    manager.get_queryset = get_queryset  # type: ignore[method-assign]
    manager._reach_rows = rows  # type: ignore[attr-defined]


def _below(prefix: str, paths: tuple[str, ...]) -> Q:
    found = Q(pk__in=[])
    for path in paths:
        found |= Q(**{f"{prefix}path__startswith": path})
    return found
