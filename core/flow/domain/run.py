"""Opening an item and moving it on. Callers hold the transaction and the actor (`acting`)."""

import uuid
from datetime import date
from typing import Any

from core.audit.events import record
from core.flow.declare import Deadline, Flow, Transition, flow
from core.flow.models import FlowItem, FlowStep, FlowVersion
from core.flow.notices import stepped
from core.kernel import clock
from core.kernel.context import current_actor
from core.kernel.errors import FieldError, Invalid, Refused
from core.org.domain.calendar import add_working_days
from core.org.models import Department, Hospital
from core.regulations.domain import value


def version_of(key: str) -> FlowVersion:
    """The stored version of the flow now in force, stored at first use."""
    declared = flow(key)
    found, _ = FlowVersion.objects.get_or_create(
        key=key, digest=declared.digest(), defaults={"body": declared.body()}
    )
    return found


def open_items(
    version: FlowVersion, hospital: Hospital, subject_type: str, subjects: list[uuid.UUID], note: str = ""
) -> list[FlowItem]:
    """New items at the initial state, one per subject uid, in one batch."""
    declared = Flow.model_validate(version.body)
    actor, at = _actor(), clock.now()
    items = FlowItem.unscoped.bulk_create(
        [
            FlowItem(
                hospital=hospital,
                flow=version,
                subject_type=subject_type,
                subject_uid=uid,
                state=declared.initial,
                opened_at=at,
            )
            for uid in subjects
        ],
        batch_size=500,
    )
    FlowStep.unscoped.bulk_create(
        [
            FlowStep(
                hospital=hospital,
                item=item,
                verb="open",
                to_state=declared.initial,
                actor=str(actor),
                actor_label=actor.label,
                at=at,
                note=note,
            )
            for item in items
        ],
        batch_size=500,
    )
    return items


def move(item: FlowItem, verb: str, values: dict[str, Any], files: list[dict[str, str]]) -> FlowStep:
    """Take one transition. Who may was decided by policy before; this checks state and form, and writes the step.

    Raises Refused when the state does not allow it, Invalid naming each field.
    """
    declared = Flow.model_validate(item.flow.body)
    transition = declared.transition(verb)
    if transition is None or item.state not in transition.sources:
        raise Refused(
            f"当前状态是“{declared.state(item.state).label}”，不能{transition.label if transition else '这样做'}。请刷新后再看。"
        )
    clean = _clean(transition, values, files, item.hospital_id)
    actor, at, before = _actor(), clock.now(), item.state
    target = declared.state(transition.target)
    item.state = transition.target
    item.version += 1
    item.closed_at = at if target.kind == "closed" else None
    item.due_on, item.due_provisional, item.due_basis = None, False, ""
    if transition.deadline:
        today = clock.today(item.hospital.zone)
        days, basis = _days(transition.deadline, item.hospital, today)
        due = add_working_days(today, days, item.hospital_id)
        item.due_on, item.due_provisional, item.due_basis = due.day, due.provisional, basis[:200]
    if "department" in clean:
        item.department_id = clean["department"]["id"]
    item.save()
    step = FlowStep.unscoped.create(
        hospital_id=item.hospital_id,
        item=item,
        verb=verb,
        from_state=before,
        to_state=item.state,
        actor=str(actor),
        actor_label=actor.label,
        at=at,
        note=str(clean.pop("note", "")),
        values=clean,
        files=files,
    )
    record(
        f"flow.{verb}",
        item.subject_type,
        item.subject_uid,
        {"from": before, "to": item.state, "step": str(step.uid), "files": [file["uid"] for file in files]},
        hospital=item.hospital_id,
    )
    stepped(item, verb, before, step.uid)
    return step


def _days(deadline: Deadline, hospital: Hospital, today: date) -> tuple[int, str]:
    """Working days and their basis, of the rule in force today where one is named."""
    if not deadline.rule:
        assert deadline.working_days is not None  # the declaration was checked
        return deadline.working_days, deadline.basis
    rule = value(deadline.rule, on=today, hospital=hospital)
    return rule.whole("working_days"), rule.said


def _clean(
    transition: Transition, values: dict[str, Any], files: list[dict[str, str]], hospital_id: int
) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    errors = []
    unknown = set(values) - {field.key for field in transition.fields}
    errors += [FieldError(pointer=f"/values/{key}", message="没有这一项。") for key in sorted(unknown)]
    for field in transition.fields:
        pointer = f"/values/{field.key}"
        if field.type == "file":
            if field.required and not files:
                errors.append(
                    FieldError(pointer=pointer, message=f"请附上{field.label}。", cure="选择一个文件后再试。")
                )
            continue
        value = values.get(field.key)
        text = "" if value is None else str(value).strip()
        if not text:
            if field.required:
                errors.append(FieldError(pointer=pointer, message=f"请填写{field.label}。"))
            continue
        if field.max_length and len(text) > field.max_length:
            errors.append(
                FieldError(
                    pointer=pointer,
                    message=f"{field.label}最多 {field.max_length} 个字，现在有 {len(text)} 个。",
                )
            )
        elif field.type == "choice" and text not in field.choices:
            errors.append(FieldError(pointer=pointer, message=f"请从列出的选项里选择{field.label}。"))
        elif field.type == "department":
            department = _department(text, hospital_id)
            if department is None:
                errors.append(FieldError(pointer=pointer, message="没有这个科室，请重新选择。"))
            else:
                clean[field.key] = {"id": department.id, "uid": str(department.uid), "name": department.name}
        else:
            clean[field.key] = text
    if errors:
        raise Invalid("还不能提交，请按提示补充。", errors)
    return clean


def _department(uid: str, hospital_id: int) -> Department | None:
    try:
        return Department.unscoped.filter(hospital_id=hospital_id, uid=uuid.UUID(uid), state="active").first()
    except ValueError:
        return None


def _actor() -> Any:
    actor = current_actor()
    if actor is None:
        raise RuntimeError("flow: no actor; open acting() first")
    return actor
