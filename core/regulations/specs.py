"""The page on which a hospital goes through every rule: what it says, how sure we are of it, who confirmed it."""

from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import (
    Case,
    Count,
    DateField,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from core.kernel import clock
from core.org.models import Hospital
from core.policy.types import TypePolicy, register_type
from core.regulations.declare import MARKS, defaults
from core.regulations.domain import confirm, history, revise, value
from core.regulations.domain.value import RuleValue, basis_of, since
from core.regulations.models import DefaultVersion, HospitalVersion, Rule
from core.resources import panels
from core.resources.model_source import ModelSource
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec, Row

KEY = "regulations.rule"
ZONE = ZoneInfo("Asia/Shanghai")
CONFIRMED = {"yes": "已确认", "no": "未确认"}
#: Inputs of a revision that are no parameters of the rule.
OWN_FIELDS = ("starts_on", "ends_on", "basis", "note")
#: Before a parameter's key in a form, so that a rule may have a parameter named as an input of ours.
PREFIX = "p_"


def register() -> None:
    """Make the page known."""
    register_type(TypePolicy(KEY, "规则核对", 2, {"state": "subject"}))
    register_resource(
        _spec(),
        ModelSource(
            Rule,
            label="title",
            state="confirmed",
            base=rules_of,
            annotations={
                "confirmed": False,
                "version": False,
                "regulation": False,
                "article": False,
                "mark": False,
                "default_start": False,
                "own_start": True,
                "confirmed_by": True,
                "confirmed_at": True,
                "own_basis": True,
            },
        ),
    )


def rules_of(hospital_id: int) -> QuerySet[Any]:
    """Rules in force today, with what the platform says and what the hospital has decided."""
    day = _today(hospital_id)
    in_force = Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gte=day))
    default = DefaultVersion.objects.filter(in_force, rule=OuterRef("pk")).order_by("-starts_on", "-number")
    rows = Rule.objects.filter(retired=False).annotate(
        default_id=Subquery(default.values("pk")[:1]),
        default_start=Subquery(default.values("starts_on")[:1], output_field=DateField()),
        regulation=Subquery(default.values("regulation")[:1]),
        article=Subquery(default.values("article")[:1]),
        mark=Subquery(default.values("mark")[:1]),
    )
    own = (
        HospitalVersion.objects.filter(in_force, hospital_id=hospital_id, rule=OuterRef("pk"))
        .filter(
            Q(starts_on__gt=OuterRef("default_start"))
            | Q(starts_on=OuterRef("default_start")) & (Q(based_on=OuterRef("default_id")) | Q(kind="revise"))
        )
        .order_by("-starts_on", "-number")
    )
    return rows.filter(default_id__isnull=False).annotate(
        confirmed=Case(When(Exists(own), then=Value("yes")), default=Value("no"), output_field=TextField()),
        own_start=Subquery(own.values("starts_on")[:1], output_field=DateField()),
        own_basis=Subquery(own.values("basis")[:1]),
        confirmed_by=Subquery(own.values("confirmed_by")[:1]),
        confirmed_at=Subquery(own.values("confirmed_at")[:1]),
        version=_count(DefaultVersion.objects.filter(rule=OuterRef("pk")))
        + _count(HospitalVersion.objects.filter(hospital_id=hospital_id, rule=OuterRef("pk"))),
    )


def _count(rows: QuerySet[Any]) -> Any:
    counted = rows.order_by().values("rule").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


