"""Pages of the demonstration: columns, articles, brands, lessons and frozen rankings of both hospitals.

Every step finds what an earlier, killed load has made: a page is known by its place and slug.
"""

from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.utils.text import slugify
from wagtail.models import Workflow

from core.cms.domain import ensure_site
from core.cms.domain.sites import WORKFLOW
from core.cms.models import (
    ArticlePage,
    BrandPage,
    CmsDocument,
    CmsImage,
    ColumnPage,
    LearningPage,
    PublishedPage,
    RankingPage,
)
from core.cms.offered import usual_column
from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.org.models import Hospital, User
from core.publications.models import Snapshot
from core.testing import columns_text as text
from core.testing.pictures import draw
from core.testing.world import BY, World

#: Days between two publications, so that lists show an order.
STEP = 9


def write_columns(world: World) -> None:
    """Write the pages of both hospitals; needs the accounts, and the rankings where they are to be shown."""
    large, small = world.hospital("binjiang"), world.hospital("yunling")
    editor = world.user("editor", "binjiang")
    with hospital_scope(large):
        shelf = _Shelf(large, editor)
        culture = shelf.column("lian-jie-wen-hua", "廉洁文化", "articles", "身边的人和事，不讲大道理。")
        for n, one in enumerate(text.ARTICLES):
            shelf.article(culture, one, days=4 + n * STEP)
        shelf.draft(culture, text.DRAFT)
        shelf.waiting(culture, text.WAITING)
        shelf.scheduled(culture, text.SCHEDULED)
        brands = shelf.column("zhi-bu-pin-pai", "支部品牌", "brands", "每个支部做成的一件小事。")
        for n, one in enumerate(text.BRANDS):
            shelf.brand(brands, one, days=6 + n * STEP)
        lessons = shelf.column("xue-xi-yuan-di", "学习园地", "learning", "十分钟左右的一课，可以在手机上看。")
        for n, one in enumerate(text.LEARNING):
            shelf.lesson(lessons, one, days=3 + n * STEP)
        shelf.rankings()
        shelf.lead(culture, text.ARTICLES[0]["slug"])
    with hospital_scope(small):
        shelf = _Shelf(small, world.user("editor", "yunling"))
        column = shelf.column("lian-jie-wen-hua", "廉洁文化", "articles", "一所小医院的几件小事。")
        for n, one in enumerate(text.SMALL):
            shelf.article(column, one, days=5 + n * STEP)


