"""Parts of Wagtail that have no hook: replaced in one place, each with its reason. tests/integration/admin shows each."""

import json
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Model
from django.utils.html import format_html
from taggit.models import Tag
from wagtail.admin import filters
from wagtail.admin.forms import choosers
from wagtail.admin.views.pages import listing
from wagtail.admin.widgets.chooser import BaseChooser
from wagtail.images.views import chooser as image_chooser
from wagtail.models import Page, PageLogEntry

from core.org.models import User

#: Fields of the link dialogs, which Wagtail leaves without a label that could be translated.
LABELS = {
    "link_text": "链接文字",
    "email_address": "邮箱",
    "subject": "主题",
    "body": "正文",
    "phone_number": "电话号码",
    "url": "网址",
}


def install() -> None:
    """Put ours in the place of Wagtail's. Doing it again changes nothing."""
    BaseChooser.render = _chooser  # type: ignore[method-assign]  # theirs writes a script into the page
    filters.popular_tags_for_model = popular_tags  # type: ignore[attr-defined]  # theirs counts every hospital's
    image_chooser.popular_tags_for_model = popular_tags  # type: ignore[attr-defined]
    for filterset in (listing.PageFilterSet, listing.GenericPageFilterSet):
        for kept in (filterset.base_filters, filterset.declared_filters):
            kept.pop("site", None)  # theirs names every hospital
            if "edited_by" in kept:
                kept["edited_by"].queryset = editors  # theirs names the writers of every hospital
    for form in (
        choosers.ExternalLinkChooserForm,
        choosers.AnchorLinkChooserForm,
        choosers.EmailLinkChooserForm,
        choosers.PhoneLinkChooserForm,
    ):
        for name, field in form.base_fields.items():
            field.label = LABELS.get(name, field.label)


def popular_tags(model: type[Model], count: int = 10) -> Any:
    """Tags used most on the pictures or files that the person reaches."""
    kind = ContentType.objects.get_for_model(model)
    return (
        Tag.objects.filter(
            taggit_taggeditem_items__content_type=kind,
            taggit_taggeditem_items__object_id__in=model._default_manager.values("pk"),
        )
        .annotate(item_count=Count("taggit_taggeditem_items"))
        .order_by("-item_count", "name")[:count]
    )


def editors(request: Any) -> Any:
    """Accounts that changed pages which the person reaches."""
    entries = PageLogEntry.objects.filter(action="wagtail.edit", page__in=Page.objects.all())
    return User.objects.filter(pk__in=entries.order_by().values("user_id"))


def _chooser(
    self: Any, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
) -> str:
    """As Wagtail's own, with a `<template>` that `qinglian/admin.js` reads. Raises TypeError without an id."""
    id_ = (attrs or {}).get("id")
    if not id_:
        raise TypeError("BaseChooser cannot be rendered without an 'id' attribute")
    data = self.get_value_data(value)
    return format_html(
        '{}<template data-ql-chooser="{}" data-ql-for="{}" data-ql-options="{}"></template>',
        self.render_html(name, data, attrs),
        self.js_constructor,
        id_,
        json.dumps(self.get_js_init_options(id_, name, data)),
    )
