"""Asking for a file of many rows, agreeing to it, withdrawing it, and fetching it once."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.kernel.errors import Forbidden, NotFound, Problem, Refused
from core.policy.decide import can
from core.resources import export, export_rules, exporters, idempotency, ports
from core.resources.models import ExportRequest
from core.resources.numbers import next_number
from core.resources.spec import Command, Done

NUMBER = "DC{year}-{n:05}"
State = ExportRequest.State


def ask(
    principal: Any,
    exporter: str,
    asked: dict[str, Any],
    *,
    purpose: str = "",
    purpose_text: str = "",
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """{job} when it is made at once, {request: {uid, href}} when a second person must agree first.

    Everything the job would refuse is refused now, too. Raises NotFound, Forbidden, Refused, Invalid.
    """
    made = exporters.get(exporter)
    if made is None or principal is None or principal.hospital is None:
        raise NotFound()
    _not_looking_on(principal)
    with hospital_scope(principal.hospital):
        offer = made.offer(principal, asked)
        export_rules.row_limit(offer.data_class)
        purpose, text = export_rules.check_purpose(offer.data_class, purpose, purpose_text)
        with acting(principal.actor):
            kept = None
            if idempotency_key:
                said = ["export", exporter, asked, purpose, text]
                kept = idempotency.claim(principal.hospital_id, str(principal.actor), idempotency_key, said)
                if kept.response is not None:
                    return dict(kept.response)
            request = _write(principal, exporter, asked, offer, purpose, text)
            answer = _start(request, principal.hospital)
            if kept is not None:
                idempotency.keep(kept, answer)
            return answer


def approve(command: Command, thing: ExportRequest) -> Done:
    """A second person agrees; the file is made with the requester's rights. Raises Refused for the same person."""
    _second_person(command.principal, thing)
    thing.state, thing.approver_id = State.MAKING, command.principal.person_id
    thing.approver_name, thing.decided_at = command.principal.label[:120], command.at
    thing.note = str(command.values.get("note") or "")[:300]
    thing.save(update_fields=["state", "approver", "approver_name", "decided_at", "note"])
    _submit(thing, command.principal.hospital)
    return Done(uid=str(thing.uid), message="已批准，正在制作文件。", event={"number": thing.number})


def refuse(command: Command, thing: ExportRequest) -> Done:
    """A second person does not agree, and says why."""
    _second_person(command.principal, thing)
    thing.approver_id, thing.approver_name = command.principal.person_id, command.principal.label[:120]
    thing.decided_at = command.at
    thing.save(update_fields=["approver", "approver_name", "decided_at"])
    export.close(thing, State.REFUSED, str(command.values["note"]))
    return Done(uid=str(thing.uid), message="已退回，申请人会看到理由。", event={"number": thing.number})


def withdraw(command: Command, thing: ExportRequest) -> Done:
    """The requester does not want it any more."""
    thing.state = State.WITHDRAWN
    thing.save(update_fields=["state"])
    return Done(uid=str(thing.uid), message="已撤回。", event={"number": thing.number})


def lay_ready(
    principal: Any, exporter: str, asked: dict[str, Any], *, text: str, name: str, rows: int, until: datetime
) -> ExportRequest:
    """A sheet of secrets that is made only at its one download: asked for and ready in the caller's transaction.

    `text` says what for. Raises what the exporter's `offer` raises; ValueError for one that keeps a file.
    """
    made = exporters.get(exporter)
    if made is None or made.at_once is None:
        raise ValueError(f"{exporter!r} makes no sheet at its download")
    offer = made.offer(principal, asked)
    if export_rules.needs_approval(offer.data_class):
        raise ValueError(f"{exporter!r}: class {offer.data_class} wants a second person")
    purpose, text = export_rules.check_purpose(offer.data_class, "other", text)
    request = _write(principal, exporter, asked, offer, purpose, text)
    request.state, request.file_name, request.rows, request.expires_at = State.READY, name, rows, until
    request.save(update_fields=["state", "file_name", "rows", "expires_at"])
    ready = {"request": str(request.uid), "number": request.number, "user": str(request.user_uid)}
    ports.emit("export.ready", ready, principal.hospital)
    return request


def take_back(uid: Any, note: str) -> None:
    """A sheet that is not to be fetched any more. Inside `acting()`; nothing happens when it is gone already."""
    found = ExportRequest.objects.select_related("hospital").filter(uid=uid, state=State.READY).first()
    if found is not None:
        export.close(found, State.WITHDRAWN, note)


@dataclass(frozen=True)
class Taken:
    """What a download hands out: `content` where the sheet was made in that moment, else the stored file."""

    request: ExportRequest
    content: bytes | None = None


