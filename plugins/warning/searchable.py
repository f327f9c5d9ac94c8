"""Warnings as search finds them: one document without personal data, one with it for those who are shown class 3."""

from collections.abc import Iterable
from typing import Any

from core.plugin_api import current_hospital
from core.plugin_api.flow import flow
from core.plugin_api.search import Document, register_searchable
from plugins.warning.models import LEVELS, Warning


def register() -> None:
    """Make warnings findable where the plugin is enabled."""
    register_searchable("warning.warning", label="预警", build=build, all_uids=all_uids, plugin="warning")


def build(uids: list[str]) -> list[Document]:
    """The documents of these warnings of the hospital in context."""
    here = current_hospital()
    assert here is not None
    states = {state.code: state.label for state in flow("warning.case").states}
    rows = Warning.objects.filter(uid__in=uids).select_related("department", "flow", "finding__rule")
    return [
        document
        for warning in rows
        for document in _both(warning, f"/h/{here.slug}/r/warning.warning/{warning.uid}", states)
    ]


def all_uids(hospital: Any) -> Iterable[str]:
    """Every warning of the hospital."""
    return (str(uid) for uid in Warning.objects.order_by("uid").values_list("uid", flat=True).iterator())


def _both(warning: Warning, href: str, states: dict[str, str]) -> list[Document]:
    common: dict[str, Any] = {
        "type": "warning.warning",
        "uid": str(warning.uid),
        "hospital_id": warning.hospital_id,
        "title": warning.title,
        "href": href,
        "codes": (warning.rule_code,),
        "date": warning.opened_at.date(),
        "department": warning.department.name if warning.department else "",
        "state": warning.flow.state,
        "state_label": states.get(warning.flow.state, warning.flow.state),
        "hint": f"{dict(LEVELS)[warning.level]} · {warning.period}",
        "attrs": {
            "department": warning.department_id,
            "person": warning.doctor_code,
            "state": warning.flow.state,
        },
    }
    rule = warning.finding.rule.title if warning.finding.rule else ""
    if not warning.person_label:
        return [Document(**common, body=rule)]
    person = warning.person_label
    return [
        Document(**common, body=rule, class_to=2),
        Document(**common, body=f"{rule} 人员：{person}", names=(person,), class_from=3),
    ]
