"""The base of everything that belongs to one hospital: no query can forget the hospital."""

from typing import Any, ClassVar, Self

from django.db import models

from core.kernel.context import current_hospital
from core.kernel.ids import new_uid


class HospitalRequired(RuntimeError):
    """A hospital's rows were asked for with no hospital in context: a fault in our code, never the user's."""


class HospitalManager(models.Manager):
    """Only rows of the hospital in context. Raises HospitalRequired without one."""

    def get_queryset(self) -> models.QuerySet:
        """Rows of `current_hospital()`."""
        hospital = current_hospital()
        if hospital is None:
            raise HospitalRequired(
                f"{self.model.__name__}: no hospital in context; open hospital_scope() first"
            )
        return super().get_queryset().filter(hospital_id=hospital.id)

    def create(self, **values: Any) -> Any:
        """A new row of the hospital in context, unless one is named."""
        if "hospital" not in values and "hospital_id" not in values:
            hospital = current_hospital()
            if hospital is None:
                raise HospitalRequired(f"{self.model.__name__}.create: no hospital in context")
            values["hospital_id"] = hospital.id
        return super(models.Manager, self.model.unscoped).create(**values)


class HospitalModel(models.Model):
    """Rows of one hospital: `uid` outside, `version` for optimistic locking.

    `objects` is limited to the hospital in context; `unscoped` is the raw manager, allowed only in the files
    that tests/unit/unscoped_allowed.txt lists.
    """

    hospital = models.ForeignKey(
        "org.Hospital", on_delete=models.PROTECT, related_name="+", verbose_name="医院"
    )
    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    version = models.PositiveIntegerField("版本", default=1, editable=False)

    unscoped: ClassVar[models.Manager[Self]] = models.Manager()
    objects: ClassVar[HospitalManager] = HospitalManager()

    class Meta:
        abstract = True
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"
