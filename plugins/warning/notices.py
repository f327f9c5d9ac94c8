"""What the handling of a warning tells whom. Texts name the warning's title (class 2), never a person or a figure."""

from typing import Any

from core.plugin_api.flow import FlowItem
from core.plugin_api.notices import FlowNotices, NoticeKind, Told, follow, holders, register_kind
from plugins.warning.models import Warning

TYPE = "warning.warning"
SLOTS: dict[str, int | str] = {"title": "warning.warning:title", "department": 2}


def _kind(name: str, label: str, title: str, template: str, **options: Any) -> str:
    slots = {**SLOTS, **options.pop("slots", {})}
    made = NoticeKind(
        key=f"warning.{name}",
        label=label,
        title=title,
        template=template,
        slots=slots,
        plugin="warning",
        **options,
    )
    return register_kind(made).key


ASSIGNED = _kind(
    "assigned",
    "请科室说明预警",
    "请说明“{title}”",
    "有一条预警请{department}说明：“{title}”。请在期限前附材料答复。",
    hint="本科室的预警等待说明",
    todo=True,
    lasting=True,
)
RETURNED = _kind(
    "returned",
    "预警说明被退回",
    "请补充说明“{title}”",
    "{department}对“{title}”的说明还需要补充，请按要求再次说明。",
    hint="本科室的说明需要补充",
    todo=True,
    lasting=True,
)
DUE = _kind(
    "due",
    "预警说明快到期",
    "“{title}”的说明快到期了",
    "{department}对“{title}”的说明还有 {days} 个工作日到期，请尽快答复。",
    hint="到期前三个和一个工作日各提醒一次",
    slots={"days": 2},
    todo=True,
    lasting=True,
)
OVERDUE = _kind(
    "overdue",
    "预警说明已过期",
    "“{title}”的说明已过期",
    "{department}对“{title}”的说明已过期限，请马上答复。",
    hint="过期后提醒一次，纪检监察室同时知道",
    todo=True,
    lasting=True,
)
OVERDUE_SEEN = _kind(
    "overdue_seen",
    "科室说明已过期",
    "{department}的说明已过期",
    "{department}还没有对“{title}”作出说明，期限已过。",
    hint="科室没有按期说明",
    lasting=True,
)
ANSWERED = _kind(
    "answered",
    "科室已说明预警",
    "{department}已说明“{title}”",
    "{department}已对“{title}”作出说明，请核实。",
    hint="科室说明之后等待核实",
    todo=True,
    lasting=True,
)
JUDGE_DUE = _kind(
    "judge_due",
    "预警核实快到期",
    "“{title}”的核实快到期了",
    "{department}已说明“{title}”，核实还有 {days} 个工作日到期。",
    hint="到期前三个和一个工作日各提醒一次",
    slots={"days": 2},
    todo=True,
    lasting=True,
)
JUDGE_OVERDUE = _kind(
    "judge_overdue",
    "预警核实已过期",
    "“{title}”的核实已过期",
    "{department}已说明“{title}”，核实已过期限。",
    hint="过期后提醒一次",
    todo=True,
    lasting=True,
)
CLOSED = _kind(
    "closed",
    "预警已结案",
    "“{title}”已结案",
    "{department}说明过的“{title}”已结案，打开后可以看到结论。",
    hint="本科室说明过的预警有了结论",
)


def register() -> None:
    """Follow the flow of warnings."""
    follow(
        FlowNotices(
            flow="warning.case",
            subject_type=TYPE,
            plugin="warning",
            slots=_slots,
            href=_href,
            steps={
                ("assign", "open"): (Told(ASSIGNED, _heads),),
                ("assign", "answered"): (Told(RETURNED, _heads),),
                ("answer", ""): (Told(ANSWERED, _judges),),
                ("close", ""): (Told(CLOSED, _heads),),
            },
            due={"waiting": Told(DUE, _heads), "answered": Told(JUDGE_DUE, _judges)},
            overdue={
                "waiting": (Told(OVERDUE, _heads), Told(OVERDUE_SEEN, _judges)),
                "answered": (Told(JUDGE_OVERDUE, _judges),),
            },
        )
    )


def _heads(item: FlowItem) -> list[int]:
    """Those who may answer for the department in charge; nobody before one was named."""
    if item.department_id is None:
        return []
    return holders("answer", TYPE, _thing(item, "waiting"), hospital=item.hospital)


def _judges(item: FlowItem) -> list[int]:
    """Those who may close it."""
    return holders("close", TYPE, _thing(item, "answered"), hospital=item.hospital)


def _thing(item: FlowItem, state: str) -> dict[str, Any]:
    """The warning as policy sees it in that state; its own row follows only after the step."""
    doctor = Warning.objects.filter(flow_id=item.pk).values_list("doctor_code", flat=True).first()
    return {
        "department": item.department_id,
        "person": doctor,
        "state": state,
        "object": item.subject_uid,
    }


def _slots(item: FlowItem) -> dict[str, Any]:
    title = Warning.objects.filter(flow_id=item.pk).values_list("title", flat=True).first()
    return {"title": title or "预警", "department": item.department.name if item.department else "科室"}


def _href(item: FlowItem) -> str:
    return f"/h/{item.hospital.slug}/r/{TYPE}/{item.subject_uid}"
