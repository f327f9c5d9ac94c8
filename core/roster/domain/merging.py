"""Merging two person records that are the same human: one came from the staff list, the other from the Party list.

Everything that names the other record names the kept one afterwards, and the other record is gone. It cannot be undone:
the record of changes keeps every row as it was. `FIELDS` says of each foreign key to a person what becomes of it; a key
that is not named there keeps the other record from being removed (all of them protect it), and fails a test.
"""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db.models import F, Q

from core.kernel import clock
from core.kernel.errors import FieldError, Invalid, Problem, Refused
from core.org.domain.changes import tell
from core.org.models import Enrolment, Hospital, Person, Post, User
from core.policy.roles import PRIVILEGED_ROLES, role_label

#: What a hospital's administrator may appoint to decides whether posts may change hands: role → allowed.
MayGive = Callable[[str], bool]

#: Foreign key → (what it is, how it moves). `move`: it names the kept record. A tuple: so too, but where the kept record
#: has a row of the same values already, that one stands and the other's goes. `own`: see `_enrolments`, `_posts`.
FIELDS: dict[str, tuple[str, Any]] = {
    "org.User.person": ("账号", "move"),
    "org.Post.person": ("任职", "own"),
    "org.Enrolment.person": ("在册", "own"),
    "policy.Delegation.giver": ("给出的委托", "move"),
    "policy.Delegation.receiver": ("受到的委托", "move"),
    "policy.Recusal.person": ("回避", "move"),
    "policy.Recusal.subject_person": ("被回避", "move"),
    "resources.ExportRequest.person": ("导出记录", "move"),
    "resources.ExportRequest.approver": ("批准的导出", "move"),
    "accounts.Opening.person": ("批量开通", "move"),
    "notify.Receipt.person": ("消息", ("notice",)),
    "notify.Delivery.person": ("发出的消息", ("hospital", "channel", "key")),
    "notify.Contact.person": ("联系方式", ("hospital",)),
    "notify.PersonSettings.person": ("消息设置", ("hospital",)),
    "notify.NightDuty.person": ("夜班", ("hospital", "day")),
    "roster.PartyMembership.person": ("党员", "move"),
}


def preview(kept: Person, other: Person) -> list[tuple[str, int]]:
    """What would move: labels and counts, those of nothing left out."""
    found = [(label, _rows(key, other).count()) for key, (label, _) in FIELDS.items()]
    return [(label, count) for label, count in found if count]


def check(kept: Person, other: Person, hospital: Hospital, may_give: MayGive) -> None:
    """Raises Problem where the two cannot be merged here: everything that is wrong, with its cure."""
    if kept.pk == other.pk:
        raise _wrong("other", "选的是同一条记录", "请选择另一条记录")
    if User.objects.filter(person__in=[kept, other]).count() > 1:
        raise _wrong(
            "other",
            "两条记录都有账号",
            "请先请安全管理员核对哪个账号在用；一个人有两个账号的，不能在这里合并",
        )
    for one in (kept, other):
        _only_here(one, hospital)
        _ordinary(one, may_give)
    if kept.born_on and other.born_on and kept.born_on != other.born_on:
        raise _wrong("other", "两条记录的出生日期不同", "请核对是不是同一个人；写错的先用“更正资料”改正")
    numbers = set(
        Enrolment.unscoped.filter(person__in=[kept, other])
        .exclude(number="")
        .values_list("number", flat=True)
    )
    if len(numbers) > 1:
        said = f"两条记录的工号不同（{'、'.join(sorted(numbers))}）"
        raise _wrong("other", said, "请核对是不是同一个人；写错的先用“更正资料”改正")
    born = kept.born_on or other.born_on
    early = Post.unscoped.filter(person__in=[kept, other]).order_by("starts_on").first()
    if born is not None and early is not None and early.starts_on <= born:
        raise _wrong("other", f"有任职（{early.starts_on} 起）早于出生日期", "请先更正那项任职或出生日期")
    memberships = apps.get_model("roster.PartyMembership")
    if memberships.unscoped.filter(person__in=[kept, other], left_on=None).count() > 1:
        raise _wrong("other", "两条记录都有现在的党员身份", "请先在党员名册中办理其中一条的转出")
    for key, near, far in (
        ("policy.Delegation", "giver", "receiver"),
        ("policy.Recusal", "person", "subject_person"),
    ):
        between = Q(**{near: kept, far: other}) | Q(**{near: other, far: kept})
        if apps.get_model(key)._base_manager.filter(between).exists():
            raise _wrong("other", "两条记录之间有委托或回避", "请核对是不是同一个人")


def merge(kept: Person, other: Person, hospital: Hospital, may_give: MayGive) -> dict[str, int]:
    """Move everything of `other` to `kept` and remove `other`; how many rows of each moved. Inside `acting()`.

    Raises Problem (`check`), or Refused where something new names the other record.
    """
    locked = {one.pk: one for one in Person.objects.select_for_update().filter(pk__in=[kept.pk, other.pk])}
    if len(locked) != len({kept.pk, other.pk}):
        raise Refused("其中一条记录刚刚有了变动，请刷新页面后重试。")
    check(kept, other, hospital, may_give)
    moved: dict[str, int] = {}
    posts = [str(uid) for uid in Post.unscoped.filter(person=other).values_list("uid", flat=True)]
    for key, (_, how) in FIELDS.items():
        count = _rows(key, other).count()
        if not count:
            continue
        moved[key] = count
        if key == "org.Enrolment.person":
            _enrolments(kept, other)
        elif key == "org.Post.person":
            _posts(kept, other)
        else:
            _move(key, how, kept, other)
    if kept.born_on is None and other.born_on is not None:
        Person.objects.filter(pk=kept.pk).update(born_on=other.born_on)
    for model, field in foreign_keys():
        if model._base_manager.filter(**{field: other.pk}).exists():
            raise Refused(f"还有“{model._meta.verbose_name}”属于那条记录，不能合并。请联系系统管理员。")
    gone = str(other.uid)
    other.delete()
    Person.objects.filter(pk=kept.pk).update(version=F("version") + 1)
    left = [str(u) for u in Post.unscoped.filter(uid__in=posts).values_list("uid", flat=True)]
    tell("org.post", sorted(set(posts) | set(left)), hospital)
    tell("org.person", [str(kept.uid), gone], hospital)
    return moved


