"""One person's rights in one hospital, read from the database: at most three queries, never kept between requests."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, DateField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import JSONObject

from core.kernel import clock
from core.kernel.context import HospitalRef
from core.kernel.prepared import Prepared, Slot
from core.org.domain.health import held_on
from core.org.models import Department, Hospital, PartyOrg, Person, Post, User
from core.policy.domain.compose import Handed, Held, Kept, Someone, Trees, compose
from core.policy.models import Delegation, Recusal
from core.policy.principal import Principal, RecusalRight

#: Field of `Held` → path from a post.
POST = {
    "uid": "uid",
    "role": "role",
    "starts_on": "starts_on",
    "ends_on": "ends_on",
    "title": "title",
    "source_code": "source_code",
    "department_name": "department__name",
    "department_path": "department__path",
    "campus_id": "campus_id",
    "campus_code": "campus__code",
    "campus_name": "campus__name",
    "party_name": "party_org__name",
    "party_path": "party_org__path",
}


def read(person_id: int, hospital: Hospital, *, user_id: int = 0, user_uid: str = "") -> Principal | None:
    """The rights today; None without a post."""
    day = clock.today(hospital.zone)
    rows = _POSTS.rows(day=day, hospital=hospital.id, person=person_id)
    if not rows:
        return None
    held = [_post(dict(zip(POST, row, strict=False))) for row in rows]
    name, *_ = rows[0][len(POST) :]
    handed: list[Handed] = []
    barred: list[Kept] = []
    if any(more or less for *_, more, less in rows):
        handed, barred = _extras(day, hospital.id, person_id)
    who = Someone(person_id, name, user_id, user_uid, HospitalRef(hospital.id, hospital.slug))
    return compose(day, who, held, handed, barred, _trees(hospital.id, held, handed, barred))


def _posts() -> QuerySet[Any, Any]:
    """The fields of `POST`, the person's name, whether something is entrusted, whether something is barred."""
    day, hospital = Slot("day", DateField()), Slot("hospital", BigIntegerField())
    kept = _recusals(day, hospital).filter(person_id=OuterRef("person_id"))
    own = Post.unscoped.filter(
        held_on(day), person_id=Slot("person", BigIntegerField()), hospital_id=hospital
    )
    return own.values_list(*POST.values(), "person__name", is_entrusted(day), Exists(kept))


def is_entrusted(day: Any) -> Exists:
    """Of a post: whether somebody has entrusted a role to its person in its hospital, on that day."""
    return Exists(_delegations(day, OuterRef("hospital_id")).filter(receiver_id=OuterRef("person_id")))


_POSTS = Prepared(_posts)


def read_other(who: Any, hospital: Hospital) -> Principal | None:
    """As `read`, for a person, a person's id, or the uid of an account."""
    if isinstance(who, (Person, int)):
        user = User.objects.filter(person_id=who.pk if isinstance(who, Person) else who).first()
        if user is None:
            return read(who.pk if isinstance(who, Person) else who, hospital)
    else:
        user = User.objects.filter(uid=str(who)).first()
    if user is None or not user.is_active or user.person_id is None:
        return None
    return read(user.person_id, hospital, user_id=user.id, user_uid=str(user.uid))


def _delegations(day: Any, hospital_id: Any) -> Any:
    rows = Delegation.unscoped.filter(hospital_id=hospital_id, starts_on__lte=day, ends_on__gte=day)
    return rows.filter(Q(revoked_on__isnull=True) | Q(revoked_on__gt=day)).order_by()


def _recusals(day: Any, hospital_id: Any) -> Any:
    return Recusal.unscoped.filter(held_on(day), hospital_id=hospital_id).order_by()


def _extras(day: date, hospital_id: int, person_id: int) -> tuple[list[Handed], list[Kept]]:
    """Delegations to the person with the givers' posts, recusals of both: one query."""
    given = _delegations(day, hospital_id).filter(receiver_id=person_id)
    handed = given.filter(held_on(day, "giver__posts__"), giver__posts__hospital_id=hospital_id).annotate(
        sort=Value("delegation"),
        data=JSONObject(
            delegation=F("uid"),
            given_role=F("role"),
            giver=F("giver_id"),
            giver_name=F("giver__name"),
            giver_user=F("giver__user__id"),
            giver_user_uid=F("giver__user__uid"),
            from_day=F("starts_on"),
            to_day=F("ends_on"),
            within=F("department__path"),
            **{name: F(f"giver__posts__{path}") for name, path in POST.items()},
        ),
    )
    persons = Q(person_id=person_id) | Q(person_id__in=given.values("giver_id"))
    kept = (
        _recusals(day, hospital_id)
        .filter(persons)
        .annotate(
            sort=Value("recusal"),
            data=JSONObject(
                recusal=F("uid"),
                person=F("person_id"),
                kind=F("kind"),
                label=F("label"),
                type=F("subject_type"),
                object=F("subject_uid"),
                from_day=F("starts_on"),
                to_day=F("ends_on"),
                path=F("subject_department__path"),
                subject=F("subject_person_id"),
                user=F("subject_person__user__id"),
                user_uid=F("subject_person__user__uid"),
                code=F("subject_person__posts__source_code"),
                code_hospital=F("subject_person__posts__hospital_id"),
            ),
        )
    )
    rows = list(handed.values_list("sort", "data").union(kept.values_list("sort", "data"), all=True))
    return (
        _handed([data for sort, data in rows if sort == "delegation"]),
        _kept([data for sort, data in rows if sort == "recusal"], hospital_id),
    )