def take(principal: Any, uid: Any) -> Taken:
    """The one download: marks it taken and gives what the caller hands out.

    Raises NotFound for anybody else's, Refused while it is being made, Problem gone (410) with who and when.
    """
    _not_looking_on(principal)
    with hospital_scope(principal.hospital), acting(principal.actor):
        found = (
            ExportRequest.objects.select_for_update(of=("self",))
            .filter(uid=uid, person_id=principal.person_id, user_uid=principal.user_uid or None)
            .first()
        )
        if found is None:
            raise NotFound()
        if problem := _gone(found, principal.hospital_id):
            raise problem
        made = exporters.get(found.exporter)
        if made is None:
            raise NotFound()
        offer = made.offer(principal, json.loads(found.asked))
        if found.reach and found.reach != export_rules.reach(principal, offer.subject):
            raise Refused("文件制作之后您的权限有变化，这份文件不能再下载。如仍需要，请重新申请。")
        found.state, found.taken_at = State.TAKEN, clock.now()
        found.save(update_fields=["state", "taken_at"])
        facts = {"number": found.number, "sha256": found.sha256, "rows": found.rows}
        ports.record("export.taken", export_rules.TYPE, str(found.uid), facts, principal.hospital)
        if made.at_once is None:
            return Taken(found)
        sheet = made.at_once(principal, json.loads(found.asked))
        return Taken(found, export.made_now(principal, found, sheet))


def _gone(found: ExportRequest, hospital_id: int) -> Problem | None:
    if found.state in (State.WAITING, State.MAKING):
        return Refused("文件还没有做好，请稍后再来下载。")
    if found.state == State.READY and found.expires_at and found.expires_at > clock.now():
        return None
    data = {"number": found.number, "state": found.state}
    if found.state == State.TAKEN and found.taken_at:
        when = _local(found.taken_at)
        data |= {"by": found.requester, "at": found.taken_at.isoformat()}
        text = f"这份文件只能下载一次，{found.requester} 已于 {when} 下载。如仍需要，请重新申请。"
    elif found.state in (State.READY, State.EXPIRED):
        text = "这份文件已过有效期，已经清除。如仍需要，请重新申请。"
    else:
        text = f"这次导出没有文件（{State(found.state).label}）。{found.note}"
    return Problem("gone", text, 410, data=data)


def _local(at: Any) -> str:
    return f"{at.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M}"


def _write(
    principal: Any, exporter: str, asked: dict[str, Any], offer: exporters.Offer, purpose: str, text: str
) -> ExportRequest:
    waits = export_rules.needs_approval(offer.data_class)
    made = ExportRequest.objects.create(
        hospital_id=principal.hospital_id,
        number=next_number(NUMBER, hospital_id=principal.hospital_id),
        exporter=exporter,
        subject=offer.subject,
        label=offer.label[:120],
        asked=json.dumps(asked, ensure_ascii=False, sort_keys=True, default=str),
        about=offer.about,
        data_class=offer.data_class,
        purpose=purpose,
        purpose_text=text,
        person_id=principal.person_id,
        user_uid=principal.user_uid,
        requester=principal.label[:120],
        state=State.WAITING if waits else State.MAKING,
        asked_at=clock.now(),
        expires_at=clock.now() + export_rules.WAITS if waits else None,
    )
    facts = {
        "number": made.number,
        "subject": offer.subject,
        "class": offer.data_class,
        "purpose": purpose,
        "waits": waits,
    }
    ports.record("export.asked", export_rules.TYPE, str(made.uid), facts, principal.hospital)
    if waits:
        ports.emit("export.asked", {"request": str(made.uid), **facts}, principal.hospital)
    return made


def _start(request: ExportRequest, hospital: Any) -> dict[str, Any]:
    if request.state == State.WAITING:
        href = f"/h/{hospital.slug}/r/{export_rules.TYPE}/{request.uid}"
        return {"request": {"uid": str(request.uid), "href": href, "number": request.number}}
    return {"job": _submit(request, hospital)}


def _submit(request: ExportRequest, hospital: Any) -> str:
    """The job belongs to who asked, whoever approved."""
    by = Actor("user", str(request.user_uid), request.requester)
    job = ports.submit(export.KIND, {"request": str(request.uid)}, by, hospital, f"export:{request.uid}")
    ExportRequest.objects.filter(pk=request.pk).update(job_uid=job)
    return job


def _second_person(principal: Any, thing: ExportRequest) -> None:
    """Not who asked, and not by a right that comes from who asked. Raises Refused."""
    viewer = getattr(principal, "viewer", None)
    if thing.person_id in (principal.person_id, getattr(viewer, "person_id", None)):
        raise Refused("不能批准自己的导出，请由另一位有权的人办理。")
    own = tuple(
        post for post in principal.posts if post.giver is None or post.giver.person_id != thing.person_id
    )
    if not can(replace(principal, posts=own), export_rules.APPROVE, export_rules.TYPE, thing).allowed:
        raise Refused("您的批准权是申请人委托给您的，不能用来批准他的导出，请由另一位有权的人办理。")


def _not_looking_on(principal: Any) -> None:
    if getattr(principal, "viewer", None) is not None:
        raise Forbidden("以他人身份查看时只能看，不能导出或下载。")
