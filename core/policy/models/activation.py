"""Which plugins a hospital has enabled. The one predicate reads this table."""

from django.db import models

from core.org.models import HospitalModel


class PluginActivation(HospitalModel):
    """A plugin's switch in one hospital. No row means disabled."""

    plugin = models.CharField("插件", max_length=60)
    enabled = models.BooleanField("已启用", default=False)
    changed_at = models.DateTimeField("更改时间")
    changed_by = models.CharField("更改人", max_length=120)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "插件启用"
        constraints = [models.UniqueConstraint(fields=["hospital", "plugin"], name="policy_activation")]
