"""The one export path's job: rights of this moment, rows, file, record. What asks for it is `export_asks`.

The requester's rights are read afresh when the job runs: a post that ended in between gives no file, a narrower one
gives fewer rows and more masks, and one that would show more than was asked and approved is refused.
"""

import json
import secrets
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from core.kernel import clock
from core.kernel.context import hospital_scope
from core.kernel.errors import Forbidden, NotFound, Problem, Refused
from core.kernel.expressions import fields_used, in_words
from core.resources import export_file, export_rules, exporters, listing, ports, registry
from core.resources.exporters import Exporter, Offer, Sheet, register_exporter
from core.resources.models import ExportRequest
from core.resources.registry import Registered
from core.resources.rights import Rights
from core.resources.source import Scope
from core.resources.spec import Row

KIND = "resources.export"
SWEEP = "resources.export_sweep"
#: The exporter of every declared list.
LIST = "list"
PAGE = 1000
ACTIONS = ("view", "export")
#: What the file hangs on: no resource, so that only the download of the request hands it out.
OWNER = "exports.file"
CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def register() -> None:
    """Make the job, its sweep and the exporter of lists known."""
    from core.jobs.registry import every, job
    from core.resources.export_sweep import sweep

    job(KIND, label="导出表格", max_attempts=3, resumable=False)(run)
    job(SWEEP, label="清理过期的导出文件")(sweep)
    every(3600, SWEEP)
    register_exporter(Exporter(LIST, offer_list, sheet_of_list))


def run(ctx: Any) -> dict[str, Any]:
    """Make the file of one request. Raises Problem: not found, refused; the request then says why, too."""
    with hospital_scope(ctx.hospital):
        request = ExportRequest.objects.filter(uid=ctx.params.get("request") or None).first()
        if request is None:
            raise NotFound("没有找到这次导出，请重新申请。")
        if request.state != ExportRequest.State.MAKING:
            raise Refused("这次导出已经结束，请重新申请。")
        try:
            return _make(ctx, request)
        except Problem as problem:
            if problem.code != "unavailable":  # that one is tried again
                with ctx.commit():
                    close(request, ExportRequest.State.FAILED, problem.detail)
            raise


def close(request: ExportRequest, state: str, note: str) -> None:
    """End a request without a file, and tell: inside `acting()`."""
    now = clock.now()
    ExportRequest.objects.filter(pk=request.pk).update(state=state, note=note[:300], expires_at=None)
    request.state, request.note = state, note[:300]
    facts = {"request": str(request.uid), "number": request.number, "state": state}
    ports.record("export.refused", export_rules.TYPE, str(request.uid), facts, request.hospital)
    ports.emit("export.refused", facts | {"at": now.isoformat()}, request.hospital)


def offer_list(principal: Any, asked: dict[str, Any]) -> Offer:
    """Whether this list may be exported now, of which class it is. Raises NotFound, Forbidden, Refused, Invalid."""
    found, rights = _list(principal, asked)
    if not found.spec.export:
        raise Refused("这个列表不提供导出。")
    if not rights.may("export"):
        raise Forbidden("您没有导出这个列表的权限。如需导出，请联系医院管理员。")
    want = listing.read(rights, asked.get("where"), asked.get("q", ""), asked.get("order", ""))
    label = found.spec.label_plural or found.spec.label
    about = words(found, want.where)
    data_class = export_rules.class_of(rights)
    return Offer(found.spec.key, label, data_class, about, plugin=found.spec.plugin)


def sheet_of_list(principal: Any, asked: dict[str, Any], limit: int, ctx: Any) -> Sheet:
    """The rows of the list, in its order, masked as the list is."""
    found, rights = _list(principal, asked)
    want = listing.read(rights, asked.get("where"), asked.get("q", ""), asked.get("order", ""))
    scope = Scope(principal, found.spec.policy_type, ACTIONS)
    total = found.source.count(scope, want.where, limit)
    if total > limit:
        raise Refused(f"结果超过 {limit:,} 行，无法一次导出。请增加筛选条件后分几次导出。")
    return Sheet(
        title=found.spec.label_plural or found.spec.label,
        columns=tuple(f for f in found.spec.fields if f.column),
        rows=_rows(found, rights, scope, want, ctx, total, limit),
        said=f"筛选：{words(found, want.where)}；共 {total} 行",
        facts={"filters": sorted(fields_used(want.where))},
    )


