"""What administrators see: deliveries with the reason of those that failed, and the night shifts."""

from collections.abc import Mapping
from typing import Any

from core.kernel.errors import FieldError, Invalid
from core.notify.domain import deliver, duty
from core.notify.domain.people import here
from core.notify.kinds import kind_of
from core.notify.models import Channel, Delivery, DeliveryState, NightDuty
from core.org.models import Hospital, Person
from core.policy.types import TypePolicy, register_type
from core.resources.model_source import ModelSource
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec

DELIVERY, NIGHT_DUTY, SETTINGS = "notify.delivery", "notify.night_duty", "notify.settings"
#: How many one press of 全部重发 takes.
MOST = 2000


def register() -> None:
    """Make types and lists known."""
    register_type(TypePolicy(DELIVERY, "消息发送", 2, {"state": "state"}))
    register_type(TypePolicy(NIGHT_DUTY, "夜班", 2))
    register_type(TypePolicy(SETTINGS, "消息设置", 2))
    register_resource(_delivery(), ModelSource(Delivery, label="person__name", state="state"))
    register_resource(_night_duty(), ModelSource(NightDuty, label="person__name"))


def _delivery() -> ResourceSpec:
    return ResourceSpec(
        key=DELIVERY,
        label="消息发送",
        label_plural="消息发送",
        data_class=2,
        question="哪些消息没有送到，为什么？",
        icon="信",
        fields=(
            Field(
                "person",
                "收件人",
                "person",
                path="person__name",
                filterable=True,
                sortable=True,
                order_path="person__sort_key",
                role="primary",
            ),
            Field("what", "消息", compute=_what, needs=("notice__kind", "title"), role="secondary"),
            Field("channel", "渠道", labels=dict(Channel.choices), filterable=True),
            Field("state", "状态", "state", labels=dict(DeliveryState.choices), filterable=True),
            Field("reason", "原因", role="secondary"),
            Field("code", "原因代码", "code", filterable=True, column=False),
            Field("attempts", "尝试次数", "number"),
            Field("created_at", "产生时间", "datetime", sortable=True, filterable=True),
            Field("due_at", "计划时间", "datetime"),
            Field("sent_at", "送出时间", "datetime", column=False),
        ),
        filters=(Filter("state", "状态", "choice"), Filter("channel", "渠道", "choice")),
        orders=(("-created_at", "产生时间"), ("person", "收件人")),
        default_order="-created_at",
        search=("person",),
        actions=(
            Action(
                verb="resend",
                label="重发",
                handler=_resend,
                style="primary",
                states=frozenset({DeliveryState.FAILED}),
            ),
            Action(
                verb="resend_all",
                label="全部重发",
                handler=_resend_all,
                scope="list",
                right="resend",
                confirm="把所有没有送到的消息再发一次。请先处理好原因。",
            ),
        ),
        empty={"title": "没有这样的消息", "hint": "没有送到的消息会列在这里，并写明原因。"},
    )


def _night_duty() -> ResourceSpec:
    return ResourceSpec(
        key=NIGHT_DUTY,
        label="夜班",
        label_plural="夜班",
        data_class=2,
        question="谁上夜班，下班后休息到几点？",
        icon="夜",
        fields=(
            Field(
                "person",
                "人员",
                "person",
                path="person__name",
                filterable=True,
                sortable=True,
                order_path="person__sort_key",
                role="primary",
            ),
            Field("day", "值班日期", "date", filterable=True, sortable=True, role="secondary"),
            Field("ends_at", "下班时间", "datetime", role="secondary"),
        ),
        filters=(Filter("day", "值班日期", "date_range"),),
        orders=(("-day", "值班日期"), ("person", "人员")),
        default_order="-day",
        search=("person",),
        actions=(
            Action(
                verb="add",
                label="登记夜班",
                handler=_add,
                style="primary",
                scope="list",
                right="change",
                form=Form(
                    title="登记夜班",
                    help="夜班后到医院设定的时间为止，除紧急消息外不打扰本人。",
                    fields=(
                        FormField("person", "人员", "person", required=True, resource="org.person"),
                        FormField("day", "值班日期", "date", required=True, help="夜班开始的那一天"),
                        FormField(
                            "ends", "次日下班时间", "text", help="例如 08:00；不填为 08:00", max_length=5
                        ),
                    ),
                    submit_label="登记",
                ),
            ),
            Action(
                verb="remove",
                label="删除",
                handler=_remove,
                style="quiet",
                right="change",
                confirm="删除后，这一天按平常时间发送消息。",
            ),
        ),
        empty={"title": "没有登记夜班", "hint": "可以逐条登记，也可以请系统管理员用命令导入整月的排班表。"},
    )


def _what(values: Mapping[str, Any]) -> str:
    """The label of the kind; the text itself is the recipient's."""
    if not values["notice__kind"]:
        return "每日汇总"
    kind = kind_of(values["notice__kind"])
    return kind.label if kind else str(values["notice__kind"])


def _resend(command: Command, thing: Delivery) -> Done:
    deliver.resend([thing])
    return Done(uid=str(thing.uid), message="已重新排队，一分钟内发出。")


def _resend_all(command: Command, thing: Any) -> Done:
    rows = list(Delivery.objects.filter(state=DeliveryState.FAILED).order_by("pk")[:MOST])
    count = sum(deliver.resend(rows[start : start + 500]) for start in range(0, len(rows), 500))
    return Done(message=f"{count} 条消息已重新排队，一分钟内开始发出。", event={"count": count})


def _add(command: Command, thing: Any) -> Done:
    assert command.principal.hospital is not None
    hospital = Hospital.objects.get(pk=command.principal.hospital.id)
    person = Person.objects.filter(uid=command.values["person"]).first()
    if person is None or not here([person.pk], hospital):
        raise Invalid("没有这个人。", [FieldError("/values/person", "没有找到这个人。", "请从列表里选择。")])
    try:
        ends = duty.parse_time(command.values["ends"]) if command.values.get("ends") else duty.ENDS
    except ValueError:
        raise Invalid(
            "时间的格式不对。", [FieldError("/values/ends", "时间的格式不对。", "写成 08:00。")]
        ) from None
    row = duty.put(hospital, person.pk, command.values["day"], ends)
    return Done(uid=str(row.uid), message="已登记。")


def _remove(command: Command, thing: NightDuty) -> Done:
    thing.delete()
    return Done(message="已删除。")
