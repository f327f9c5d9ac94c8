"""Whether doctors' names are shown, on what basis, and what doctors say: entries that are only ever added."""

from typing import Any

from django.db.models import Max

from core.plugin_api import Actor, FieldError, Hospital, Invalid, Post, acting, clock, lake, record
from core.plugin_api.resources import Command, Done
from plugins.warning.domain import quarters
from plugins.warning.models import DisclosureEntry

MASK = "**"


def names_rule(hospital: Any) -> DisclosureEntry | None:
    """The rule on names in force; None: nothing recorded, names stay masked."""
    return DisclosureEntry.unscoped.filter(hospital_id=hospital.id, kind="names").order_by("-number").first()


def statements(hospital: Any, quarter: str) -> dict[str, str]:
    """Doctor's code → the newest statement on that quarter; an empty one takes it back."""
    rows = DisclosureEntry.unscoped.filter(hospital_id=hospital.id, kind="statement", quarter=quarter)
    return dict(rows.order_by("number").values_list("doctor", "text"))


def masked(name: str) -> str:
    """张三丰 → 张**; without a name 医师."""
    return f"{name[0]}{MASK}" if name else "医师"


def set_names(hospital: Hospital, show: bool, basis: str, *, by: Actor) -> DisclosureEntry:
    """Record whether names are shown and the rule that says so. Raises Invalid without its text."""
    if not basis.strip():
        raise Invalid("请写明依据的规定。", [FieldError("/values/basis", "必须填写", "写明文件名称和文号")])
    return _add(hospital, by, "names", show_names=show, text=basis.strip())


def state(hospital: Hospital, quarter: str, doctor: str, text: str, *, by: Actor) -> DisclosureEntry:
    """Record a doctor's statement on a quarter; it stands in versions frozen from now on. Raises Invalid."""
    code = doctor.strip()
    known = Post.unscoped.filter(hospital_id=hospital.id, source_code=code).exists()
    if not code or not (known or lake.resolve(hospital, "doctor", code)):
        raise Invalid(
            "没有这个医师工号。",
            [FieldError("/values/doctor", "没有这个医师工号", "请按处方明细中的工号填写")],
        )
    return _add(hospital, by, "statement", quarter=quarters.parse(quarter), doctor=code, text=text.strip())


def record_names(command: Command, thing: Any) -> Done:
    """The form 登记公示规定."""
    made = set_names(
        _hospital(command), command.values["show"] == "show", command.values["basis"] or "", by=command.by
    )
    said = "从下次冻结起公示姓名。" if made.show_names else "从下次冻结起隐去姓名。"
    return Done(uid=str(made.uid), message=f"已登记。{said}已冻结的不变。", event={"number": made.number})


def record_statement(command: Command, thing: Any) -> Done:
    """The form 登记医师说明."""
    values = command.values
    made = state(_hospital(command), values["quarter"], values["doctor"], values["text"] or "", by=command.by)
    return Done(
        uid=str(made.uid),
        message="已登记。已冻结的不变；需要时请重新冻结，另存新的一版。",
        event={"number": made.number},
    )


def _add(hospital: Hospital, by: Actor, kind: str, **values: Any) -> DisclosureEntry:
    with acting(by):
        Hospital.objects.select_for_update().get(pk=hospital.pk)
        rows = DisclosureEntry.unscoped.filter(hospital=hospital, kind=kind)
        number = (rows.aggregate(last=Max("number"))["last"] or 0) + 1
        made = DisclosureEntry.unscoped.create(
            hospital=hospital,
            kind=kind,
            number=number,
            entered_at=clock.now(),
            entered_by=by.label[:300],
            **values,
        )
        record(
            f"warning.disclosure.{kind}",
            "warning.disclosure",
            made.uid,
            {"number": number},
            hospital=hospital,
        )
    return made


def _hospital(command: Command) -> Hospital:
    return Hospital.objects.get(pk=command.principal.hospital_id)
