"""What a reader may see: every answer about pages, pictures and files begins with `visible`."""

from typing import Any

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from core.cms.models import CmsDocument, CmsImage, HospitalRoot, PublishedPage
from core.cms.models.pages import INTERNAL, PUBLIC
from core.kernel import clock
from core.kernel.errors import Invalid, NotFound
from core.policy.decide import can, may, q
from core.policy.principal import Principal

TYPE, DRAFT = "cms.page", "cms.draft"
MOST = 50
#: Cards of each section of the home page.
HOME_CARDS = 6
MAX_TREE = 3000
ORDERS = {"-published_at": ("-published_at", "-id"), "published_at": ("published_at", "id")}


def visible(principal: Principal) -> QuerySet[PublishedPage]:
    """Published rows of the principal's hospital that this person may read now."""
    open_still = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
    return PublishedPage.unscoped.filter(
        q(principal, "view", TYPE), open_still, hospital_id=principal.hospital_id
    )


def public_everywhere() -> QuerySet[PublishedPage]:
    """Published rows of all hospitals that anybody may read now."""
    open_still = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
    return PublishedPage.unscoped.filter(open_still, audience=PUBLIC)


def inside(principal: Principal) -> bool:
    """Whether the person reads what is for the hospital alone."""
    return can(principal, "view", TYPE, {"state": INTERNAL}).allowed


def by_path(principal: Principal, path: str) -> PublishedPage:
    """The page at a path. Raises NotFound, the same for absent and for hidden."""
    return _one(visible(principal).filter(path=path.strip("/")))


def by_uid(principal: Principal, uid: Any) -> PublishedPage:
    """The page of that number. Raises NotFound."""
    return _one(visible(principal).filter(uid=uid))


def listed(
    principal: Principal,
    *,
    column: Any = None,
    type_: str = "",
    order: str = "",
    after: str = "",
    limit: int = 20,
) -> tuple[list[PublishedPage], str | None, int | None]:
    """One page of a list, the cursor of the next, and on the first page how many there are. One query."""
    if order and order not in ORDERS:
        raise Invalid("不能按这个顺序排列。")
    limit = max(1, min(limit, MOST))
    fields = ORDERS[order or "-published_at"]
    found = visible(principal)
    if column is not None:
        found = found.filter(parent_uid=column)
    found = found.filter(type=type_) if type_ else found.exclude(type__in=("home", "column"))
    if after:
        found = found.filter(_after(after, falling=fields[0].startswith("-")))
    else:
        found = found.annotate(total=Window(Count("id")))
    rows = list(found.order_by(*fields)[: limit + 1])
    more = rows[limit:]
    rows = rows[:limit]
    following = f"{rows[-1].published_at.isoformat()}~{rows[-1].pk}" if more else None
    total = None if after else (rows[0].total if rows else 0)  # type: ignore[attr-defined]
    return rows, following, total


def columns(principal: Principal) -> list[PublishedPage]:
    """Columns directly below the root, in the editors' order."""
    home = PublishedPage.unscoped.filter(hospital_id=principal.hospital_id, type="home").values("uid")
    found = visible(principal).filter(type="column", parent_uid__in=home)
    return list(found.order_by("tree_path"))


def newest_of(principal: Principal, parents: list[PublishedPage]) -> dict[Any, list[PublishedPage]]:
    """The newest pages of each column, in one query."""
    ranked = visible(principal).filter(parent_uid__in=[one.uid for one in parents]).exclude(type="column")
    ranked = ranked.annotate(
        place=Window(RowNumber(), partition_by=[F("parent_uid")], order_by=["-published_at", "-id"])
    )
    found: dict[Any, list[PublishedPage]] = {}
    for row in ranked.filter(place__lte=HOME_CARDS).order_by("-published_at", "-id"):
        found.setdefault(row.parent_uid, []).append(row)
    return found


def lead(principal: Principal) -> PublishedPage | None:
    """The page that the home shows first: the editors' choice, if this person may read it."""
    chosen = HospitalRoot.objects.filter(hospital_id=principal.hospital_id).values("lead_id")
    return visible(principal).filter(page_id__in=chosen).first()


def tree(principal: Principal) -> list[PublishedPage]:
    """All pages from the root down, in the editors' order; at most MAX_TREE."""
    return list(visible(principal).order_by("tree_path")[:MAX_TREE])


def picture(principal: Principal, uid: Any) -> CmsImage:
    """A picture that a page shows which the person may read; writers also get those of their hospital. Raises NotFound."""
    found = CmsImage.objects.select_related("collection").filter(uid=uid).first()
    if found is None or not _may_fetch(principal, found, visible(principal).filter(uses__image=found)):
        raise NotFound()
    return found


def document(principal: Principal, uid: Any) -> CmsDocument:
    """The same for a file to download. Raises NotFound."""
    found = CmsDocument.objects.select_related("collection").filter(uid=uid).first()
    if found is None or not _may_fetch(principal, found, visible(principal).filter(uses__document=found)):
        raise NotFound()
    return found


def is_writer(principal: Principal) -> bool:
    """Whether the person sees texts that are not out yet."""
    return may(principal, "view", DRAFT)


def _may_fetch(principal: Principal, media: Any, shown: QuerySet[PublishedPage]) -> bool:
    if shown.exists():
        return True
    return is_writer(principal) and of_hospital(media, principal.hospital_id)


def of_hospital(media: Any, hospital_id: int) -> bool:
    """Whether a picture or file lies in the hospital's folder or below it."""
    folder = (
        HospitalRoot.objects.filter(hospital_id=hospital_id)
        .values_list("collection__path", flat=True)
        .first()
    )
    return folder is not None and media.collection.path.startswith(folder)


def _one(found: QuerySet[PublishedPage]) -> PublishedPage:
    row = found.select_related("hospital").first()
    if row is None:
        raise NotFound()
    return row


def _after(cursor: str, *, falling: bool) -> Q:
    from django.utils.dateparse import parse_datetime

    text, _, key = cursor.partition("~")
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not key.isdecimal() or len(key) > 18:
        raise Invalid("翻页的位置不对，请从第一页开始。")
    if falling:
        return Q(published_at__lt=at) | Q(published_at=at, id__lt=int(key))
    return Q(published_at__gt=at) | Q(published_at=at, id__gt=int(key))