def _spec() -> ResourceSpec:
    return ResourceSpec(
        key=KEY,
        label="规则核对",
        label_plural="规则核对",
        data_class=2,
        icon="核",
        group="设置",
        question="平台按哪些规定计算期限和名额，本院确认了哪些？",
        fields=(
            Field("title", "规则", filterable=True, role="primary"),
            Field("code", "代码", "code", filterable=True, column=False),
            Field("subject", "类别", "code", filterable=True, labels=defaults()[1]),
            Field(
                "basis",
                "依据",
                compute=_basis,
                needs=("regulation", "article", "mark", "own_basis"),
                role="secondary",
            ),
            Field("mark", "把握程度", "code", filterable=True, labels=MARKS),
            Field("effective", "生效日期", compute=_effective, needs=("default_start", "own_start")),
            Field("confirmed", "本院", "state", filterable=True, labels=CONFIRMED, role="secondary"),
            Field("confirmed_by", "确认人"),
            Field("confirmed_at", "确认时间", "datetime", column=False),
            Field("place", "次序", "number", sortable=True, column=False),
        ),
        filters=(Filter("confirmed"), Filter("subject"), Filter("mark")),
        orders=(("place", "按类别"),),
        default_order="place",
        search=("title",),
        actions=(
            Action(
                "confirm",
                "确认",
                _confirm,
                style="primary",
                states=frozenset({"no"}),
                form=Form(
                    "确认这条规则",
                    (FormField("note", "说明", "textarea", max_length=500, help="例如：已对照原文第几页。"),),
                    submit_label="确认",
                    help="确认表示本院核对过原文，今后不再标注“未确认”。",
                ),
            ),
            Action("revise", "修订", _revise, form=_revision_form),
        ),
        panels=_panels,
        badges=_badges,
        empty={"title": "没有规则", "hint": "请系统管理员重新装入规则，命令见运维说明。"},
    )


def _basis(row: Any) -> str:
    named = basis_of(row["regulation"], row["article"], row["mark"])
    return f"{named}；{row['own_basis']}" if row["own_basis"] else named


def _effective(row: Any) -> str:
    return since(row["own_start"] or row["default_start"])


def _revision_form(row: Row, principal: Any) -> Form:
    now = _now(row.values["code"], principal)
    inputs = [_input(key, kind, now.params[key]) for key, kind in now.default.shape.items()]
    return Form(
        f"修订“{now.title}”",
        (
            *inputs,
            FormField("starts_on", "从哪天起", "date", True, "今天或以后；已经算出的期限不变。"),
            FormField("ends_on", "到哪天止", "date", help="长期有效的不填。"),
            FormField("basis", "本院依据", "text", True, "例如：院发〔2026〕3号。", max_length=200),
            FormField("note", "说明", "textarea", max_length=500),
        ),
        submit_label="修订",
        help="修订后是新的一版，从所填日期起按它计算，同时视为本院已确认。",
    )


def _input(key: str, kind: Any, now: Any) -> FormField:
    label = f"{kind['label']}（{kind['unit']}）" if kind["unit"] else kind["label"]
    if kind["kind"] == "table":
        text = "\n".join(",".join(row) for row in now)
        return FormField(
            PREFIX + key,
            label,
            "textarea",
            True,
            f"每行一条，各项用逗号隔开：{'，'.join(kind['columns'])}。",
            value=text,
        )
    if kind["choices"]:
        choices = tuple((choice, choice) for choice in kind["choices"])
        return FormField(PREFIX + key, label, "choice", True, choices=choices, value=str(now))
    if kind["kind"] == "text":
        return FormField(PREFIX + key, label, "textarea", True, max_length=1000, value=str(now))
    return FormField(PREFIX + key, label, "number", True, _bounds(kind), value=str(now))


def _bounds(kind: Any) -> str:
    said = []
    if kind["min"] is not None:
        said.append(f"不少于 {kind['min']}")
    if kind["max"] is not None:
        said.append(f"不多于 {kind['max']}")
    return f"规定：{'，'.join(said)}。" if said else ""


def _confirm(command: Command, rule: Any) -> Done:
    made = confirm(rule.code, hospital=_hospital(command), by=command.by, note=command.values["note"] or "")
    return Done(message="已确认，今后不再标注“未确认”。", event={"code": rule.code, "number": made.number})


def _revise(command: Command, rule: Any) -> Done:
    given = command.values
    params = {key.removeprefix(PREFIX): v for key, v in given.items() if key not in OWN_FIELDS}
    made = revise(
        rule.code,
        params,
        starts_on=given["starts_on"],
        ends_on=given["ends_on"],
        basis=given["basis"],
        note=given["note"] or "",
        hospital=_hospital(command),
        by=command.by,
    )
    return Done(
        message=f"已修订，从 {made.starts_on.isoformat()} 起按新的数值计算。",
        event={"code": rule.code, "number": made.number, "starts_on": made.starts_on},
    )


