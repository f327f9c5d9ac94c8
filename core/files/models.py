"""One row for each file a hospital keeps; equal content is one blob on disk."""

from django.db import models

from core.org.models import HospitalModel


class StoredFile(HospitalModel):
    """A kept file. The bytes lie under `$QINGLIAN_HOME/files` by their hash, never under a public address.

    `owner_type`/`owner_uid` name the thing whose rights decide who may open it; without one, only the maker.
    """

    STATES = [("active", "在用"), ("retired", "停用")]
    CLASSES = [(1, "公开"), (2, "内部"), (3, "敏感"), (4, "机密")]

    name = models.CharField("文件名", max_length=200)
    sha256 = models.CharField("校验和", max_length=64)
    size = models.BigIntegerField("字节数")
    content_type = models.CharField("内容类型", max_length=120, default="application/octet-stream")
    kind = models.CharField("用途", max_length=40, default="attachment")
    data_class = models.PositiveSmallIntegerField("密级", choices=CLASSES, default=2)
    owner_type = models.CharField("所属类型", max_length=80, blank=True)
    owner_uid = models.UUIDField("所属编号", null=True)
    state = models.CharField("状态", max_length=10, choices=STATES, default="active")
    keep_until = models.DateField("保存至", null=True)
    created_at = models.DateTimeField("存入时间")
    created_by = models.CharField("存入人", max_length=300)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "文件"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["hospital", "sha256"], name="files_file_hash"),
            models.Index(fields=["owner_type", "owner_uid"], name="files_file_owner"),
        ]

    def __str__(self) -> str:
        return self.name
