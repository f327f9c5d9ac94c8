"""What rooms below announce through the outbox becomes notices here. Each event may come twice; `key` makes that harmless."""

from typing import Any

from core.jobs.registry import Event, get_kind, subscribe
from core.notify import core_kinds as kinds
from core.notify.domain.people import holders, person_of
from core.notify.domain.send import resolve, send
from core.org.models import Hospital, User
from core.policy.roles import role_label

EXPORT = "exports.export"
APPROVE = "approve_export"


def register() -> None:
    """Listen. Called once at start."""
    subscribe("job.failed", name="notify.job_failed")(job_failed)
    subscribe("export.asked", name="notify.export_asked")(export_asked)
    subscribe("export.ready", name="notify.export_ready")(export_ready)
    subscribe("export.refused", name="notify.export_refused")(export_refused)
    for verb in ("approve", "refuse", "withdraw"):
        subscribe(f"{EXPORT}.{verb}", name="notify.export_decided")(export_decided)
    subscribe("accounts.account.issue_code", name="notify.code_issued")(code_issued)
    subscribe("policy.delegation.add", name="notify.delegated")(delegated)


def job_failed(event: Event) -> None:
    """To whoever started it; jobs of the platform itself have nobody to tell here."""
    person = person_of(event.data["requester"])
    kind = get_kind(event.data["kind"])
    if person is None or kind is None or event.hospital is None or kind.kind.startswith("notify."):
        return
    send(
        kinds.JOB_FAILED.key,
        [person],
        hospital=event.hospital,
        slots={"task": kind.label},
        href=f"/h/{event.hospital.slug}/jobs/{event.data['job']}",
        subject=("jobs.job", event.data["job"]),
        key=str(event.uid),
    )


def export_asked(event: Event) -> None:
    """To those who may approve it, except the one who asks."""
    request = _request(event)
    if request is None or request.state != "waiting":
        return
    approvers = holders(APPROVE, EXPORT, request, hospital=_place(event))
    send(
        kinds.EXPORT_ASKED.key,
        [person for person in approvers if person != request.person_id],
        hospital=event.hospital,
        slots={"who": request.requester, "what": request.label, "number": request.number},
        href=_export_href(event, request),
        subject=(EXPORT, request.uid),
        key=str(request.uid),
    )


def export_ready(event: Event) -> None:
    """To the one who asked; nobody has to decide any more."""
    request = _request(event)
    if request is None:
        return
    resolve((EXPORT, request.uid), hospital=event.hospital)
    send(
        kinds.EXPORT_READY.key,
        [request.person_id],
        hospital=event.hospital,
        slots={"what": request.label, "number": request.number},
        href=_export_href(event, request),
        subject=(EXPORT, request.uid),
        key=str(request.uid),
    )


def export_refused(event: Event) -> None:
    """To the one who asked, unless it was withdrawn by the same person."""
    request = _request(event)
    if request is None:
        return
    resolve((EXPORT, request.uid), hospital=event.hospital)
    if request.state == "withdrawn":
        return
    send(
        kinds.EXPORT_REFUSED.key,
        [request.person_id],
        hospital=event.hospital,
        slots={
            "what": request.label,
            "number": request.number,
            "state": "没有获得批准" if request.state == "refused" else "没有完成",
        },
        href=_export_href(event, request),
        subject=(EXPORT, request.uid),
        key=str(request.uid),
    )


def export_decided(event: Event) -> None:
    """Somebody decided: nobody else has to."""
    resolve((EXPORT, event.data["uid"]), hospital=event.hospital, kinds=[kinds.EXPORT_ASKED.key])


def code_issued(event: Event) -> None:
    """To the owner of the account: whoever did not ask for it must hear of it at once."""
    user = User.objects.filter(uid=event.data["uid"]).first()
    if user is None or user.person_id is None or event.hospital is None:
        return
    send(
        kinds.CODE_ISSUED.key,
        [user.person_id],
        hospital=event.hospital,
        slots={"hospital": _place(event).name},
        href=f"/h/{event.hospital.slug}/me",
        subject=None,
        key=str(event.uid),
    )


def delegated(event: Event) -> None:
    """To the one who now may do somebody else's work."""
    from core.policy.models import Delegation

    row = (
        Delegation.objects.filter(uid=event.data["uid"], revoked_on__isnull=True)
        .select_related("giver")
        .first()
    )
    if row is None:
        return
    send(
        kinds.DELEGATED.key,
        [row.receiver_id],
        hospital=event.hospital,
        slots={
            "giver": row.giver.name,
            "role": role_label(row.role),
            "starts": f"{row.starts_on:%Y-%m-%d}",
            "ends": f"{row.ends_on:%Y-%m-%d}",
        },
        href=f"/h/{event.hospital.slug}/r/policy.delegation/{row.uid}",
        subject=("policy.delegation", row.uid),
        key=str(row.uid),
    )


def _request(event: Event) -> Any:
    from core.resources.models import ExportRequest

    return ExportRequest.objects.filter(uid=event.data["request"]).first()


def _export_href(event: Event, request: Any) -> str:
    return f"/h/{event.hospital.slug}/r/{EXPORT}/{request.uid}"


def _place(event: Event) -> Hospital:
    return Hospital.objects.get(pk=event.hospital.id)
