"""Previews: what the editor has on the screen, shown by the real site through a signed link that ends after an hour."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.safestring import mark_safe
from wagtail.models import Page

from core.cms.domain.out import Reader, text_out
from core.cms.domain.readers import is_writer
from core.cms.domain.review import rights
from core.cms.domain.sites import root_of, site_href
from core.cms.models import PreviewText
from core.kernel import clock, qr
from core.kernel.context import Actor, acting
from core.kernel.errors import NotFound, Problem
from core.policy.principal import Principal

HOUR = timedelta(hours=1)
SALT = "core.cms.preview"


@dataclass(frozen=True)
class Shown:
    """A preview that may be shown."""

    row: PreviewText
    page: Any


def to_preview(page: Any, request: HttpRequest, mode: str) -> HttpResponse:
    """Keep the text on the screen and lead to the site; mode `code` shows the link for a phone instead.

    Raises PermissionDenied for an account without a right to texts of this hospital.
    """
    above = Page.objects.filter(path=page.path[: -Page.steplen]).first()
    home = root_of(page)
    user = request.user
    if home is None or not is_writer(rights(user, home)):  # type: ignore[arg-type]
        raise PermissionDenied("您不能预览这家医院的稿件。")
    token = keep(page, user, home.hospital, parent_id=above.pk if above else None, open_=mode == "code")
    href = f"/h/{home.hospital.slug}/preview/{token}"
    if mode != "code":
        return HttpResponseRedirect(href)
    address = request.build_absolute_uri(href)
    return render(
        request, "cms/admin/on_phone.html", {"address": address, "code": mark_safe(qr.svg(address))}
    )


def keep(page: Any, user: Any, hospital: Any, *, parent_id: int | None, open_: bool = False) -> str:
    """Keep a text for an hour and give the signed token that opens it. `open_`: without a session."""
    at = clock.now()
    with acting(Actor.user(user)):
        PreviewText.unscoped.filter(expires_at__lt=at).delete()
        row, _ = PreviewText.unscoped.update_or_create(
            hospital=hospital,
            page_type=ContentType.objects.get_for_model(type(page)),
            page_id=page.pk,
            parent_id=parent_id,
            maker=user,
            open=open_,
            defaults={"content": json.loads(page.to_json()), "expires_at": at + HOUR},
        )
    return signing.dumps([row.uid.hex, int(at.timestamp())], salt=SALT)


def opened(token: str, principal: Principal) -> Shown:
    """The preview behind a token, for a writer of the hospital or by a link made for a phone. Raises NotFound."""
    try:
        uid, _ = signing.loads(token, salt=SALT, max_age=HOUR)
        found = PreviewText.unscoped.filter(
            uid=UUID(uid), hospital_id=principal.hospital_id, expires_at__gt=clock.now()
        ).first()
    except (signing.BadSignature, ValueError, TypeError):
        found = None
    if found is None or not (found.open or is_writer(principal)):
        raise NotFound()
    model = found.page_type.model_class()
    if model is None:
        raise NotFound()
    if found.page_id is not None:
        page = model.objects.filter(pk=found.page_id).first()
        if page is None:
            raise NotFound()
        return Shown(found, page.with_content_json(found.content))
    return Shown(found, model.from_serializable_data(found.content, check_fks=False))


def preview_out(token: str, principal: Principal, hospital: Any) -> dict[str, Any]:
    """The preview as a page. Raises NotFound."""
    shown = opened(token, principal)
    page = shown.page
    reader = Reader(principal, hospital, token)
    found = {
        "uid": str(page.uid),
        "type": page.page_kind,
        "title": page.title,
        "summary": page.summary,
        "audience": page.audience,
        "path": "",
        "href": f"/h/{hospital.slug}/preview/{token}",
        "published_at": page.first_published_at.isoformat() if page.first_published_at else None,
        "updated_at": clock.now().isoformat(),
        "breadcrumbs": [{"label": hospital.name, "href": site_href(hospital.slug, "")}],
        "preview": True,
    }
    return found | text_out(reader, page, found["href"])


def may_fetch(token: str, principal: Principal, media_field: str, pk: int) -> bool:
    """Whether a preview's link opens this picture (`image`) or file (`document`)."""
    from core.cms.domain.project import media_of

    try:
        images, documents = media_of(opened(token, principal).page)
    except Problem:
        return False
    return pk in (images if media_field == "image" else documents)
