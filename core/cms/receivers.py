"""Wagtail's signals, by which the published rows stay equal to what is out."""

from typing import Any

from wagtail.models import Page
from wagtail.signals import page_published, page_unpublished, post_page_move

from core.cms.domain.project import refresh, withdraw


def connect() -> None:
    """Listen. Called once, at start. A live page that is removed is taken down first, by Wagtail."""
    page_published.connect(_published, dispatch_uid="cms.published")
    page_unpublished.connect(_unpublished, dispatch_uid="cms.unpublished")
    post_page_move.connect(_moved, dispatch_uid="cms.moved")


def _published(sender: Any, instance: Page, **kwargs: Any) -> None:
    refresh(instance)


def _unpublished(sender: Any, instance: Page, **kwargs: Any) -> None:
    withdraw(instance)


def _moved(sender: Any, instance: Page, **kwargs: Any) -> None:
    refresh(Page.objects.get(pk=instance.pk))
