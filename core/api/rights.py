"""Rights explained: who may do what to which thing and why; looking with another's eyes. For the security administrator."""

from typing import Any

from django.http import HttpRequest
from ninja import Body, Path, Query, Router, Schema, Status

from core.api import view_as, why
from core.audit import events
from core.kernel.errors import NotFound
from core.org.models import Person, Post
from core.policy.decide import may

router = Router(tags=["rights"])
TYPE = view_as.TYPE


class ActionOut(Schema):
    """An action of a type."""

    key: str
    label: str


class TypeOut(Schema):
    """A type that can be asked about."""

    key: str
    label: str
    actions: list[ActionOut]


class PersonOut(Schema):
    """A person of the hospital."""

    uid: str
    name: str
    hint: str


class ThingOut(Schema):
    """A thing of a type."""

    uid: str
    label: str


class RowOut(Schema):
    """The row of the policy table that decided."""

    role: str
    role_label: str
    type_label: str
    action_label: str
    relation_label: str
    state_label: str
    max_class: int
    note: str
    source: str


class PostOut(Schema):
    """The post that the right follows from; `delegated_from` where it was entrusted."""

    role_label: str
    where: str
    starts_on: str | None
    ends_on: str | None
    delegated_from: str | None


class StepOut(Schema):
    """One condition, and whether it held."""

    ok: bool
    text: str


class WhyOut(Schema):
    """The answer; on a refusal the last step is the nearest reason."""

    allowed: bool
    effect: str
    sentence: str
    row: RowOut | None
    post: PostOut | None
    steps: list[StepOut]


class ViewAsIn(Schema):
    """Whose eyes, and what for."""

    person: str = ""
    reason: str = ""


class UntilOut(Schema):
    """When it ends by itself."""

    until: str


@router.get("/rights/types", response=list[TypeOut])
def types(request: HttpRequest, hospital: Path[str]) -> list[dict[str, Any]]:
    """Types and their actions."""
    _allowed(request, "why")
    return why.types(request.hospital.id)  # type: ignore[attr-defined]


@router.get("/rights/people", response=list[PersonOut])
def people(request: HttpRequest, hospital: Path[str], q: Query[str] = "") -> list[dict[str, str]]:
    """People by part of a name or by account name, at most 20."""
    _allowed(request, "why")
    return why.people(request.hospital, q[:60])  # type: ignore[attr-defined]


@router.get("/rights/objects", response=list[ThingOut])
def objects(
    request: HttpRequest, hospital: Path[str], type: Query[str] = "", q: Query[str] = ""
) -> list[dict[str, str]]:
    """Things of a type by label (the newest 200 are searched) or by uid, at most 20."""
    _allowed(request, "why")
    return why.objects(request.hospital, type, q[:100])  # type: ignore[attr-defined]


@router.get("/rights/why", response=WhyOut)
def why_(
    request: HttpRequest,
    hospital: Path[str],
    person: Query[str] = "",
    type: Query[str] = "",
    action: Query[str] = "view",
    uid: Query[str] = "",
) -> dict[str, Any]:
    """Why the person may do this to the thing, or why not. Without `uid`: to any thing of the type. Recorded."""
    _allowed(request, "why")
    answer = why.why(request.hospital, person, type, action, uid)  # type: ignore[attr-defined]
    said = f"为什么能看：{why.asked(type, action)}"
    events.read_event(request.principal, "org.person", person, said)  # type: ignore[attr-defined]
    return answer


@router.post("/rights/view-as", response=UntilOut)
def begin(request: HttpRequest, hospital: Path[str], given: Body[ViewAsIn]) -> dict[str, str]:
    """Look with the person's eyes for 15 minutes: read-only, without anything of class 3 or 4, recorded."""
    _allowed(request, "view_as")
    here = request.hospital  # type: ignore[attr-defined]
    person = Person.objects.filter(uid=why.as_uid(given.person) or None).first()
    if person is None or not Post.objects.filter(person=person).exists():
        raise NotFound()
    view_as.end(request, "replaced")
    return {"until": view_as.start(request, here, request.principal, person, given.reason[:300])}  # type: ignore[attr-defined]


@router.delete("/rights/view-as", response={204: None})
def finish(request: HttpRequest, hospital: Path[str]) -> Status[None]:
    """Give the own eyes back; harmless when they are."""
    view_as.end(request, "person")
    return Status(204, None)


def _allowed(request: HttpRequest, action: str) -> None:
    if not may(request.principal, action, TYPE):  # type: ignore[attr-defined]
        raise NotFound()