def words(found: Registered, where: Any) -> str:
    """The filter in words."""
    fields = found.spec.fields
    return in_words(
        where, {f.key: f.label for f in fields}, {f.key: dict(f.labels) for f in fields if f.labels}
    )


def _list(principal: Any, asked: dict[str, Any]) -> tuple[Registered, Rights]:
    from core.policy.activation import is_enabled

    found = registry.get(asked["key"])
    if found is None or not is_enabled(found.spec.plugin, principal.hospital_id):
        raise NotFound()
    rights = Rights(principal, found, ACTIONS)
    if not rights.may("view"):
        raise NotFound()
    return found, rights


def _rows(
    found: Registered, rights: Rights, scope: Scope, asked: Any, ctx: Any, total: int, limit: int
) -> Iterator[Row]:
    place, done = None, 0
    while done < limit:
        page = found.source.select(scope, asked.where, asked.order, place, min(PAGE, limit - done))
        for row in page:
            yield rights.masked(row)
        done += len(page)
        ctx.progress(done, max(total, done), "正在写入表格")
        if len(page) < PAGE:
            return
        place = page[-1].place


def _make(ctx: Any, request: ExportRequest) -> dict[str, Any]:
    from core.policy.activation import is_enabled

    principal = requester(str(request.user_uid), ctx.hospital)
    exporter = exporters.get(request.exporter)
    if principal is None or principal.person_id != request.person_id:
        raise Refused("申请人现在没有任职，或账号已经停用，没有制作文件。")
    if exporter is None:
        raise Refused("制作这种文件的程序没有安装，没有制作文件。")
    asked = json.loads(request.asked)
    try:
        offer = exporter.offer(principal, asked)
    except Problem as problem:
        if problem.code not in ("not_found", "forbidden"):
            raise
        raise Refused("申请人现在没有导出这项内容的权限，没有制作文件。") from None
    if not is_enabled(offer.plugin, ctx.hospital.id):
        raise Refused("这项功能在本院已停用，没有制作文件。")
    if offer.data_class > request.data_class or (
        export_rules.needs_approval(offer.data_class) and request.approver_id is None
    ):
        raise Refused("申请之后权限有变化，内容的密级高于当时申请的，请重新申请。")
    if exporter.sheet is None:
        raise Refused("这种文件不由任务制作，没有制作文件。")
    sheet = exporter.sheet(principal, asked, export_rules.row_limit(offer.data_class), ctx)
    when = clock.now().astimezone(ZoneInfo(ctx.hospital.zone))
    draft = _draft()
    try:
        until = clock.now() + export_rules.FILE_KEPT
        written, masked = _written(draft, ctx.hospital, principal, request, sheet, when, until)
        name = f"{sheet.title} {when:%Y%m%d-%H%M}.xlsx"
        return _keep(ctx, principal, request, offer, draft, name, sheet.facts, (written, masked))
    finally:
        draft.unlink(missing_ok=True)


def made_now(principal: Any, request: ExportRequest, sheet: Sheet) -> bytes:
    """The workbook of a sheet that is made at its download, in memory alone."""
    from core.org.models import Hospital

    hospital, buffer = Hospital.objects.get(pk=request.hospital_id), BytesIO()
    when = clock.now().astimezone(ZoneInfo(hospital.zone))
    _written(buffer, hospital, principal, request, sheet, when, request.expires_at)
    return buffer.getvalue()