class _Shelf:
    """One hospital's pages while they are written."""

    def __init__(self, hospital: Hospital, editor: User) -> None:
        self.hospital, self.editor = hospital, editor
        self.root = ensure_site(hospital, BY)
        self.now = clock.now()

    def column(self, slug: str, title: str, kind: str, summary: str) -> Any:
        page = ColumnPage(
            title=title,
            slug=slug,
            kind=kind,
            summary=f"{summary}{text.NOTE}",
            audience="public",
            show_in_menus=True,
        )
        return self._out(self.root, page, days=90)

    def article(self, column: Any, one: dict[str, Any], days: int) -> Any:
        return self._out(column, self._article(one), days)

    def draft(self, column: Any, one: dict[str, Any]) -> None:
        self._written(column, self._article(one))

    def waiting(self, column: Any, one: dict[str, Any]) -> None:
        page = self._written(column, self._article(one))
        if page is not None:
            with acting(BY):
                Workflow.objects.get(name=WORKFLOW).start(page, self.editor)

    def scheduled(self, column: Any, one: dict[str, Any]) -> None:
        page = self._article(one)
        page.go_live_at = self.now + timedelta(days=7)
        made = self._written(column, page)
        if made is not None:
            with acting(BY):
                made.get_latest_revision().publish()

    def brand(self, column: Any, one: dict[str, Any], days: int) -> None:
        page = BrandPage(
            title=one["title"],
            slug=one["slug"],
            audience="public",
            summary=one["summary"],
            party_org=one["party_org"],
            slogan=one["slogan"],
            secretary=one["secretary"],
            cover=self._picture(one["picture"], one["alt"]),
            achievements=[("item", item) for item in one["achievements"]],
            body=[("text", one["text"])],
        )
        self._out(column, page, days)

    def lesson(self, column: Any, one: dict[str, Any], days: int) -> None:
        page = LearningPage(
            title=one["title"],
            slug=one["slug"],
            audience=one["audience"],
            summary=one["summary"],
            minutes=one["minutes"],
            hours=one["hours"],
            file=self._document() if one["file"] else None,
            body=[("text", one["text"])],
        )
        self._out(column, page, days)

    def rankings(self) -> None:
        """A page for the newest version of each frozen ranking; none where nothing was frozen."""
        frozen = Snapshot.unscoped.filter(hospital=self.hospital, replaced_by=None).order_by("-frozen_at")[:6]
        if not frozen:
            return
        column = self.column(
            "gong-shi-yu-pai-ming", "公示与排名", "rankings", "每季度冻结一次，附方法、样本量与校验值。"
        )
        for one in frozen:
            page = RankingPage(
                title=f"{one.title}",
                slug=slugify(f"{one.kind}-{one.period}") or str(one.uid),
                audience=one.audience,
                summary="数字在冻结时定下，以后的改动不影响这一页。排名只说明与同行的差别，不说明对错。",
                snapshot=one.uid,
                quarter=one.period,
                body=[("chart", self._bars(one))] if one.audience == "public" else [],
            )
            self._out(column, page, days=0)  # frozen just now

    def _bars(self, one: Snapshot) -> dict[str, str]:
        """The chart of a ranking: its usual columns."""
        uid = str(one.uid)
        return {
            "snapshot": uid,
            "title": one.title,
            "label_column": usual_column(uid, measure=False),
            "value_column": usual_column(uid, measure=True),
        }

    def lead(self, column: Any, slug: str) -> None:
        page = ArticlePage.objects.child_of(column).filter(slug=slug).first()
        if page is not None and self.root.lead_id is None:
            with acting(BY):
                self.root.lead = page
                self.root.save_revision().publish()

    def _article(self, one: dict[str, Any]) -> ArticlePage:
        return ArticlePage(
            title=one["title"],
            slug=one["slug"],
            audience=one["audience"],
            summary=one["summary"],
            author_line=one["author_line"],
            cover=self._picture(one["picture"], one["alt"]),
            body=one["body"],
        )

    def _out(self, parent: Any, page: Any, days: int) -> Any:
        """The page below `parent`, out since so many days; one that is there already is left alone."""
        made = self._written(parent, page)
        if made is None:
            return type(page).objects.child_of(parent).get(slug=page.slug)
        with acting(BY):
            made.first_published_at = self.now - timedelta(days=days)
            made.save_revision(user=self.editor).publish()
            day = made.first_published_at  # not changed since: the page would say so
            type(page).objects.filter(pk=made.pk).update(last_published_at=day)
            PublishedPage.unscoped.filter(page_id=made.pk).update(changed_at=day)
        return type(page).objects.get(pk=made.pk)

    def _written(self, parent: Any, page: Any) -> Any:
        """The page as a draft of the editor's; None where it is already."""
        if type(page).objects.child_of(parent).filter(slug=page.slug).exists():
            return None
        with acting(BY):
            page.live, page.owner = False, self.editor
            type(parent).objects.get(pk=parent.pk).add_child(instance=page)
            page.save_revision(user=self.editor)
        return page

    def _picture(self, name: str, alt: str) -> CmsImage | None:
        if not name:
            return None
        found = CmsImage.objects.filter(collection=self.root.collection, title=alt).first()
        if found is not None:
            return found
        with acting(BY):
            return CmsImage.objects.create(
                title=alt,
                description=alt,
                collection=self.root.collection,
                uploaded_by_user=self.editor,
                file=ContentFile(draw(name), f"{self.hospital.slug}-{name}.jpg"),
            )

    def _document(self) -> CmsDocument:
        title = "来访登记表（样张）"
        found = CmsDocument.objects.filter(collection=self.root.collection, title=title).first()
        if found is not None:
            return found
        sheet = "来访登记表（样张）\r\n\r\n日期,单位,来访人,事由,接待人一,接待人二\r\n".encode("utf-8-sig")
        with acting(BY):
            return CmsDocument.objects.create(
                title=title,
                collection=self.root.collection,
                uploaded_by_user=self.editor,
                file=ContentFile(sheet, "lai-fang-deng-ji-biao.csv"),
                file_size=len(sheet),
            )
