"""What the status page must remember between two looks: how full the disks were."""

from django.db import models


class Sample(models.Model):
    """One measurement of a place on disk, made every hour by the worker. Kept 60 days."""

    place = models.CharField("位置", max_length=20)
    at = models.DateTimeField("时间")
    used = models.BigIntegerField("已用字节")
    free = models.BigIntegerField("可用字节")

    class Meta:
        verbose_name = verbose_name_plural = "磁盘用量"
        ordering = ["id"]
        indexes = [models.Index(fields=["place", "at"], name="status_sample_place")]

    def __str__(self) -> str:
        return f"{self.place} {self.at:%Y-%m-%d %H:%M}"