def _handed(rows: list[dict[str, Any]]) -> list[Handed]:
    by_uid: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_uid.setdefault(row["delegation"], []).append(row)
    return [
        Handed(
            uid=str(UUID(uid)),
            role=found[0]["given_role"],
            giver_id=found[0]["giver"],
            giver_name=found[0]["giver_name"],
            starts_on=_day(found[0]["from_day"]),
            ends_on=_day(found[0]["to_day"]),
            within=found[0]["within"] or "",
            giver_posts=tuple(_post(row) for row in found),
            giver_user=found[0]["giver_user"] or 0,
            giver_user_uid=str(UUID(found[0]["giver_user_uid"])) if found[0]["giver_user_uid"] else "",
        )
        for uid, found in sorted(by_uid.items())
    ]


def _kept(rows: list[dict[str, Any]], hospital_id: int) -> list[Kept]:
    by_uid: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_uid.setdefault(row["recusal"], []).append(row)
    found = []
    for uid, same in sorted(by_uid.items()):
        row = same[0]
        codes = {one["code"] for one in same if one["code"] and one["code_hospital"] == hospital_id}
        about = row["kind"] == "person"
        found.append(
            Kept(
                person_id=row["person"],
                right=RecusalRight(
                    uid=str(UUID(uid)),
                    kind=row["kind"],
                    label=row["label"],
                    person_ids=frozenset([row["subject"]] if about else []),
                    user_ids=frozenset([row["user"]] if about and row["user"] else []),
                    actors=frozenset([f"user:{UUID(row['user_uid'])}"] if about and row["user_uid"] else []),
                    source_codes=frozenset(codes if about else []),
                    type=row["type"],
                    object=str(UUID(row["object"])) if row["object"] else "",
                ),
                starts_on=_day(row["from_day"]),
                ends_on=_day(row["to_day"]) if row["to_day"] else None,
                department_path=row["path"] or "",
            )
        )
    return found


def _trees(hospital_id: int, held: list[Held], handed: list[Handed], kept: list[Kept]) -> Trees:
    """Departments and Party organisations below every path that the rights name: one query, none without a path."""
    posts = [*held, *(post for one in handed for post in one.giver_posts)]
    departments = {p for p in (*(x.department_path for x in posts), *(x.department_path for x in kept)) if p}
    parties = {post.party_path for post in posts if post.party_path}
    asked = []
    for model, paths, code in ((Department, departments, F("code")), (PartyOrg, parties, F("code"))):
        if not paths:
            continue
        below = Q(pk__in=[])
        for path in sorted(paths):
            below |= Q(path__startswith=path)
        rows = model.unscoped.filter(below, hospital_id=hospital_id).order_by()  # type: ignore[attr-defined]
        asked.append(
            rows.annotate(sort=Value(model.__name__), at=code).values_list("sort", "id", "at", "path")
        )
    if not asked:
        return Trees()
    found = list(asked[0].union(asked[1], all=True) if len(asked) == 2 else asked[0])
    return Trees(
        [(id_, code, path) for sort, id_, code, path in found if sort == "Department"],
        [(id_, path) for sort, id_, _, path in found if sort == "PartyOrg"],
    )


def _post(row: dict[str, Any]) -> Held:
    campus = (row["campus_id"], row["campus_code"], row["campus_name"]) if row["campus_id"] else None
    return Held(
        uid=str(UUID(str(row["uid"]))),
        role=row["role"],
        starts_on=_day(row["starts_on"]),
        ends_on=_day(row["ends_on"]) if row["ends_on"] else None,
        title=row["title"],
        source_code=row["source_code"],
        department_name=row["department_name"] or "",
        department_path=row["department_path"] or "",
        campus=campus,
        party_name=row["party_name"] or "",
        party_path=row["party_path"] or "",
    )


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
