"""Keeping the published rows equal to what is out: after publishing, taking down, moving and removing pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from wagtail.models import Page, PageViewRestriction

from core.audit.events import record
from core.cms.domain.sites import ROOT_PATH, root_of
from core.cms.models import CmsDocument, CmsImage, MediaUse, PublishedPage
from core.cms.models.pages import INTERNAL, PUBLIC
from core.jobs.domain import emit
from core.kernel import clock
from core.org.models import Hospital
from core.resources.searchable import touch

TYPE = "cms.page"
PUBLISHED, UNPUBLISHED = "cms.published", "cms.unpublished"
BATCH = 200

_DOCUMENT = re.compile(r'linktype="document"[^>]*\bid="(\d+)"|\bid="(\d+)"[^>]*linktype="document"')


@dataclass(frozen=True)
class Above:
    """What a page inherits from those above it; `out` is false when one of them is not out."""

    out: bool = True
    audience: str = PUBLIC
    expires_at: datetime | None = None
    steps: tuple[dict[str, str], ...] = ()
    parent_uid: Any = None


def refresh(page: Page) -> None:
    """Write the rows of a page and of all below it anew, and tell search and other listeners what changed."""
    root = root_of(page)
    if root is None:
        return
    with transaction.atomic():
        old = _present(page)
        PublishedPage.unscoped.filter(pk__in=[row.pk for row in old.values()]).delete()
        made = list(_rows(page, root.hospital))
        PublishedPage.unscoped.bulk_create([row for row, _ in made], batch_size=BATCH)
        _uses(made)
        _tell(root.hospital, old, {row.uid: row for row, _ in made})


def withdraw(page: Page) -> None:
    """Drop the rows of a page that is no longer out, and of all below it."""
    with transaction.atomic():
        old = _present(page)
        PublishedPage.unscoped.filter(pk__in=[row.pk for row in old.values()]).delete()
        for hospital in {row.hospital_id: row.hospital for row in old.values()}.values():
            _tell(hospital, old, {})


def _present(page: Page) -> dict[Any, PublishedPage]:
    """Rows of the page and of all below it, where it stands now and where it stood when they were written."""
    found = PublishedPage.unscoped.select_related("hospital")
    places = set(PublishedPage.unscoped.filter(page_id=page.pk).values_list("tree_path", flat=True))
    rows: dict[Any, PublishedPage] = {}
    for place in places | {page.path}:
        rows |= {row.uid: row for row in found.filter(tree_path__startswith=place)}
    return rows


def _rows(page: Page, hospital: Hospital) -> Iterator[tuple[PublishedPage, Any]]:
    held = dict(_restrictions(page))
    inherited: dict[str, Above] = {}
    context = Above()
    for one in page.get_ancestors().filter(depth__gte=2).specific():
        context = _below(one, context, held)
    inherited[page.path[: -Page.steplen]] = context
    below = Page.objects.filter(path__startswith=page.path).order_by("path")
    for one in below.specific().iterator(chunk_size=BATCH):
        above = inherited.get(one.path[: -Page.steplen])
        if above is None or not above.out:
            continue
        context = _below(one, above, held)
        if not context.out:
            continue
        inherited[one.path] = context
        yield _row(one, hospital, above, context), one


def _below(page: Any, above: Above, held: dict[str, str]) -> Above:
    """What the children of `page` inherit; the page's own audience and end are in it too."""
    kind = getattr(page, "page_kind", "")
    restricted = held.get(page.path)
    if not (above.out and page.live and kind) or restricted == "hidden":
        return Above(out=False)
    narrow = page.audience != PUBLIC or restricted == INTERNAL or above.audience != PUBLIC
    ends = [end for end in (above.expires_at, page.expire_at) if end is not None]
    path = page.path_slug
    return Above(
        audience=INTERNAL if narrow or _shows_internal_ranking(page) else PUBLIC,
        expires_at=min(ends) if ends else None,
        steps=(*above.steps, {"label": page.title, "path": path, "uid": str(page.uid)}),
        parent_uid=page.uid,
    )


def _row(page: Any, hospital: Hospital, above: Above, own: Above) -> PublishedPage:
    return PublishedPage(
        hospital=hospital,
        uid=page.uid,
        page_id=page.pk,
        type=page.page_kind,
        kind=getattr(page, "kind", ""),
        title=page.title,
        summary=page.summary,
        audience=own.audience,
        path=page.path_slug,
        tree_path=page.path,
        parent_uid=above.parent_uid,
        in_menu=page.show_in_menus,
        author=getattr(page, "author_line", ""),
        published_at=page.first_published_at or page.latest_revision_created_at or clock.now(),
        changed_at=page.last_published_at or page.first_published_at or clock.now(),
        expires_at=own.expires_at,
        cover=cover_of(page),
        facts=facts_of(page),
        above=list(above.steps),
    )


