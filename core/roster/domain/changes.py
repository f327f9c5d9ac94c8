"""Preview, apply, undo: a list is shown as a difference, takes effect as a whole or not at all, and can be taken back."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Max

from core.audit import events
from core.audit.models import Change
from core.files import domain as files
from core.jobs.domain import emit, submit
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import FieldError, NotFound, Problem, Refused
from core.org.models import Hospital
from core.roster import kinds
from core.roster.difference import Entry, Op, Plan
from core.roster.domain.plan import check_day, make_plan
from core.roster.domain.uploads import Choice, read_lines
from core.roster.domain.write import MODELS, STALE, execute, take_back
from core.roster.faults import point
from core.roster.models import ChangeSet, RosterUpload
from core.roster.read.cells import Lines
from core.roster.read.table import forget

JOB = "roster.apply"
#: Plans made anew when the hospital changes while one is being written.
TRIES = 5
TABLES = tuple(model._meta.db_table for model in MODELS.values())

#: Opens the transaction in which everything is written; given the job's or the command's.
Commit = Callable[[], AbstractContextManager[Any]]
Tick = Callable[[int, int, str], None]


class _Moved(Exception):
    """Somebody wrote between planning and writing: the transaction ends with nothing in it, and the plan is made anew."""


def preview(upload: RosterUpload, choice: Choice, *, hospital: Hospital, by: Actor) -> dict[str, Any]:
    """The difference as the page shows it; nothing is changed but that the choices are kept. Raises Problem."""
    _, filled, plan, digest = _planned(upload.file, upload.kind, choice, hospital)
    with acting(by):
        RosterUpload.objects.filter(pk=upload.pk).update(options=filled.to_json(), digest=digest)
    upload.options, upload.digest = filled.to_json(), digest
    return shown(plan, kinds.get(upload.kind)) | {
        "digest": digest,
        "mapping": filled.mapping or {},
        "sheet": filled.sheet,
        "on": filled.on.isoformat() if filled.on else None,
        "complete": filled.complete,
        "can_apply": not plan.errors and bool(plan.entries or plan.questions),
    }


def shown(plan: Plan, kind: kinds.Kind) -> dict[str, Any]:
    """Counts, groups, questions and findings of a plan."""
    counts = plan.counts()
    groups = []
    for change in kinds.CHANGES:
        rows = [entry.shown() for entry in plan.entries if entry.change == change]
        if counts[change]:
            groups.append({"kind": change, "label": kind.word(change), "count": counts[change], "rows": rows})
    return {
        "counts": counts,
        "groups": groups,
        "questions": [question.shown() for question in plan.questions],
        "findings": [finding.shown() for finding in plan.findings],
    }


def start(
    upload: RosterUpload,
    *,
    digest: str,
    answers: dict[str, str],
    leave_out: list[str],
    hospital: Hospital,
    by: Actor,
) -> ChangeSet:
    """A change set that waits to be applied. Raises Problem: preview first, errors left, questions open, world changed."""
    if not upload.digest or digest != upload.digest:
        raise Refused("请先预览，再生效；生效的必须是最近一次预览的内容。")
    choice = Choice.from_json(upload.options)
    lines, filled, plan, now = _planned(upload.file, upload.kind, choice, hospital)
    if now != digest:
        raise Refused(STALE)
    _decided(plan, answers)
    final = make_plan(lines, hospital=hospital, on=_day(filled), complete=filled.complete, answers=answers)
    entries = _kept(final, answers, leave_out)
    with acting(by):
        made = ChangeSet.objects.create(
            hospital=hospital,
            kind=upload.kind,
            file=upload.file,
            file_name=upload.file.name,
            effective_on=_day(filled),
            complete=filled.complete,
            options=filled.to_json() | {"answers": answers, "leave_out": leave_out},
            digest=digest,
            changed=len(entries),
            counts=Plan(entries, final.same).counts(),
            requested_at=clock.now(),
            requested_by=by.label[:300],
        )
        files.claim(upload.file, owner_type="roster.change_set", owner_uid=made.uid, by=by)
    return made


def queue(change_set: ChangeSet, *, by: Actor, idempotency_key: str | None = None) -> str:
    """Have it applied by a job; the job's uid."""
    with acting(by):
        job = submit(
            JOB,
            {"change_set": str(change_set.uid)},
            by=by,
            hospital=change_set.hospital,
            idempotency_key=idempotency_key,
        )
        ChangeSet.objects.filter(pk=change_set.pk).update(job_uid=job.uid)
    return str(job.uid)


