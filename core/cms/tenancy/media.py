"""Pictures and files as the admin shows them: to people of the hospital's folder only, never under a media address."""

from typing import Any

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from core.cms.models import CmsDocument, CmsImage, CmsRendition

#: What a browser may show by itself; everything else is downloaded.
PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


@require_safe
def rendition(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A picture in one size. 404 outside the person's hospitals."""
    found = get_object_or_404(CmsRendition, pk=pk, image__in=CmsImage.objects.all())
    return _answer(found.file, inline=True)


@require_safe
def original(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A picture as it was uploaded."""
    return _answer(get_object_or_404(CmsImage, pk=pk).file, inline=True)


@require_safe
def document(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A file, always as a download."""
    return _answer(get_object_or_404(CmsDocument, pk=pk).file, inline=False)


def _answer(file: FieldFile, *, inline: bool) -> HttpResponseBase:
    name = file.name or ""
    kind = PICTURES.get("." + name.rsplit(".", 1)[-1].lower(), "")
    try:
        opened: Any = file.open("rb")
    except OSError:
        raise Http404 from None
    answer = FileResponse(
        opened,
        as_attachment=not (inline and kind),
        filename=name.rsplit("/", 1)[-1],
        content_type=kind if inline and kind else "application/octet-stream",
    )
    answer.headers["Cache-Control"] = "private, max-age=300" if inline else "private, no-store"
    return answer
