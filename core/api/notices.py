"""Notices: one's own box and switches, and the hospital's switches for its administrator."""

from typing import Any

from django.http import HttpRequest
from ninja import Path, Router, Schema

from core.kernel import clock
from core.kernel.context import acting
from core.kernel.errors import FieldError, Forbidden, Invalid, NotFound
from core.notify.domain import contacts, duty, inbox, switches
from core.notify.models import PersonSettings
from core.policy.decide import may
from core.policy.principal import Principal

router = Router(tags=["notices"])

DIGESTS = ("none", "daily")


class SwitchIn(Schema):
    """One channel of a kind."""

    channel: str
    on: bool


class KindIn(Schema):
    """One kind with the channels that are to change."""

    key: str
    channels: list[SwitchIn]


class RestIn(Schema):
    """An own night rest, `HH:MM`; equal times mean none. Empty: the hospital's."""

    starts: str = ""
    ends: str = ""


class ContactIn(Schema):
    """New ways to be reached; what is left out stays, an empty text is cleared."""

    mail: str | None = None
    mobile: str | None = None


class SettingsIn(Schema):
    """What a person changes; what is left out stays."""

    kinds: list[KindIn] = []
    rest: RestIn | None = None
    digest: str | None = None
    contact: ContactIn | None = None


class HospitalIn(Schema):
    """The hospital's switches that are to change."""

    kinds: list[KindIn] = []


@router.get("/notices", response=dict[str, Any])
def notices(
    request: HttpRequest, hospital: Path[str], state: str = "open", after: str = ""
) -> dict[str, Any]:
    """One page of one's own box, newest first."""
    principal, place = _who(request)
    today = clock.today(place.zone)
    return inbox.page(place, principal.person_id, state=state, after=after, today=today)


@router.get("/notices/count", response=dict[str, int])
def count(request: HttpRequest, hospital: Path[str]) -> dict[str, int]:
    """How many are open."""
    principal, place = _who(request)
    return {"open": inbox.count(place, principal.person_id)}


@router.post("/notices/read-all", response=dict[str, int])
def read_all(request: HttpRequest, hospital: Path[str]) -> dict[str, int]:
    """All are read; what waits for being finished stays open."""
    principal, place = _who(request)
    return inbox.read_all(place, principal.person_id, by=principal.actor)


@router.post("/notices/{uuid:uid}/read", response=dict[str, int])
def read(request: HttpRequest, hospital: Path[str], uid: str) -> dict[str, int]:
    """One is read."""
    principal, place = _who(request)
    return inbox.read(place, principal.person_id, uid, by=principal.actor)


@router.get("/notices/settings", response=dict[str, Any])
def settings(request: HttpRequest, hospital: Path[str]) -> dict[str, Any]:
    """One's own switches, night rest, digest, and masked ways to be reached."""
    principal, place = _who(request)
    return _own(principal, place)


@router.put("/notices/settings", response=dict[str, Any])
def change_settings(request: HttpRequest, hospital: Path[str], given: SettingsIn) -> dict[str, Any]:
    """Change them; all or nothing."""
    principal, place = _who(request)
    kinds = switches.cleaned(given.kinds)
    if given.digest is not None and given.digest not in DIGESTS:
        raise Invalid("不认识这种汇总方式。", [FieldError("/digest", "应是 none 或 daily。")])
    rest = (
        None
        if given.rest is None
        else (_minutes(given.rest.starts, "starts"), _minutes(given.rest.ends, "ends"))
    )
    if rest is not None and (rest[0] is None) != (rest[1] is None):
        raise Invalid(
            "休息时间要有开始和结束。", [FieldError("/rest", "只填了一个时间。", "两个都填，或都不填。")]
        )
    with acting(principal.actor):
        row = PersonSettings.objects.select_for_update().filter(person_id=principal.person_id).first()
        row = row or PersonSettings(hospital=place, person_id=principal.person_id)
        row.kinds = _merged(row.kinds, kinds)
        if given.digest is not None:
            row.digest = given.digest
        if rest is not None:
            row.rest_starts, row.rest_ends = rest
        row.version += 1
        row.save()
        if given.contact is not None:
            wanted = {name: text for name, text in given.contact.dict().items() if text is not None}
            contacts.keep(place, {principal.person_id: wanted}, by=principal.actor)
    return _own(principal, place)


@router.get("/notices/hospital", response=dict[str, Any])
def hospital_settings(request: HttpRequest, hospital: Path[str]) -> dict[str, Any]:
    """The hospital's switches."""
    principal, place = _who(request)
    if not may(principal, "view", "notify.settings"):
        raise NotFound()
    return {"kinds": switches.shown(place, None)}


@router.put("/notices/hospital", response=dict[str, Any])
def change_hospital(request: HttpRequest, hospital: Path[str], given: HospitalIn) -> dict[str, Any]:
    """Change the hospital's switches; what it switches off, nobody gets."""
    principal, place = _who(request)
    if not may(principal, "view", "notify.settings"):
        raise NotFound()
    if not may(principal, "change", "notify.settings"):
        raise Forbidden()
    kinds = switches.cleaned(given.kinds)
    with acting(principal.actor):
        row = switches.of_hospital(place)
        row.kinds = _merged(row.kinds, kinds)
        row.version += 1
        row.save()
    return {"kinds": switches.shown(place, None)}


def _own(principal: Principal, place: Any) -> dict[str, Any]:
    row = PersonSettings.objects.filter(person_id=principal.person_id).first()
    house = switches.of_hospital(place)
    own = row is not None and row.rest_starts is not None and row.rest_ends is not None
    starts = row.rest_starts if row and own else place.night_starts * 60
    ends = row.rest_ends if row and own else house.rest_ends
    return {
        "kinds": switches.shown(place, principal.person_id),
        "rest": {"starts": _text(starts), "ends": _text(ends)},
        "digest": row.digest if row else "none",
        "contact": contacts.masked(principal.person_id),
    }


def _who(request: HttpRequest) -> tuple[Principal, Any]:
    return request.principal, request.hospital  # type: ignore[attr-defined]


def _merged(kept: dict[str, Any], given: dict[str, dict[str, bool]]) -> dict[str, Any]:
    return {key: {**kept.get(key, {}), **given.get(key, {})} for key in {*kept, *given}}


def _minutes(text: str, name: str) -> int | None:
    if not text.strip():
        return None
    try:
        found = duty.parse_time(text)
    except ValueError:
        error = FieldError(f"/rest/{name}", "时间的格式不对。", "写成 22:00。")
        raise Invalid("休息时间的格式不对。", [error]) from None
    return found.hour * 60 + found.minute


def _text(minutes: Any) -> str:
    return f"{minutes % 1440 // 60:02d}:{minutes % 60:02d}"
