"""The first answer to a command under its key."""

from django.db import models


class IdempotentAnswer(models.Model):
    """What a command answered under an idempotency key, so that a repeated request changes nothing.

    `digest` is of what was asked: the same key with another request is refused. Kept a week.
    """

    audit_secret = ("response",)

    hospital = models.ForeignKey(
        "org.Hospital", on_delete=models.CASCADE, related_name="+", verbose_name="医院"
    )
    actor = models.CharField("操作人", max_length=300)
    key = models.CharField("幂等键", max_length=200)
    digest = models.CharField("请求摘要", max_length=64)
    response = models.JSONField("答复", null=True)
    created_at = models.DateTimeField("时间", db_index=True)

    class Meta:
        verbose_name = verbose_name_plural = "已办请求"
        constraints = [
            models.UniqueConstraint(fields=["hospital", "actor", "key"], name="resources_answer_key")
        ]

    def __str__(self) -> str:
        return self.key
