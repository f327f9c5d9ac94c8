"""合并人员记录: an action of `org.person`, added here because what it moves belongs to rooms above that list."""

from dataclasses import replace

from core.kernel.errors import FieldError, Invalid, Refused
from core.org.models import Person
from core.policy.decide import can
from core.resources import registry
from core.resources.spec import Action, Command, Done, Form, FormField
from core.resources.specs_org_people import grade_of, persons_of
from core.resources.specs_org_place import hospital_of
from core.roster.domain import merging

FORM = Form(
    "合并人员记录",
    (
        FormField(
            "other",
            "另一条记录",
            "person",
            required=True,
            resource="org.person",
            help="同一个人的另一条记录，合并后不再存在；这一条的姓名保留",
        ),
        FormField("sure", "已核对是同一个人，确认合并", "bool", help="先不勾选，可以先看会合并什么"),
    ),
    "合并",
    "合并后不能撤销。另一条记录的任职、消息、联系方式等都归到这一条，登录设备不受影响。",
)


def register() -> None:
    """Add the action to the list of persons."""
    found = registry.get("org.person")
    assert found is not None
    if found.spec.action("merge") is None:
        action = Action("merge", "合并记录", _merge, "quiet", form=FORM)
        registry.register(replace(found.spec, actions=(*found.spec.actions, action)), found.source)


def _merge(command: Command, kept: Person) -> Done:
    hospital = hospital_of(command)
    other = persons_of(hospital.pk).filter(uid=command.values["other"]).first()
    if other is None:
        raise Invalid("没有这个人。", [FieldError("/values/other", "没有这个人", "请重新选择本院的人员")])
    if command.principal.person_id in (kept.pk, other.pk):
        raise Refused("自己的记录请由另一位医院管理员合并。")

    def may_give(role: str) -> bool:
        return can(command.principal, "add", "org.post", {"state": grade_of(role)}).allowed

    if not command.values["sure"]:
        merging.check(kept, other, hospital, may_give)
        moving = "、".join(f"{label} {count} 项" for label, count in merging.preview(kept, other))
        said = f"将把“{other.name}”的{moving or '空记录'}合并到“{kept.name}”，合并后不能撤销"
        raise Invalid(f"{said}。", [FieldError("/values/sure", said, "核对无误后请勾选，再提交")])
    gone = str(other.uid)
    moved = merging.merge(kept, other, hospital, may_give)
    return Done(message="两条记录已合并。", event={"merged": gone, "moved": moved})