def foreign_keys() -> list[tuple[Any, str]]:
    """Every foreign key to a person there is, of every installed room and plugin."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.is_relation and field.related_model is Person
    ]


def _rows(key: str, person: Person) -> Any:
    model, _, field = key.rpartition(".")
    return apps.get_model(model)._base_manager.filter(**{field: person.pk})


def _move(key: str, how: Any, kept: Person, other: Person) -> None:
    field = key.rpartition(".")[2]
    if isinstance(how, tuple):
        there = {tuple(row) for row in _rows(key, kept).values_list(*how)}
        doubled = [
            row["pk"] for row in _rows(key, other).values("pk", *how) if tuple(row[k] for k in how) in there
        ]
        _rows(key, other).filter(pk__in=doubled).delete()
    _rows(key, other).update(**{field: kept.pk})


def _enrolments(kept: Person, other: Person) -> None:
    """One place on each hospital's roll: from the earlier day, to the later, under the number that is known."""
    for theirs in Enrolment.unscoped.filter(person=other):
        own = Enrolment.unscoped.filter(person=kept, hospital_id=theirs.hospital_id).first()
        if own is None:
            Enrolment.unscoped.filter(pk=theirs.pk).update(person=kept, version=F("version") + 1)
            continue
        ends = [one.left_on for one in (own, theirs)]
        values = {
            "number": own.number or theirs.number,
            "joined_on": min(own.joined_on, theirs.joined_on),
            "left_on": None if None in ends else max(day for day in ends if day is not None),
        }
        theirs.delete()  # before the number is taken over
        Enrolment.unscoped.filter(pk=own.pk).update(**values, version=F("version") + 1)


def _posts(kept: Person, other: Person) -> None:
    """A post that the kept record holds just so over the same days is one; one that overlaps in part joins it."""
    for theirs in Post.unscoped.filter(person=other).order_by("starts_on", "pk"):
        same = Post.unscoped.filter(
            person=kept,
            hospital_id=theirs.hospital_id,
            role=theirs.role,
            title=theirs.title,
            department_id=theirs.department_id,
            campus_id=theirs.campus_id,
            party_org_id=theirs.party_org_id,
        )
        if theirs.ends_on is not None:
            same = same.filter(starts_on__lte=theirs.ends_on)
        own = same.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=theirs.starts_on)).first()
        if own is None or (own.source_code and theirs.source_code and own.source_code != theirs.source_code):
            Post.unscoped.filter(pk=theirs.pk).update(person=kept, version=F("version") + 1)
            continue
        ends = [one.ends_on for one in (own, theirs)]
        values = {
            "starts_on": min(own.starts_on, theirs.starts_on),
            "ends_on": None if None in ends else max(day for day in ends if day is not None),
            "source_code": own.source_code or theirs.source_code,
        }
        theirs.delete()
        Post.unscoped.filter(pk=own.pk).update(**values, version=F("version") + 1)


def _only_here(person: Person, hospital: Hospital) -> None:
    """One hospital does not decide on another's people: anything that names the record there keeps it."""
    for key in FIELDS:
        model = apps.get_model(key.rpartition(".")[0])
        if any(field.name == "hospital" for field in model._meta.local_fields) and (
            _rows(key, person).exclude(hospital_id=hospital.pk).exclude(hospital=None).exists()
        ):
            raise _wrong(
                "other",
                f"{person.name}在别的医院也有记录",
                "一家医院不能合并，请由平台的系统管理员与各医院核对后办理",
            )


def _ordinary(person: Person, may_give: MayGive) -> None:
    """Merging gives the posts of one record to the account of the other: only by who may give such posts."""
    if User.objects.filter(person=person, is_superuser=True).exists():
        raise _wrong("other", f"{person.name}的账号管理平台", "请由平台的系统管理员办理")
    today = clock.today()
    held = Post.unscoped.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=today), person=person)
    for role in sorted(set(held.values_list("role", flat=True))):
        if not may_give(role):
            raise Problem(
                "refused",
                f"{person.name}担任“{role_label(role)}”，由{'安全' if role in PRIVILEGED_ROLES else '医院'}管理员任免，不能在这里合并。",
                409,
                [
                    FieldError(
                        "/values/other",
                        "有别的管理员任免的职务",
                        "请先请安全管理员结束这项任职，合并以后再任命",
                    )
                ],
            )
    delegations = apps.get_model("policy.Delegation")
    if delegations._base_manager.filter(
        Q(giver=person) | Q(receiver=person), ends_on__gte=today, revoked_on=None
    ).exists():
        raise _wrong("other", f"{person.name}现在有委托", "请先结束委托，再合并")


def _wrong(place: str, said: str, cure: str) -> Problem:
    return Invalid(f"{said}。", [FieldError(f"/values/{place}", said, cure)])
