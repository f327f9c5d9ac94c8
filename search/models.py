"""What search keeps in the main database: who searched for what, and how far each engine has come."""

from typing import Any

from django.db import models

from core.org.models import HospitalModel


class SearchLog(HospitalModel):
    """One question: written once, never changed. The audit log holds a mark in place of the words."""

    audit_secret = ("query",)
    audit_frozen = True  # the database itself refuses to change or remove a row

    KINDS = [("search", "检索"), ("suggest", "联想")]

    kind = models.CharField("方式", max_length=10, choices=KINDS)
    actor = models.CharField("账号", max_length=60)
    actor_label = models.CharField("姓名", max_length=120)
    query = models.CharField("检索词", max_length=500)
    filters = models.JSONField("筛选", default=dict)
    mode = models.CharField("匹配方式", max_length=3)
    hits = models.PositiveIntegerField("结果数")
    engine = models.CharField("检索引擎", max_length=20)
    at = models.DateTimeField("时间")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "检索记录"
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["hospital", "-at"], name="search_log_at")]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Append only. Raises TypeError for a row that is there already."""
        if not self._state.adding:
            raise TypeError("the search log is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Never. Raises TypeError."""
        raise TypeError("the search log is append-only")


class Pending(models.Model):
    """A change that an engine could not take: handed in again until it does."""

    engine = models.CharField(max_length=20)
    hospital = models.ForeignKey("org.Hospital", on_delete=models.CASCADE, related_name="+")
    type = models.CharField(max_length=80)
    uid = models.CharField(max_length=200)

    class Meta:
        verbose_name = verbose_name_plural = "待补索引"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["engine", "hospital", "type", "uid"], name="search_pending_once")
        ]


class Ready(models.Model):
    """When an engine's index of a hospital was last found equal to the source. Without a row it is not trusted."""

    engine = models.CharField(max_length=20)
    hospital = models.ForeignKey("org.Hospital", on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = "索引状态"
        constraints = [models.UniqueConstraint(fields=["engine", "hospital"], name="search_ready_once")]
