"""What readers are given: one row for each page that is out now, and which pictures and files it uses.

The rows are written when a page is published, moved or taken down. Drafts never come here, so that nothing that
reads only these tables can show one.
"""

from django.db import models
from wagtail.models import Page

from core.org.models import HospitalModel


class PublishedPage(HospitalModel):
    """A page that is out: `uid` is the page's own. `audience` and `expires_at` are the narrowest of the page and all above."""

    page = models.OneToOneField(Page, on_delete=models.CASCADE, related_name="published_row")
    type = models.CharField("类型", max_length=20)
    kind = models.CharField("栏目类型", max_length=20, blank=True)
    title = models.CharField("标题", max_length=255)
    summary = models.TextField("摘要", blank=True)
    audience = models.CharField("读者", max_length=10)
    path = models.CharField("路径", max_length=500, blank=True)
    tree_path = models.CharField("树上的位置", max_length=255)
    parent_uid = models.UUIDField("上级", null=True, blank=True)
    in_menu = models.BooleanField("在菜单中", default=False)
    author = models.CharField("署名", max_length=120, blank=True)
    published_at = models.DateTimeField("发布时间")
    changed_at = models.DateTimeField("更新时间")
    expires_at = models.DateTimeField("下线时间", null=True, blank=True)
    cover = models.JSONField("封面", null=True, blank=True)
    facts = models.JSONField("要点", default=list)
    above = models.JSONField("上级各页", default=list)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "已发布页面"
        ordering = ["-published_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "path"], name="cms_published_path")]
        indexes = [
            models.Index(
                fields=["hospital", "parent_uid", "-published_at", "-id"], name="cms_published_children"
            ),
            models.Index(fields=["hospital", "-published_at", "-id"], name="cms_published_newest"),
            models.Index(fields=["hospital", "tree_path"], name="cms_published_tree"),
        ]

    def __str__(self) -> str:
        return self.title


class MediaUse(models.Model):
    """A published page shows a picture or offers a file: whoever may read the page may fetch it."""

    published = models.ForeignKey(PublishedPage, on_delete=models.CASCADE, related_name="uses")
    image = models.ForeignKey("cms.CmsImage", on_delete=models.CASCADE, null=True, related_name="uses")
    document = models.ForeignKey("cms.CmsDocument", on_delete=models.CASCADE, null=True, related_name="uses")

    class Meta:
        verbose_name = verbose_name_plural = "图片和文件的使用"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(image__isnull=True) ^ models.Q(document__isnull=True), name="cms_use_one"
            ),
            models.UniqueConstraint(fields=["published", "image"], name="cms_use_image"),
            models.UniqueConstraint(fields=["published", "document"], name="cms_use_document"),
        ]
