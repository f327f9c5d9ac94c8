"""Texts on their way to a preview: what the editor has on the screen, saved or not."""

from django.contrib.contenttypes.models import ContentType
from django.db import models

from core.org.models import HospitalModel


class PreviewText(HospitalModel):
    """One text as the editor had it, for an hour. The link that opens it is signed and names this row.

    `open` is for the code that a phone scans: such a link needs no session. `maker` is the account that made it.
    """

    page_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    page_id = models.BigIntegerField("页面", null=True)
    parent_id = models.BigIntegerField("上级页面", null=True)
    content = models.JSONField("内容")
    maker = models.ForeignKey("org.User", on_delete=models.CASCADE, related_name="+", verbose_name="谁")
    open = models.BooleanField("免登录", default=False)
    expires_at = models.DateTimeField("失效时间", db_index=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "预览"
        constraints = [
            models.UniqueConstraint(
                fields=["maker", "page_type", "page_id", "parent_id", "open"], name="cms_preview_one"
            )
        ]
