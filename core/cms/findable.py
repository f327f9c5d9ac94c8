"""Pages in search: only what is out, filtered by its audience."""

from collections.abc import Iterable
from typing import Any

from core.cms.domain.out import MODELS, plain_text
from core.cms.domain.project import TYPE
from core.cms.domain.sites import site_href
from core.cms.models import PublishedPage
from core.cms.models.pages import PUBLIC
from core.kernel import clock
from core.resources.searchable import Document, register_searchable

LABELS = {
    "article": "文章",
    "learning": "学习资料",
    "brand": "品牌展示",
    "ranking": "排名公示",
    "column": "栏目",
}


def register() -> None:
    """Make pages findable."""
    register_searchable(TYPE, label="专栏与公示", build=build, all_uids=all_uids)


def build(uids: list[str]) -> list[Document]:
    """Documents of these pages of the hospital in context; what is not out has none."""
    ended = PublishedPage.objects.filter(expires_at__lte=clock.now()).values("pk")
    rows = PublishedPage.objects.filter(uid__in=uids).exclude(type="home").exclude(pk__in=ended)
    rows = rows.select_related("hospital")
    return [_document(row) for row in rows]


def all_uids(hospital: Any) -> Iterable[str]:
    """All pages of a hospital that are out."""
    rows = PublishedPage.unscoped.filter(hospital_id=hospital.id).exclude(type="home")
    return [str(uid) for uid in rows.order_by("id").values_list("uid", flat=True)]


def _document(row: PublishedPage) -> Document:
    page = MODELS[row.type].objects.filter(pk=row.page_id, live=True).first()
    public = row.audience == PUBLIC
    names = [getattr(page, "secretary", ""), row.author]
    above = row.above[-1]["label"] if row.above else ""
    return Document(
        type=TYPE,
        uid=str(row.uid),
        hospital_id=row.hospital_id,
        title=row.title,
        body="\n".join(part for part in (row.summary, plain_text(page) if page else "") if part),
        names=tuple(name for name in names if name),
        organisations=tuple(name for name in [getattr(page, "party_org", "")] if name),
        date=row.published_at.date(),
        attrs={"state": row.audience},
        class_from=1 if public else 2,
        href=site_href(row.hospital.slug, row.path),
        hint="，".join(part for part in (LABELS.get(row.type, ""), above, "" if public else "院内") if part),
    )