def _written(
    to: Path | BytesIO,
    hospital: Any,
    principal: Any,
    request: ExportRequest,
    sheet: Sheet,
    when: Any,
    until: Any,
) -> tuple[int, bool]:
    mark = f"{principal.label[: export_file.HEADER_LIMIT]}  {when:%Y-%m-%d %H:%M}  {request.number}"
    said = f"{hospital.name}；导出人 {principal.label}；{when:%Y-%m-%d %H:%M}；编号 {request.number}；{sheet.said}"
    marked = Sheet(sheet.title, sheet.columns, sheet.rows, said, sheet.facts)
    return export_file.write(to, marked, mark, _cover(hospital, principal, request, sheet, when, until))


def _cover(
    hospital: Any, principal: Any, request: ExportRequest, sheet: Sheet, when: Any, until: Any
) -> list[tuple[str, str]]:
    classes = {1: "公开", 2: "内部", 3: "敏感"}
    return [
        ("导出编号", request.number),
        ("医院", hospital.name),
        ("内容", sheet.title),
        ("范围", request.about or "全部"),
        ("导出人", principal.label),
        ("导出时间", f"{when:%Y-%m-%d %H:%M:%S}"),
        ("用途", export_rules.purpose_words(request.purpose, request.purpose_text)),
        ("密级", classes.get(request.data_class, str(request.data_class))),
        ("批准人", request.approver_name or "不需要批准"),
        ("下载", f"只能下载一次，{until.astimezone(ZoneInfo(hospital.zone)):%Y-%m-%d %H:%M} 前有效"),
        ("请注意", "每一页都印有导出人、时间和编号。请只用于上面写明的用途，用完后及时删除。"),
        ("说明", sheet.said),
    ]


def _keep(
    ctx: Any,
    principal: Any,
    request: ExportRequest,
    offer: Offer,
    draft: Path,
    name: str,
    about: Any,
    counted: tuple[int, bool],
) -> dict[str, Any]:
    from core.files.domain import store_path

    file = store_path(
        draft,
        name=name,
        hospital=ctx.hospital,
        by=principal.actor,
        kind="export",
        data_class=request.data_class,
        content_type=CONTENT,
        owner_type=OWNER,
        owner_uid=request.uid,
    )
    now = clock.now()
    answer = {
        "file": str(file.uid),
        "request": str(request.uid),
        "number": request.number,
        "name": name,
        "size": file.size,
        "rows": counted[0],
        "masked": counted[1],
        "href": f"/api/v1/h/{ctx.hospital.slug}/exports/{request.uid}/download",
    }
    with ctx.complete(answer):
        made = ExportRequest.objects.filter(pk=request.pk, state=ExportRequest.State.MAKING).update(
            state=ExportRequest.State.READY,
            file_uid=file.uid,
            file_name=name,
            sha256=file.sha256,
            rows=counted[0],
            masked=counted[1],
            reach=export_rules.reach(principal, offer.subject),
            expires_at=now + export_rules.FILE_KEPT,
        )
        if not made:
            raise Refused("这次导出已经结束，请重新申请。")
        facts = {
            "rows": counted[0],
            "masked": counted[1],
            "file": str(file.uid),
            "sha256": file.sha256,
            "number": request.number,
            "class": request.data_class,
            "purpose": request.purpose,
            **about,
        }
        ports.record(f"{offer.subject}.export", offer.subject, offer.uid, facts, ctx.hospital)
        ports.emit(f"{offer.subject}.export", {"rows": counted[0], "file": str(file.uid)}, ctx.hospital)
        ready = {"request": str(request.uid), "number": request.number, "user": str(request.user_uid)}
        ports.emit("export.ready", ready, ctx.hospital)
    return answer


def requester(user_uid: str, hospital: Any) -> Any:
    """The person's rights in the hospital as they are now; None without any."""
    from core.org.models import Hospital, User
    from core.policy.principal import principal_for

    user = User.objects.filter(uid=user_uid, is_active=True).first()
    return principal_for(user, Hospital.objects.get(pk=hospital.id)) if user else None


def _draft() -> Path:
    from django.conf import settings

    folder = Path(settings.HOME) / "exports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / f"{secrets.token_hex(16)}.xlsx"
