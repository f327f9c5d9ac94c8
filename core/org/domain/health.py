"""What is missing in a hospital's organisation, as one sentence and links to the lists that name each case."""

from dataclasses import dataclass, field
from datetime import date

from django.db.models import CharField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet

from core.kernel import clock
from core.org.domain.calendar import unknown_years
from core.org.models import Department, Enrolment, Hospital, PartyOrg, Person, Post

#: Kinds of department that stand for others (系统) and need nobody in charge.
HEADLESS_KINDS = ("other",)
HEAD, SECRETARY = "department_head", "branch_secretary"
#: From this month on the next year's holidays are expected (the notice comes in October or November).
NEXT_YEAR_FROM = 12


@dataclass(frozen=True)
class Finding:
    """One kind of gap: how many, the words, the resource and the filters of the list that shows them."""

    code: str
    n: int
    text: str
    resource: str
    filters: dict[str, str] = field(default_factory=dict)


def findings(hospital: Hospital, day: date | None = None) -> list[Finding]:
    """Everything missing on a day, the gravest first; nothing that is in order."""
    on = day or clock.today(hospital.zone)
    counted: list[tuple[str, int, str, str, dict[str, str]]] = [
        (
            "no_post",
            people_without_post(hospital, on).count(),
            "{n} 人没有任职",
            "org.person",
            {"posted": "no"},
        ),
        (
            "no_head",
            departments_without_head(hospital, on).count(),
            "{n} 个科室没有负责人",
            "org.department",
            {"headed": "no"},
        ),
        (
            "retired_place",
            posts_at_retired(hospital, on).count(),
            "{n} 项任职在已停用的科室或党组织",
            "org.post",
            {"placed": "retired"},
        ),
        (
            "no_secretary",
            branches_without_secretary(hospital, on).count(),
            "{n} 个党支部没有书记",
            "org.party_org",
            {"led": "no"},
        ),
        ("calendar", len(_years(hospital, on)), _calendar_words(hospital, on), "org.calendar_day", {}),
    ]
    return [
        Finding(code, n, words.format(n=n), resource, filters)
        for code, n, words, resource, filters in counted
        if n
    ]


def sentence(found: list[Finding]) -> str:
    """The line: "3 人没有任职，2 个科室没有负责人。" """
    return "，".join(item.text for item in found) + "。" if found else "组织信息没有发现缺漏。"


def held_on(day: date, prefix: str = "") -> Q:
    """Posts held on a day; `prefix` leads to the post."""
    ends = Q(**{f"{prefix}ends_on__isnull": True}) | Q(**{f"{prefix}ends_on__gte": day})
    return Q(**{f"{prefix}starts_on__lte": day}) & ends


def people_without_post(hospital: Hospital, day: date) -> QuerySet[Person]:
    """People on the roll who hold no post here on the day."""
    posts = Post.unscoped.filter(held_on(day), hospital=hospital, person=OuterRef("pk"))
    roll = Enrolment.unscoped.filter(on_roll(day), hospital=hospital, person=OuterRef("pk"))
    return Person.objects.filter(Exists(roll)).exclude(Exists(posts))


def on_roll(day: date) -> Q:
    """Places on the roll on a day."""
    return Q(joined_on__lte=day) & (Q(left_on__isnull=True) | Q(left_on__gte=day))


def departments_without_head(hospital: Hospital, day: date) -> QuerySet[Department]:
    """Departments in use where nobody is in charge, here or of a department above."""
    return (
        Department.unscoped.filter(hospital=hospital, state="active")
        .exclude(kind__in=HEADLESS_KINDS)
        .exclude(Exists(heads_above(hospital.id, day)))
    )


def heads_above(hospital_id: int, day: date) -> QuerySet[Post]:
    """For an outer department: posts in charge of it or of one above it."""
    return (
        Post.unscoped.filter(held_on(day), hospital_id=hospital_id, role=HEAD)
        .annotate(outer=ExpressionWrapper(OuterRef("path"), output_field=CharField()))
        .filter(outer__startswith=F("department__path"))
    )


def branches_without_secretary(hospital: Hospital, day: date) -> QuerySet[PartyOrg]:
    """Branches in use without a secretary."""
    return PartyOrg.unscoped.filter(hospital=hospital, state="active", kind="branch").exclude(
        Exists(secretaries(hospital.id, day))
    )


def secretaries(hospital_id: int, day: date) -> QuerySet[Post]:
    """For an outer Party organisation: its secretary."""
    return Post.unscoped.filter(
        held_on(day), hospital_id=hospital_id, role=SECRETARY, party_org=OuterRef("pk")
    )


def posts_at_retired(hospital: Hospital, day: date) -> QuerySet[Post]:
    """Posts held at a department or Party organisation that is out of use."""
    return Post.unscoped.filter(held_on(day), hospital=hospital).filter(
        Q(department__state="retired") | Q(party_org__state="retired")
    )


def _years(hospital: Hospital, day: date) -> list[int]:
    wanted = [day.year, *([day.year + 1] if day.month >= NEXT_YEAR_FROM else [])]
    return unknown_years(wanted, hospital.id)


def _calendar_words(hospital: Hospital, day: date) -> str:
    return "、".join(str(year) for year in _years(hospital, day)) + " 年的节假日没有录入"
