"""What a ranking of doctors stands on beside the data: the hospital's rule on names, and doctors' statements."""

from typing import ClassVar

from django.db import models

from core.plugin_api import HospitalModel


class DisclosureEntry(HospitalModel):
    """One entry, written once. The newest `names` entry says whether names are shown; of a doctor's statements on a
    quarter the newest counts. A frozen ranking holds copies, so a later entry changes none."""

    KINDS: ClassVar[dict[str, str]] = {"names": "公示规定", "statement": "医师说明"}

    audit_frozen = True

    kind = models.CharField("种类", max_length=10, choices=list(KINDS.items()))
    number = models.PositiveIntegerField("序号", help_text="1, 2, … in each kind of a hospital")
    show_names = models.BooleanField("公示姓名", null=True)
    quarter = models.CharField("季度", max_length=7, blank=True)
    doctor = models.CharField("医师工号", max_length=200, blank=True)
    text = models.TextField("依据或说明")
    entered_at = models.DateTimeField("登记时间")
    entered_by = models.CharField("登记人", max_length=300)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "公示依据"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["hospital", "kind", "number"], name="warning_disclosure_number")
        ]

    def __str__(self) -> str:
        return f"{self.KINDS[self.kind]} {self.number}"
