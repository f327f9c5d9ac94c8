"""Pages that editors write. `audience` says who may read a page: everybody, or people with a post in the hospital."""

from typing import Any, ClassVar

from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from wagtail import blocks
from wagtail.admin.panels import FieldPanel, MultiFieldPanel
from wagtail.api import APIField
from wagtail.fields import StreamField
from wagtail.models import Page

from core.cms.asked import ask
from core.cms.blocks import Body
from core.cms.forms import PageForm, RankingForm
from core.kernel.ids import new_uid

PUBLIC, INTERNAL = "public", "internal"
AUDIENCES = [(INTERNAL, "本院职工"), (PUBLIC, "所有人")]


class BasePage(Page):
    """What all our pages have. The hospital follows from the root page above it."""

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    audience = models.CharField(
        "读者",
        max_length=10,
        choices=AUDIENCES,
        default=INTERNAL,
        help_text="选“所有人”后，没有账号的人也能看到；上级页面只给本院职工看时，下级页面也是。",
    )
    summary = models.TextField("摘要", max_length=300, blank=True)
    cover = models.ForeignKey(
        "cms.CmsImage",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="封面",
    )

    exclude_fields_in_copy: ClassVar[list[str]] = ["uid"]
    preview_modes: ClassVar[list[tuple[str, str]]] = [("", "页面"), ("code", "在手机上打开")]
    preview_sizes: ClassVar[list[dict[str, Any]]] = [
        {"name": "phone", "icon": "mobile-alt", "device_width": 390, "label": "手机"},
        {"name": "wide", "icon": "desktop", "device_width": 1280, "label": "电脑"},
    ]
    page_kind: ClassVar[str] = ""
    base_form_class = PageForm
    api_fields: ClassVar[list[APIField]] = [APIField("summary"), APIField("cover_card")]
    promote_panels: ClassVar[list[Any]] = [
        MultiFieldPanel([FieldPanel("slug"), FieldPanel("show_in_menus")], heading="网址和菜单")
    ]
    head_panels: ClassVar[list[Any]] = [
        *Page.content_panels,
        FieldPanel("summary"),
        FieldPanel("audience"),
        FieldPanel("cover"),
    ]

    class Meta:
        abstract = True

    @property
    def data_class(self) -> int:
        """1 public, 2 internal."""
        return 1 if self.audience == PUBLIC else 2

    @property
    def path_slug(self) -> str:
        """Where the page stands below the hospital's root: `a/b/c`; empty for the root itself."""
        return "/".join(self.url_path.strip("/").split("/")[1:])

    @property
    def cover_card(self) -> dict[str, Any] | None:
        """The cover as a card shows it, for Wagtail's own API."""
        return ask("cover_card", self)

    def get_url_parts(self, request: HttpRequest | None = None) -> tuple[int, str, str] | None:
        """The page's address on the real site, for Wagtail's links."""
        return ask("url_parts", self)

    def with_content_json(self, content: dict[str, Any]) -> Any:
        """A text of this page; its `uid` is always the page's own."""
        found = super().with_content_json(content)
        found.uid = self.uid
        return found

    def publish(self, revision: Any, user: Any = None, **kwargs: Any) -> Any:
        """Let a text out, all in one transaction. Raises PermissionDenied where no second person approved it."""
        ask("check_may_publish", revision, user)
        with transaction.atomic():
            return super().publish(revision, user=user, **kwargs)

    def unpublish(self, *args: Any, **kwargs: Any) -> Any:
        """Take the page down, all in one transaction."""
        with transaction.atomic():
            return super().unpublish(*args, **kwargs)

    def serve(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Wagtail's own serving is not used: the page is on the site."""
        return ask("to_site", self)

    def serve_preview(self, request: HttpRequest, mode_name: str) -> HttpResponse:
        """The text on the screen, shown by the real site."""
        return ask("to_preview", self, request, mode_name)


class HospitalRoot(BasePage):
    """The home of one hospital; made by `ensure_site`, never by hand."""

    hospital = models.OneToOneField(
        "org.Hospital", on_delete=models.PROTECT, related_name="root_page", verbose_name="医院"
    )
    collection = models.OneToOneField(
        "wagtailcore.Collection", on_delete=models.PROTECT, related_name="+", verbose_name="文件夹"
    )
    lead = models.ForeignKey(
        "wagtailcore.Page",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="头条",
        help_text="首页最上面的一篇；已发布且读者能看到时才显示。",
    )

    parent_page_types: ClassVar[list[str]] = ["wagtailcore.Page"]
    subpage_types: ClassVar[list[str]] = ["cms.ColumnPage"]
    is_creatable = False
    page_kind = "home"
    content_panels: ClassVar[list[Any]] = [*BasePage.head_panels, FieldPanel("lead")]

    class Meta:
        verbose_name = verbose_name_plural = "医院首页"


class ColumnPage(BasePage):
    """栏目: pages of one kind below it, newest first."""

    KINDS: ClassVar[list[tuple[str, str]]] = [
        ("articles", "专栏"),
        ("learning", "学习"),
        ("brands", "品牌"),
        ("rankings", "公示"),
    ]

    kind = models.CharField("栏目类型", max_length=20, choices=KINDS, default="articles")
    body = StreamField(Body(required=False), verbose_name="栏目说明", blank=True)

    parent_page_types: ClassVar[list[str]] = ["cms.HospitalRoot", "cms.ColumnPage"]
    subpage_types: ClassVar[list[str]] = [
        "cms.ArticlePage",
        "cms.LearningPage",
        "cms.BrandPage",
        "cms.RankingPage",
        "cms.ColumnPage",
    ]
    show_in_menus_default = True
    page_kind = "column"
    content_panels: ClassVar[list[Any]] = [*BasePage.head_panels, FieldPanel("kind"), FieldPanel("body")]

    class Meta:
        verbose_name = verbose_name_plural = "栏目"


class ArticlePage(BasePage):
    """文章."""

    author_line = models.CharField("署名", max_length=80, blank=True, help_text="例如：纪检监察室。")
    body = StreamField(Body(), verbose_name="正文")

    parent_page_types: ClassVar[list[str]] = ["cms.ColumnPage"]
    subpage_types: ClassVar[list[str]] = []
    page_kind = "article"
    content_panels: ClassVar[list[Any]] = [
        *BasePage.head_panels,
        FieldPanel("author_line"),
        FieldPanel("body"),
    ]

    class Meta:
        verbose_name = verbose_name_plural = "文章"


class LearningPage(BasePage):
    """学习资料: `minutes` is the time it takes, `hours` what it counts for (学时)."""

    hours = models.DecimalField("学时", max_digits=4, decimal_places=1, default=0)
    minutes = models.PositiveSmallIntegerField("预计用时（分钟）", default=10)
    file = models.ForeignKey(
        "cms.CmsDocument",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="学习文件",
    )
    body = StreamField(Body(required=False), verbose_name="正文", blank=True)

    parent_page_types: ClassVar[list[str]] = ["cms.ColumnPage"]
    subpage_types: ClassVar[list[str]] = []
    page_kind = "learning"
    content_panels: ClassVar[list[Any]] = [
        *BasePage.head_panels,
        FieldPanel("hours"),
        FieldPanel("minutes"),
        FieldPanel("file"),
        FieldPanel("body"),
    ]

    class Meta:
        verbose_name = verbose_name_plural = "学习资料"


class BrandPage(BasePage):
    """品牌展示: what a Party branch is known for."""

    party_org = models.CharField("党组织", max_length=120)
    slogan = models.CharField("一句话", max_length=80, blank=True)
    secretary = models.CharField("支部书记", max_length=60, blank=True)
    achievements = StreamField(
        [("item", blocks.CharBlock(label="一件事", max_length=120))], verbose_name="做成的事", blank=True
    )
    body = StreamField(Body(required=False), verbose_name="正文", blank=True)

    parent_page_types: ClassVar[list[str]] = ["cms.ColumnPage"]
    subpage_types: ClassVar[list[str]] = []
    page_kind = "brand"
    content_panels: ClassVar[list[Any]] = [
        *BasePage.head_panels,
        FieldPanel("party_org"),
        FieldPanel("slogan"),
        FieldPanel("secretary"),
        FieldPanel("achievements"),
        FieldPanel("body"),
    ]

    class Meta:
        verbose_name = verbose_name_plural = "品牌展示"


class RankingPage(BasePage):
    """排名公示: shows one frozen ranking and nothing else; refuses when its hash no longer fits."""

    snapshot = models.UUIDField("冻结的排名（编号）", null=True, blank=True)
    quarter = models.CharField("季度", max_length=20, blank=True, help_text="例如：2024 年第一季度。")
    body = StreamField(Body(required=False), verbose_name="说明", blank=True)

    parent_page_types: ClassVar[list[str]] = ["cms.ColumnPage"]
    subpage_types: ClassVar[list[str]] = []
    base_form_class = RankingForm
    page_kind = "ranking"
    content_panels: ClassVar[list[Any]] = [
        *BasePage.head_panels,
        FieldPanel("snapshot"),
        FieldPanel("quarter"),
        FieldPanel("body"),
    ]

    class Meta:
        verbose_name = verbose_name_plural = "排名公示"