def _badges(row: Row) -> list[dict[str, Any]]:
    said = CONFIRMED["yes" if row.state == "yes" else "no"]
    return [
        {"kind": "tag", "value": row.state, "label": said},
        {"kind": "tag", "value": "mark", "label": MARKS[row.values["mark"]]},
    ]


def _panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    now = _now(row.values["code"], principal)
    return [
        panels.say("say", _sentence(now)),
        panels.table(
            "params",
            "数值",
            [
                {"key": "label", "label": "内容", "type": "text", "primary": True},
                {"key": "value", "label": "本院现在用", "type": "text"},
                {"key": "default", "label": "平台默认", "type": "text"},
                {"key": "bounds", "label": "规定的界限", "type": "text"},
            ],
            [_line(key, kind, now) for key, kind in now.default.shape.items()],
        ),
        panels.facts(
            "basis",
            [
                {"label": "依据", "value": now.basis, "unit": "", "hint": ""},
                {"label": "把握程度", "value": now.mark_label, "unit": "", "hint": ""},
                {"label": "生效日期", "value": since(now.starts_on), "unit": "", "hint": ""},
            ],
            title="依据",
            place="side",
        ),
        panels.text(
            "source", "来源", "\n".join(filter(None, [now.default.source, now.default.note])), place="side"
        ),
        _versions(row.values["code"], principal),
    ]


def _sentence(now: RuleValue) -> str:
    if now.own is None:
        return (
            f"平台默认值，**未确认**：{now.mark_label}。请对照原文核对后确认；需要不同数值的，请修订。"
            "在确认之前，凡用到它的地方都注明“未确认”。"
        )
    verb = "确认" if now.own.kind == "confirm" else "修订"
    return f"由{now.own.confirmed_by}于 {now.own.confirmed_at.astimezone(ZONE):%Y-%m-%d %H:%M} {verb}。"


def _line(key: str, kind: Any, now: RuleValue) -> dict[str, Any]:
    values = {
        "label": kind["label"],
        "value": _shown(kind, now.params.get(key)),
        "default": _shown(kind, now.default.params.get(key)),
        "bounds": _bounds(kind).removeprefix("规定：").removesuffix("。"),
    }
    return _row(key, values)


def _versions(code: str, principal: Any) -> dict[str, Any]:
    rows = []
    for n, one in enumerate(history(code, hospital=principal.hospital)):
        until = one.own.ends_on if one.own else one.default.ends_on
        rows.append(
            _row(
                str(n),
                {
                    "version": one.version,
                    "from": since(one.starts_on),
                    "to": until.isoformat() if until else "",
                    "values": "；".join(
                        f"{kind['label']} {_shown(kind, one.params.get(key))}"
                        for key, kind in one.default.shape.items()
                        if kind["kind"] != "table"
                    ),
                    "by": one.own.confirmed_by if one.own else "",
                    "basis": one.basis,
                },
            )
        )
    columns = [
        ("version", "版本"), ("from", "生效"), ("to", "失效"), ("values", "数值"), ("by", "确认人"), ("basis", "依据")
    ]  # fmt: skip
    return panels.table(
        "versions", "各版本", [{"key": key, "label": label, "type": "text"} for key, label in columns], rows
    )


def _row(key: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"uid": key, "values": values}


def _shown(kind: Any, found: Any) -> str:
    if found is None:
        return ""
    if kind["kind"] == "table":
        return "\n".join(" ".join(row) for row in found)
    return f"{found} {kind['unit']}".strip()


def _now(code: str, principal: Any) -> RuleValue:
    return value(code, on=_today(principal.hospital_id), hospital=principal.hospital)


def _hospital(command: Command) -> Hospital:
    return Hospital.objects.get(pk=command.principal.hospital_id)


def _today(hospital_id: int) -> Any:
    zone = Hospital.objects.filter(pk=hospital_id).values_list("zone", flat=True).first()
    return clock.today(zone or "Asia/Shanghai")