def run(
    change_set: ChangeSet, *, by: Actor, commit: Commit, tick: Tick = lambda done, total, note: None
) -> ChangeSet:
    """Apply it: all in one transaction. Runs again after a kill; applied stays applied. Raises Problem."""
    point("started")
    change_set = ChangeSet.objects.select_related("file", "hospital").get(pk=change_set.pk)
    if change_set.state in (ChangeSet.State.APPLIED, ChangeSet.State.UNDONE):
        return change_set
    hospital, kind = change_set.hospital, kinds.get(change_set.kind)
    choice, options = (
        Choice.from_json({k: change_set.options[k] for k in Choice().to_json()}),
        change_set.options,
    )
    tick(0, 4, "读取名册")
    lines, filled = read_lines(change_set.file, kind, choice)
    point("after_read")
    for _ in range(TRIES):
        tick(1, 4, "核对变动")
        stamp = _stamp()
        entries, same = _decide(lines, filled, change_set, hospital, options)
        point("after_plan")
        tick(2, 4, "准备写入")
        try:
            with commit():
                point("in_transaction")
                if _moved(stamp):
                    raise _Moved
                journal = execute((op for entry in entries for op in entry.ops), hospital)
                _close(change_set, entries, same, journal, by)
                point("before_commit")
        except _Moved:
            continue
        point("after_commit")
        forget(change_set.file.sha256)
        return change_set
    raise Problem("unavailable", "医院的人员正在被别人修改，这次没有写入任何内容。请稍后继续。", 503)


def undo(change_set: ChangeSet, *, by: Actor) -> ChangeSet:
    """Put everything back as it was, in the caller's transaction. Raises Refused when something was built on it."""
    if change_set.state != ChangeSet.State.APPLIED:
        raise Refused("只有已生效的批次才能撤销。")
    told = json.loads(change_set.difference or "{}")
    take_back(told.get("journal", []), change_set.hospital)
    at = clock.now()
    ChangeSet.objects.filter(pk=change_set.pk).update(
        state=ChangeSet.State.UNDONE, undone_at=at, undone_by=by.label[:300]
    )
    change_set.state, change_set.undone_at = ChangeSet.State.UNDONE, at
    events.record(
        "roster.undone",
        "roster.change_set",
        change_set.uid,
        {"kind": change_set.kind},
        hospital=change_set.hospital,
    )
    emit(
        "roster.undone",
        {"change_set": str(change_set.uid), "kind": change_set.kind},
        hospital=change_set.hospital,
    )
    return change_set


def fail(change_set: ChangeSet, problem: Problem, *, by: Actor) -> None:
    """Note why it was not applied; it may be resumed."""
    with acting(by):
        ChangeSet.objects.filter(pk=change_set.pk).exclude(state=ChangeSet.State.APPLIED).update(
            state=ChangeSet.State.FAILED, error=problem.body()
        )


def cancelled(change_set: ChangeSet, *, by: Actor) -> None:
    """Note that it was cancelled; nothing was written."""
    with acting(by):
        ChangeSet.objects.filter(pk=change_set.pk).exclude(state=ChangeSet.State.APPLIED).update(
            state=ChangeSet.State.CANCELLED
        )


def get_set(uid: UUID | str, *, hospital: Hospital) -> ChangeSet:
    """The change set. Raises NotFound for another hospital's."""
    found = (
        ChangeSet.objects.select_related("hospital", "file").filter(hospital_id=hospital.pk, uid=uid).first()
    )
    if found is None:
        raise NotFound("没有找到这个变动批次，或者您无权查看。")
    return found


def summary(change_set: ChangeSet) -> dict[str, Any]:
    """For the command line and the job's result: codes and figures, no names."""
    return {
        "uid": str(change_set.uid),
        "kind": change_set.kind,
        "state": change_set.state,
        "state_label": change_set.get_state_display(),
        "on": change_set.effective_on.isoformat(),
        "complete": change_set.complete,
        "changed": change_set.changed,
        "counts": change_set.counts,
        "file": change_set.file_name,
        "requested_at": change_set.requested_at.isoformat(),
        "requested_by": change_set.requested_by,
    }


def _planned(file: Any, key: str, choice: Choice, hospital: Hospital) -> tuple[Lines, Choice, Plan, str]:
    """Rows, filled-in choice, the plan without answers and its digest. Restores no state: findings start anew."""
    kind = kinds.get(key)
    today = clock.today(hospital.zone)
    day = check_day(choice.on or today, today)
    choice = Choice(choice.sheet, choice.mapping, day, choice.complete)
    lines, filled = read_lines(file, kind, choice)
    read = list(lines.findings)
    plan = make_plan(lines, hospital=hospital, on=day, complete=filled.complete)
    digest = plan.digest(key, file.sha256, filled.to_json(), hospital.pk)
    _afresh(lines, read)
    return lines, filled, plan, digest


