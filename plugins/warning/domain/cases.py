"""Handling a warning: ask the department, its answer, the outcome. States and deadlines are the flow's."""

from collections.abc import Callable
from typing import Any

from core.plugin_api import FieldError, Invalid, clock
from core.plugin_api.files import attach
from core.plugin_api.flow import FlowItem, move
from core.plugin_api.jobs import submit
from core.plugin_api.resources import Command, Done
from plugins.warning.models import Warning

MESSAGES = {
    "assign": "已请科室说明。科室负责人在首页就能看到。",
    "answer": "说明已提交。纪检监察室会看到并核实。",
    "close": "已结案。",
}


def step(verb: str) -> Callable[[Command, Warning], Done]:
    """The handler of one verb of the flow. Runs inside `acting()` on the locked warning."""

    def handler(command: Command, warning: Warning) -> Done:
        item = (
            FlowItem.unscoped.select_for_update().select_related("flow", "hospital").get(pk=warning.flow_id)
        )
        uids = tuple(command.values.get("files") or command.files)  # from the form's field, or a robot's body
        files = attach(uids, owner_type="warning.warning", owner_uid=warning.uid, by=command.principal)
        taken = move(item, verb, dict(command.values), files)
        _follow(warning, item, verb, taken.values)
        return Done(uid=str(warning.uid), message=MESSAGES[verb], event={"verb": verb, "state": item.state})

    return handler


def _follow(warning: Warning, item: FlowItem, verb: str, values: dict[str, Any]) -> None:
    if verb == "assign":
        if item.department_id is None:
            raise Invalid(
                "请选择承办科室。", [FieldError(pointer="/values/department", message="请选择承办科室。")]
            )
        warning.department_id = item.department_id
    if verb == "close":
        warning.outcome = values["outcome"]
    warning.updated_at = clock.now()
    warning.save()


def start(command: Command, thing: Any) -> Done:
    """Submit the run job: the button on the list of runs."""
    assert command.principal.hospital is not None
    made = submit("warning.run", {}, by=command.by, hospital=command.principal.hospital)
    return Done(message="已开始计算。", job=str(made.uid), event={"job": str(made.uid)})
