"""Growing the trees: paths and sort keys are set here, never in `save()`."""

from typing import Any

from django.db import transaction

from core.kernel.errors import Invalid
from core.kernel.sortkey import sort_key
from core.org.models import Campus, Department, Hospital, PartyOrg


def create_hospital(*, slug: str, name: str, short_name: str = "") -> Hospital:
    """A new hospital. Raises Invalid when the slug is taken."""
    if Hospital.objects.filter(slug=slug).exists():
        raise Invalid(f"网址名“{slug}”已被使用，请换一个。")
    return Hospital.objects.create(
        slug=slug, name=name, short_name=short_name or name, sort_key=sort_key(name)
    )


def add_department(
    *,
    hospital: Hospital,
    code: str,
    name: str,
    parent: Department | None = None,
    campus: Campus | None = None,
    **values: Any,
) -> Department:
    """A department below `parent`; it takes the parent's campus when none is named. Raises Invalid on a foreign parent."""
    return _add(
        Department,
        hospital,
        parent,
        code=code,
        name=name,
        campus=campus or (parent and parent.campus),
        **values,
    )


def add_party_org(
    *, hospital: Hospital, code: str, name: str, kind: str, parent: PartyOrg | None = None
) -> PartyOrg:
    """A Party organisation below `parent`. Raises Invalid on a foreign parent."""
    return _add(PartyOrg, hospital, parent, code=code, name=name, kind=kind)


def _add(model: type[Any], hospital: Hospital, parent: Any, **values: Any) -> Any:
    if parent is not None and parent.hospital_id != hospital.id:
        raise Invalid("上级单位不属于本医院。")
    with transaction.atomic():
        made = model(hospital=hospital, parent=parent, path="", sort_key=sort_key(values["name"]), **values)
        made.save()
        made.path = f"{parent.path if parent else '/'}{made.id}/"
        model.unscoped.filter(pk=made.pk).update(path=made.path)
    return made
