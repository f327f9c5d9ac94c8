"""The only caller of sources: gate → policy → source → mask → audit and outbox in one transaction.

Lists, pages, forms, exports, the API and dashboards all come through here. Whatever may not be seen, be it another
hospital's, a disabled plugin's or above the person's rights, answers as if it did not exist.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from core.kernel import clock
from core.kernel.context import HospitalRef, acting, hospital_scope
from core.kernel.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Problem, Refused
from core.policy.activation import is_enabled
from core.resources import cursor, export_asks, forms, idempotency, listing, ports, present, reading, registry
from core.resources.registry import Registered
from core.resources.rights import Rights
from core.resources.source import COUNT_CAP, Measure, Scope, Stale
from core.resources.spec import Action, Command, Row

#: Stands for "a page of the list" as the subject of a read event: one event a request, not one a row.
LIST = "*"
_MEASURES = ("count", "sum", "min", "max")


def spec(principal: Any, key: str) -> dict[str, Any]:
    """The declaration of a resource for this person."""
    with _open(principal, key) as (found, rights):
        if not any(rights.may(a) for a in ("view", *(a.policy_action for a in found.spec.actions))):
            raise NotFound()
        return present.spec(rights, listing.filterable(rights))


def rows(
    principal: Any,
    key: str | Registered,
    *,
    where: Any = None,
    q: str = "",
    order: str = "",
    after: str | None = None,
    limit: int | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """One page of the list: {rows, next, count, as_of?}. `key` may be a `nested` resource.

    `reason`: what the person said they look for. Raises NotFound, Invalid, Problem reason_needed (428).
    """
    with _open(principal, key) as (found, rights):
        _viewable(rights)
        size = listing.page_size(limit)
        asked = listing.read(rights, where, q, order)
        place, count = cursor.unseal(after, asked.about) if after else (None, None)
        scope = Scope(principal, found.spec.policy_type)
        page = list(found.source.select(scope, asked.where, asked.order, place, size + 1))
        more, page = len(page) > size, page[:size]
        if count is None:
            counted = found.source.count(scope, asked.where, COUNT_CAP) if more else len(page)
            count = (min(counted, COUNT_CAP), counted > COUNT_CAP)
        shown = [rights.masked(row) for row in page]
        reading.note(rights, principal, found.spec.key, LIST, shown, reason)
        slug = _hospital(principal).slug
        answer: dict[str, Any] = {
            "rows": [present.row(found.spec, row, slug) for row in shown],
            "next": cursor.seal(page[-1].place, count, asked.about) if more else None,
            "count": {"value": count[0], "capped": count[1]},
        }
        as_of = found.source.as_of(scope)
        return answer | ({"as_of": as_of} if as_of else {})


def row(principal: Any, key: str, uid: str, *, reason: str = "") -> dict[str, Any]:
    """The detail page: {row, title, subtitle, breadcrumbs, badges, panels, actions}.

    Raises NotFound, Problem reason_needed (428) for secret data looked at without a `reason`.
    """
    with _open(principal, key) as (found, rights):
        it = found.spec
        one = rights.masked(_get(found, principal, uid))
        reading.note(rights, principal, key, one.uid, [one], reason)
        slug = _hospital(principal).slug
        panels = it.panels(one, principal) if it.panels else [present.fields_panel(it, one)]
        return {
            "row": present.row(it, one, slug),
            "title": it.title(one) if it.title else one.label,
            "subtitle": it.subtitle(one) if it.subtitle else "",
            "breadcrumbs": [
                {"label": "首页", "href": f"/h/{slug}/"},
                {"label": it.label_plural or it.label, "href": f"/h/{slug}/r/{it.key}"},
            ],
            "badges": it.badges(one) if it.badges else [],
            "panels": [present.value(panel) for panel in panels],
            "actions": [present.action(a, principal, one) for a in it.actions if a.verb in one.actions],
        }


def get(principal: Any, key: str, uid: str) -> Row:
    """One masked row for code (panels, links); writes no read event. Raises NotFound."""
    with _open(principal, key) as (found, rights):
        return rights.masked(_get(found, principal, uid))


def shown_class(principal: Any, key: str, uid: str) -> int:
    """The highest data class the person is shown of the thing, 0 when it may not be seen: files on it follow."""
    try:
        with _open(principal, key) as (found, rights):
            return rights.shown_class(_get(found, principal, uid))
    except Problem:
        return 0


def command(
    principal: Any,
    key: str,
    verb: str,
    *,
    uid: str | None = None,
    expected_version: int | None = None,
    values: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    files: Sequence[str] = (),
) -> dict[str, Any]:
    """Do `verb`: {row, message, href?, job?}. One transaction holds change, audit, outbox and the key's answer.

    Raises NotFound, Forbidden, Refused (not in this state), Invalid, Conflict with both values.
    """
    with _open(principal, key) as (found, rights):
        action = found.spec.action(verb)
        if action is None or not rights.may(action.policy_action):
            raise Forbidden() if action and rights.may("view") else NotFound()
        given = dict(values or {})
        with acting(principal.actor):
            kept = None
            if idempotency_key:
                asked = [key, verb, uid, expected_version, given, list(files)]
                kept = idempotency.claim(principal.hospital_id, str(principal.actor), idempotency_key, asked)
                if kept.response is not None:
                    return dict(kept.response)
            answer = _run(found, rights, action, uid, expected_version, given, tuple(files))
            if kept is not None:
                idempotency.keep(kept, {k: v for k, v in answer.items() if k != "data"})
            return answer


def export(
    principal: Any,
    key: str,
    *,
    where: Any = None,
    q: str = "",
    order: str = "",
    purpose: str = "",
    purpose_text: str = "",
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """Ask for a list as an Excel file: {job}, or {request} when a second person must agree first.

    Rows and masks follow the requester's rights when the job runs. Raises NotFound, Forbidden, Refused, Invalid.
    """
    asked = {"key": key, "where": where, "q": q, "order": order}
    return export_asks.ask(
        principal,
        "list",
        asked,
        purpose=purpose,
        purpose_text=purpose_text,
        idempotency_key=idempotency_key,
    )


def aggregate(
    principal: Any,
    key: str,
    *,
    where: Any = None,
    by: Sequence[str] = (),
    measures: Sequence[tuple[str, str | None]] = (("count", None),),
) -> list[dict[str, Any]]:
    """Totals for dashboards, over rows the person may see, of fields the person is shown. Raises Invalid."""
    with _open(principal, key) as (found, rights):
        _viewable(rights)
        open_to, ceiling, it = listing.filterable(rights), rights.ceiling(), found.spec
        for group in by:
            if group not in open_to:
                raise Invalid("不能按这个字段汇总。", [FieldError("/by", f"不能按“{group}”汇总")])
        asked = []
        for kind, name in measures:
            field = it.by_key.get(name) if name else None
            ready = (kind == "count" and name is None) or (
                field is not None and field.summable and it.class_of(field.key) <= ceiling
            )
            if kind not in _MEASURES or not ready:
                raise Invalid("不能这样汇总。", [FieldError("/measures", f"不能对“{name}”求 {kind}")])
            asked.append(Measure(kind, name))
        scope = Scope(principal, it.policy_type)
        return found.source.aggregate(scope, listing.condition(rights, where), by, asked)


@contextmanager
def _open(principal: Any, key: str | Registered) -> Iterator[tuple[Registered, Rights]]:
    """The gate: the resource exists and its plugin is enabled in the hospital, which is put into context."""
    found = registry.get(key) if isinstance(key, str) else key
    if principal is None or found is None or not is_enabled(found.spec.plugin, principal.hospital_id):
        raise NotFound()
    with hospital_scope(_hospital(principal)):
        yield found, Rights(principal, found)


def _hospital(principal: Any) -> HospitalRef:
    return principal.hospital or HospitalRef(principal.hospital_id, "")


def _viewable(rights: Rights) -> None:
    if not rights.may("view"):
        raise NotFound()


def _get(found: Registered, principal: Any, uid: str) -> Row:
    one = found.source.get(Scope(principal, found.spec.policy_type), uid)
    if one is None:
        raise NotFound()
    return one


def _run(
    found: Registered,
    rights: Rights,
    action: Action,
    uid: str | None,
    expected_version: int | None,
    given: dict[str, Any],
    files: tuple[str, ...],
) -> dict[str, Any]:
    it, principal = found.spec, rights.principal
    scope = Scope(principal, it.policy_type)
    before = None
    if action.scope == "row":
        if uid is None:
            raise Invalid("没有说明要办理哪一项。", [FieldError("/uid", "必须填写")])
        before = _get(found, principal, uid)
        _allowed(rights, action, before)
        if action.checks_version and expected_version is None:
            raise Invalid(
                "请刷新页面后重试。",
                [FieldError("/expected_version", "必须填写打开时的版本号", "请刷新页面后重试")],
            )
    elif uid is not None:
        raise Invalid("这项操作不针对单独一行。", [FieldError("/uid", "不应填写")])
    cleaned = forms.clean(action.form_for(before, principal), given, principal)
    order = Command(
        it.key, action.verb, uid, expected_version, cleaned, files, principal, principal.actor, clock.now()
    )
    try:
        touched, done = found.source.apply(scope, action, order)
    except Stale:
        raise _conflict(found, rights, action, uid, given) from None
    after = found.source.get(scope, touched) if touched else None
    if before is None and touched:
        reach = Scope(principal, it.policy_type, (action.policy_action,))
        if found.source.get(reach, touched) is None:  # rolled back with everything the handler did
            raise Forbidden("您不能为所选的范围新建这项内容。")
    _tell(it.key, action.verb, touched, before, after, done.event, _hospital(principal))
    answer: dict[str, Any] = {
        "row": present.row(it, rights.masked(after), _hospital(principal).slug) if after else None,
        "message": done.message,
    }
    more = (("href", done.href), ("job", done.job), ("data", present.value(dict(done.shown_once))))
    return answer | {k: v for k, v in more if v}


def _allowed(rights: Rights, action: Action, row: Row) -> None:
    verdict = rights.verdict(action.policy_action, row)
    if verdict.effect == "approve":
        raise Forbidden("这项操作需要另一位有权的人批准。")
    if action.states and row.state not in action.states:
        raise Refused(f"现在的状态下不能{action.label}。请刷新页面查看最新状态。")
    if not verdict.allowed:
        raise Forbidden()


def _conflict(
    found: Registered, rights: Rights, action: Action, uid: str | None, given: dict[str, Any]
) -> Exception:
    now = rights.masked(_get(found, rights.principal, str(uid)))
    current = {key: present.value(value) for key, value in now.values.items()}
    both = []
    asked = action.form_for(now, rights.principal)
    for item in asked.fields if asked else ():
        source = item.initial or item.key
        if item.value is not None:
            current[source] = item.value
        if (
            item.key in given
            and source in current
            and source not in now.masked
            and current[source] != given[item.key]
        ):
            both.append(
                {"key": item.key, "label": item.label, "current": current[source], "yours": given[item.key]}
            )
    return Conflict(current={"version": now.version, "state": now.state, **current}, yours=given, fields=both)


def _tell(
    key: str,
    verb: str,
    uid: str | None,
    before: Row | None,
    after: Row | None,
    event: Mapping[str, Any],
    hospital: HospitalRef,
) -> None:
    """Audit and outbox: names of changed fields, never their values, which may be of a higher class than the log."""
    data: dict[str, Any] = {"verb": verb, **present.value(dict(event))}
    if after is not None:
        data |= {"version": after.version, "state": after.state}
        if before is not None:
            data["changed"] = sorted(k for k, v in after.values.items() if before.values.get(k) != v)
    ports.record(f"{key}.{verb}", key, uid, data, hospital)
    ports.emit(f"{key}.{verb}", {"uid": uid, **data}, hospital)
    ports.touch(key, uid, hospital)
