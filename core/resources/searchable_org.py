"""Persons and departments as search finds them."""

from typing import Any

from django.db.models import Q

from core.kernel.context import current_hospital
from core.org.models import Department, Enrolment, Person, Post
from core.policy.roles import role_label
from core.resources.searchable import Document, register_searchable
from core.resources.specs_org import STATES, persons_of


def register() -> None:
    """Make persons and departments findable."""
    register_searchable("org.person", label="人员", build=_persons, all_uids=_all_persons)
    register_searchable("org.department", label="科室", build=_departments, all_uids=_all_departments)


def _persons(uids: list[str]) -> list[Document]:
    here = current_hospital()
    assert here is not None
    return [
        Document(
            type="org.person",
            uid=str(person.uid),
            hospital_id=here.id,
            title=person.name,
            names=(person.name,),
            href=f"/h/{here.slug}/r/org.person/{person.uid}",
            department=person.department_name or "",
            hint=" · ".join(part for part in (person.title_here, role_label(person.role_here or "")) if part),
            attrs={
                "department": person.department_here,
                "campus": person.campus_here,
                "person": person.pk,
            },
        )
        for person in persons_of(here.id).filter(uid__in=uids)
    ]


def _all_persons(hospital: Any) -> Any:
    held = Post.objects.filter(hospital_id=hospital.id).values("person_id")
    roll = Enrolment.objects.filter(hospital_id=hospital.id).values("person_id")
    return (
        Person.objects.filter(Q(pk__in=held) | Q(pk__in=roll))
        .order_by("uid")
        .values_list("uid", flat=True)
        .iterator()
    )


def _departments(uids: list[str]) -> list[Document]:
    here = current_hospital()
    assert here is not None
    kinds = dict(Department.KINDS)
    return [
        Document(
            type="org.department",
            uid=str(found.uid),
            hospital_id=here.id,
            title=found.name,
            organisations=(found.name,),
            codes=(found.code,),
            href=f"/h/{here.slug}/r/org.department/{found.uid}",
            campus=found.campus.name if found.campus else "",
            department=found.name,
            state=found.state,
            state_label=STATES.get(found.state, ""),
            hint=" · ".join(part for part in (kinds[found.kind], found.parent and found.parent.name) if part),
            attrs={"department": found.pk, "campus": found.campus_id, "state": found.state},
        )
        for found in Department.objects.filter(uid__in=uids).select_related("campus", "parent")
    ]


def _all_departments(hospital: Any) -> Any:
    return Department.objects.order_by("uid").values_list("uid", flat=True).iterator()
