"""Forms of the page editor that need more than their fields."""

from itertools import count
from typing import Any

from django import forms
from django.utils.text import slugify
from wagtail.admin.forms import WagtailAdminPageForm
from wagtail.models import Page

from core.cms.offered import OFFERED, described

#: Longest address made from a title.
SLUG = 60


class PageForm(WagtailAdminPageForm):
    """Fills in an address nobody typed: a draft can be kept from its first word on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False

    def clean_slug(self) -> str:
        """What was typed, else the title in pinyin with a number where that address is taken."""
        given = self.cleaned_data.get("slug") or ""
        title = self.cleaned_data.get("title") or ""
        if given or not title:
            return given
        from pypinyin import lazy_pinyin  # its dictionaries take most of a second to load

        base = slugify("-".join(lazy_pinyin(title)))[:SLUG] or "page"
        free = Page._slug_is_available
        return next(
            slug
            for slug in (base, *(f"{base}-{number}" for number in count(2)))
            if free(slug, self.parent_page, self.instance)
        )


class RankingForm(PageForm):
    """Offers the hospital's frozen rankings by name, and says when one is for the hospital alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "snapshot" in self.fields:
            self.fields["snapshot"].widget = forms.Select(choices=[("", "请选择"), *self._choices()])

    def clean(self) -> dict[str, Any]:
        """Refuses a ranking of another hospital, and one for the hospital alone on a page for everybody."""
        from core.cms.models.pages import PUBLIC

        cleaned = super().clean()
        wanted = cleaned.get("snapshot")
        if wanted:
            found = self._snapshots().filter(uid=wanted).first()
            if found is None:
                self.add_error("snapshot", "请从列表中选择本院的排名。")
            elif found.audience != PUBLIC and cleaned.get("audience") == PUBLIC:
                self.add_error("audience", "这份排名只在院内公示，读者不能选“所有人”。")
        return cleaned

    def _choices(self) -> list[tuple[str, str]]:
        return [(str(one.uid), described(one)) for one in self._snapshots().order_by("-frozen_at")[:OFFERED]]

    def _snapshots(self) -> Any:
        from core.cms.domain import hospital_of
        from core.publications.models import Snapshot

        parent = self.parent_page or self.instance.get_parent()
        return Snapshot.unscoped.filter(hospital=hospital_of(parent) if parent else None)