def cover_of(page: Any) -> dict[str, Any] | None:
    """What a card needs to show the page's cover."""
    image = page.cover
    if image is None:
        return None
    return {"uid": str(image.uid), "alt": image.description, "width": image.width, "height": image.height}


def facts_of(page: Any) -> list[dict[str, str]]:
    """Two or three facts that a card shows."""
    if page.page_kind == "learning":
        found = [{"label": "用时", "value": f"{page.minutes} 分钟"}]
        if page.hours:
            found.append({"label": "学时", "value": f"{page.hours.normalize():f}"})
        return found
    if page.page_kind == "brand":
        pairs = [("党组织", page.party_org), ("支部书记", page.secretary), ("一句话", page.slogan)]
        return [{"label": label, "value": value} for label, value in pairs if value]
    if page.page_kind == "ranking" and page.quarter:
        return [{"label": "期间", "value": page.quarter}]
    return []


def media_of(page: Any) -> tuple[set[int], set[int]]:
    """Ids of the pictures and documents that a page shows."""
    images: set[int] = {page.cover_id} - {None}
    documents: set[int] = {getattr(page, "file_id", None)} - {None}  # type: ignore[assignment]
    for block in getattr(page, "body", ()):
        if block.block_type == "picture" and block.value["image"]:
            images.add(block.value["image"].pk)
        elif block.block_type == "file" and block.value["document"]:
            documents.add(block.value["document"].pk)
        elif block.block_type == "text":
            documents |= {int(one or two) for one, two in _DOCUMENT.findall(block.value.source)}
    return images, documents


def snapshots_of(page: Any) -> set[str]:
    """Uids of the frozen rankings that a page shows."""
    found = {str(page.snapshot)} if getattr(page, "snapshot", None) else set()
    for block in getattr(page, "body", ()):
        if block.block_type == "chart":
            found.add(block.value["snapshot"])
    return found


def _shows_internal_ranking(page: Any) -> bool:
    """A page with a ranking for the hospital alone is for the hospital alone, whatever its editor chose."""
    wanted = snapshots_of(page)
    if not wanted:
        return False
    from core.cms.domain.rankings import find_snapshot

    hospital = root_of(page).hospital  # type: ignore[union-attr]
    found = [find_snapshot(uid, hospital) for uid in wanted]
    return any(one is not None and one.audience != PUBLIC for one in found)


def _restrictions(page: Page) -> Iterator[tuple[str, str]]:
    """Wagtail's own restrictions on or above or below the page: sign-in narrows it, all others hide it."""
    found = PageViewRestriction.objects.filter(page__path__startswith=page.path[:ROOT_PATH])
    for restriction in found.select_related("page"):
        login = restriction.restriction_type == PageViewRestriction.LOGIN
        yield restriction.page.path, INTERNAL if login else "hidden"


def _uses(made: list[tuple[PublishedPage, Any]]) -> None:
    wanted = [(row, *media_of(page)) for row, page in made]
    images = set(
        CmsImage.objects.filter(pk__in=set().union(*(w[1] for w in wanted))).values_list("pk", flat=True)
    )
    documents = set(
        CmsDocument.objects.filter(pk__in=set().union(*(w[2] for w in wanted))).values_list("pk", flat=True)
    )
    MediaUse.objects.bulk_create(
        [MediaUse(published=row, image_id=pk) for row, found, _ in wanted for pk in sorted(found & images)]
        + [
            MediaUse(published=row, document_id=pk)
            for row, _, found in wanted
            for pk in sorted(found & documents)
        ],
        batch_size=BATCH,
    )


def _tell(hospital: Hospital, old: dict[Any, PublishedPage], new: dict[Any, PublishedPage]) -> None:
    touch(TYPE, [*old, *new], hospital=hospital)
    for uid, row in new.items():
        if uid in old and old[uid].changed_at == row.changed_at and old[uid].path == row.path:
            continue
        facts = {"uid": str(uid), "path": row.path, "audience": row.audience}
        record(PUBLISHED, TYPE, uid, facts, hospital=hospital)
        emit(PUBLISHED, facts, hospital=hospital)
    for uid in old.keys() - new.keys():
        facts = {"uid": str(uid), "path": old[uid].path}
        record(UNPUBLISHED, TYPE, uid, facts, hospital=hospital)
        emit(UNPUBLISHED, facts, hospital=hospital)