def _decide(
    lines: Lines, filled: Choice, change_set: ChangeSet, hospital: Hospital, options: dict[str, Any]
) -> tuple[list[Entry], int]:
    """The entries to write, once the world still is as it was previewed. Raises Problem."""
    read, day = list(lines.findings), _day(filled)
    plan = make_plan(lines, hospital=hospital, on=day, complete=filled.complete)
    _afresh(lines, read)
    if (
        plan.digest(change_set.kind, change_set.file.sha256, filled.to_json(), hospital.pk)
        != change_set.digest
    ):
        raise Refused(STALE)
    _decided(plan, options["answers"])
    final = make_plan(lines, hospital=hospital, on=day, complete=filled.complete, answers=options["answers"])
    _afresh(lines, read)
    return _kept(final, options["answers"], options["leave_out"]), final.same


def _afresh(lines: Lines, read: list[Any]) -> None:
    """Forget what a plan found, so that the next one on the same rows says only its own."""
    lines.findings = list(read)
    wrong = {f.row for f in read if f.severity == "error"}
    for line in lines.lines:
        line.bad = line.row in wrong


def _decided(plan: Plan, answers: dict[str, str]) -> None:
    if plan.errors:
        raise Problem(
            "invalid",
            f"名册里还有 {sum(f.count for f in plan.errors)} 处错误，没有写入任何内容。请改正后重新上传。",
            422,
            [
                FieldError(
                    message=f.message, cure=f.cure, row=f.row, cell=f.cell or None, sheet=f.sheet or None
                )
                for f in plan.errors[:100]
            ],
        )
    open_ones = [q for q in plan.questions if answers.get(q.id) not in dict(q.options)]
    if open_ones:
        raise Problem(
            "refused",
            f"还有 {len(open_ones)} 个问题要您决定，没有写入任何内容。",
            409,
            [FieldError(f"/answers/{q.id}", q.text, "请选择一个答案") for q in open_ones[:50]],
            {"questions": [q.shown() for q in open_ones]},
        )


def _kept(plan: Plan, answers: dict[str, str], leave_out: list[str]) -> list[Entry]:
    """Entries that are not left out, once everything is decided. Raises Problem: answers may have raised new questions."""
    _decided(plan, answers)
    out = set(leave_out)
    unknown = out - {entry.key for entry in plan.entries}
    if unknown:
        raise Problem(
            "invalid",
            "要留下的行不在这次变动里。",
            422,
            [FieldError("/leave_out", f"没有“{key}”", "请重新预览后选择") for key in sorted(unknown)[:20]],
        )
    kept = [entry for entry in plan.entries if entry.key not in out]
    if not kept:
        raise Refused("没有要变动的内容：名册与医院现状一致。")
    return kept


def _close(
    change_set: ChangeSet, entries: list[Entry], same: int, journal: list[dict[str, Any]], by: Actor
) -> None:
    told = {
        "entries": [entry.shown() | {"change": entry.change, "row": entry.row} for entry in entries],
        "journal": journal,
    }
    change_set.difference = json.dumps(told, ensure_ascii=False)  # type: ignore[assignment]
    change_set.counts = Plan(entries, same).counts()
    change_set.changed = len(entries)
    change_set.state, change_set.applied_at, change_set.error = ChangeSet.State.APPLIED, clock.now(), None
    change_set.save(update_fields=["difference", "counts", "changed", "state", "applied_at", "error"])
    point("after_journal")
    facts = {"kind": change_set.kind, "counts": change_set.counts, "on": change_set.effective_on.isoformat()}
    events.record("roster.applied", "roster.change_set", change_set.uid, facts, hospital=change_set.hospital)
    left = sorted({person for entry in entries if entry.change == "left" for person in _persons(entry.ops)})
    emit(
        "roster.applied",
        {"change_set": str(change_set.uid), **facts},
        hospital=change_set.hospital,
        key=str(change_set.uid),
    )
    if change_set.kind == "staff" and left:
        emit("roster.left", {"people": left, "on": facts["on"]}, hospital=change_set.hospital)


def _persons(ops: tuple[Op, ...]) -> list[int]:
    from core.org.models import Enrolment, Post

    posts = [op.pk for op in ops if op.model == "post" and op.pk]
    roll = [op.pk for op in ops if op.model == "enrolment" and op.pk]
    found = set(Post.objects.filter(pk__in=posts).values_list("person_id", flat=True))
    found |= set(Enrolment.objects.filter(pk__in=roll).values_list("person_id", flat=True))
    return sorted(found)


def _stamp() -> int:
    """The last row of the record: whatever is written after it has a higher number."""
    return Change.objects.aggregate(last=Max("pk"))["last"] or 0


def _moved(stamp: int) -> bool:
    """Whether anything a plan reads was written since."""
    return Change.objects.filter(pk__gt=stamp, table__in=TABLES).exists()


def _day(choice: Choice) -> date:
    assert choice.on is not None
    return choice.on
