"""Pages over HTTP, for the site and any other client: lists, pages, trees, menus, pictures, files, previews.

Open to visitors. Every answer is limited to what the asker may see; what may not be seen answers as if it did not
exist. All answers carry an ETag and are checked again at each use, so that a change shows at once.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from ninja import Path, Query, Router

from core.cms.domain import media, out, previews, readers
from core.cms.models import CmsDocument, CmsImage
from core.kernel.errors import NotFound, Problem
from core.policy.principal import VISITOR

router = Router(tags=["pages"])

#: What a picture or file may do in a browser: nothing.
INERT = "default-src 'none'; sandbox"


@router.get("/cms/home", operation_id="cms_home")
def home(request: HttpRequest, hospital: Path[str]) -> HttpResponse:
    """The hospital's home: the lead and the newest pages of each column."""
    return answer(request, out.home_out(request.principal, request.hospital))


@router.get("/cms/menu", operation_id="cms_menu")
def menu(request: HttpRequest, hospital: Path[str]) -> HttpResponse:
    """Columns in the menu."""
    return answer(request, out.menu_out(request.principal, request.hospital))


@router.get("/cms/tree", operation_id="cms_tree")
def tree(request: HttpRequest, hospital: Path[str]) -> HttpResponse:
    """All pages as a tree."""
    return answer(request, out.tree_out(request.principal, request.hospital))


@router.get("/cms/pages", operation_id="cms_pages")
def pages(
    request: HttpRequest,
    hospital: Path[str],
    column: UUID | None = None,
    type: str = "",
    order: str = "",
    after: Query[str] = "",
    limit: int = 20,
) -> HttpResponse:
    """A list of pages, newest first; `column` is the uid of a column."""
    rows, following, total = readers.listed(
        request.principal, column=column, type_=type, order=order, after=after, limit=limit
    )
    cards = [out.card(row, request.hospital.slug) for row in rows]
    count = None if total is None else {"value": total, "capped": False}
    return answer(request, {"pages": cards, "next": following, "count": count})


@router.get("/cms/page", operation_id="cms_page")
def page_by_path(
    request: HttpRequest, hospital: Path[str], path: str = "", version: str = ""
) -> HttpResponse:
    """The page at a path below the hospital; `version` chooses an older version of a ranking."""
    row = readers.by_path(request.principal, path)
    return answer(request, out.page_out(_reader(request), row, version))


@router.get("/cms/pages/{uid}", operation_id="cms_page_by_uid")
def page_by_uid(request: HttpRequest, hospital: Path[str], uid: UUID, version: str = "") -> HttpResponse:
    """The page of that number."""
    return answer(request, out.page_out(_reader(request), readers.by_uid(request.principal, uid), version))


@router.get("/cms/previews/{token}", operation_id="cms_preview")
def preview(request: HttpRequest, hospital: Path[str], token: str) -> HttpResponse:
    """A text that is not out, for writers of the hospital or by a link made for a phone."""
    made = answer(request, previews.preview_out(token, request.principal, request.hospital))
    made.headers["Cache-Control"] = "no-store"
    return made


@router.get("/cms/renditions/{uid}/{spec}", operation_id="cms_rendition")
def rendition(
    request: HttpRequest, hospital: Path[str], uid: UUID, spec: str, token: str = ""
) -> HttpResponseBase:
    """A picture in a size of the closed list."""
    image = _media(request, CmsImage, uid, token)
    made = media.rendition(image, spec)
    name = made.file.name.rsplit("/", 1)[-1]
    return _file(request, made.file, name, attachment=False)


@router.get("/cms/documents/{uid}", operation_id="cms_document")
def document(request: HttpRequest, hospital: Path[str], uid: UUID, token: str = "") -> HttpResponseBase:
    """A file to download."""
    found = _media(request, CmsDocument, uid, token)
    return _file(request, found.file, found.filename, attachment=True)


def answer(request: HttpRequest, data: Any) -> HttpResponse:
    """JSON with an ETag; 304 when the asker has it already."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    made: HttpResponse
    if tag in _tags(request):
        made = HttpResponse(status=304)
        del made.headers["Content-Type"]
    else:
        made = HttpResponse(body, content_type="application/json; charset=utf-8")
    made.headers["ETag"] = tag
    return _headed(request, made)  # type: ignore[return-value]


def _media(request: HttpRequest, model: type[Any], uid: UUID, token: str) -> Any:
    """The picture or file, by its pages, by the writers' right, or by a preview's link. Raises NotFound."""
    find = readers.picture if model is CmsImage else readers.document
    try:
        return find(request.principal, uid)
    except Problem as problem:
        if problem.code != "not_found":
            raise
        found = model.objects.select_related("collection").filter(uid=uid).first() if token else None
        field = "image" if model is CmsImage else "document"
        if (
            found is None
            or not readers.of_hospital(found, request.hospital.pk)
            or not previews.may_fetch(token, request.principal, field, found.pk)
        ):
            raise
        return found


def _file(request: HttpRequest, stored: Any, name: str, *, attachment: bool) -> HttpResponseBase:
    tag = f'"{hashlib.sha256(f"{stored.name}:{stored.size}".encode()).hexdigest()[:32]}"'
    made: HttpResponseBase
    if tag in _tags(request):
        made = HttpResponse(status=304)
        del made.headers["Content-Type"]
    else:
        try:
            made = FileResponse(stored.open("rb"), as_attachment=attachment, filename=name)
        except OSError as error:
            raise NotFound() from error
    made.headers["ETag"] = tag
    made.headers["Content-Security-Policy"] = INERT
    made.headers["X-Content-Type-Options"] = "nosniff"
    return _headed(request, made)


def _headed(request: HttpRequest, made: HttpResponseBase) -> HttpResponseBase:
    """Caching (checked again at each use) and the origins that the operator allows to read public answers."""
    visitor = request.principal.roles == {VISITOR}
    made.headers["Cache-Control"] = "public, no-cache" if visitor else "private, no-cache"
    patch_vary_headers(made, ["Cookie", "Origin"])  # type: ignore[arg-type]
    origin = request.headers.get("Origin", "")
    if visitor and origin and origin in settings.API_ORIGINS:
        made.headers["Access-Control-Allow-Origin"] = origin
    return made


def _tags(request: HttpRequest) -> list[str]:
    sent = request.headers.get("If-None-Match", "")
    return [part.strip().removeprefix("W/") for part in sent.split(",") if part.strip()]


def _reader(request: HttpRequest) -> out.Reader:
    return out.Reader(request.principal, request.hospital)
