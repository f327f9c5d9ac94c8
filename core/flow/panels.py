"""How an item reads on a page: the steps panel, the action forms, the due text."""

from datetime import date
from typing import Any

from core.flow.declare import Flow, Transition
from core.flow.models import FlowItem


def steps_panel(item: FlowItem, today: date) -> dict[str, Any]:
    """The panel "处理经过": steps taken, the present one with its deadline, what may come."""
    declared = Flow.model_validate(item.flow.body)
    done = []
    for step in item.steps.all():
        transition = declared.transition(step.verb)
        done.append(
            {
                "state": "done",
                "title": transition.done if transition else declared.opened,
                "who": step.actor_label,
                "at": step.at.isoformat(),
                "note": _note(step.note, step.values, transition),
                "files": [{"name": file["name"], "href": file["href"]} for file in step.files],
            }
        )
    state = declared.state(item.state)
    if state.kind != "closed":
        now: dict[str, Any] = {
            "state": "now",
            "title": state.label,
            "who": item.department.name if item.department else "",
        }
        if item.due_on:
            now["due"] = due_text(item, today)
        done.append(now)
        closing = next(s for s in declared.states if s.kind == "closed")
        done.append({"state": "todo", "title": closing.label})
    return {"kind": "steps", "id": "steps", "place": "side", "title": "处理经过", "items": done}


def due_text(item: FlowItem, today: date) -> dict[str, Any]:
    """Days left, a sentence and the basis of the deadline."""
    assert item.due_on is not None
    left = (item.due_on - today).days
    said = f"还有 {left} 天" if left > 0 else "今天到期" if left == 0 else f"已超过 {-left} 天"
    if item.due_provisional:
        said += "（暂算：当年节假日安排未录入）"
    return {
        "days_left": left,
        "text": f"{said}，{item.due_on.month}月{item.due_on.day}日截止",
        "basis": item.due_basis,
    }


def form_of(transition: Transition) -> dict[str, Any]:
    """The FormSpec of a transition."""
    return {
        "title": transition.label,
        "help": transition.help,
        "submit_label": transition.label.rstrip("…"),
        "fields": [
            {
                **field.model_dump(exclude={"choices"}),
                "choices": [{"value": code, "label": label} for code, label in field.choices.items()],
                **({"resource": "org.department"} if field.type == "department" else {}),
            }
            for field in transition.fields
        ],
    }


def _note(note: str, values: dict[str, Any], transition: Transition | None) -> str:
    said = []
    for field in transition.fields if transition else []:
        value = values.get(field.key)
        if isinstance(value, dict):
            said.append(f"{field.label}：{value['name']}")
        elif value:
            said.append(f"{field.label}：{field.choices.get(str(value), value)}")
    return "\n".join([*said, note] if note else said)
