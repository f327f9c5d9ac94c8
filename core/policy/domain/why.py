"""Why may this person do that to this thing, or why not: the words to `can`, which alone decides.

A refusal names the nearest reason: how far the question came before it ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.policy.decide import Verdict, can, predicate_for, relation_of
from core.policy.predicates import Never, Predicate, any_of, holds
from core.policy.principal import PostRight, Principal
from core.policy.roles import role_label
from core.policy.table import TableRow, rows_for
from core.policy.types import TypePolicy, type_policy

RELATIONS = {
    "hospital": "本院全部",
    "department": "本科室及下级",
    "campus": "本院区",
    "party": "本党组织及下级",
    "own": "本人的",
}
EFFECTS = {"allow": "允许", "mask": "允许，遮住敏感内容", "approve": "须第二人批准", "deny": "禁止"}


@dataclass(frozen=True)
class Named:
    """The words of a question: how type, action, states and the thing are called."""

    who: str
    type_label: str
    action_label: str
    thing_label: str = ""
    states: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Why:
    """The answer. `steps` are (held, sentence) in the order in which they were asked; the last one decided."""

    allowed: bool
    effect: str
    sentence: str
    steps: tuple[tuple[bool, str], ...]
    verdict: Verdict | None = None


def explain(
    principal: Principal | None,
    action: str,
    type_key: str,
    thing: Mapping[str, Any] | None,
    named: Named,
    *,
    last_post: tuple[str, date | None] | None = None,
    switched_off: str = "",
    account: str = "",
) -> Why:
    """Explain. `thing`: attributes of the object, None to ask about any at all. `switched_off`: the plugin's name.

    `last_post`: role and last day of the latest post of one who holds none. `account`: why no account can be used.
    """
    what = f"{named.action_label}{named.type_label}"
    steps: list[tuple[bool, str]] = []
    if switched_off:
        return _ended(steps, f"插件“{switched_off}”在本院已停用，{what}对任何人都不可用。")
    steps.append((True, "所属功能在本院已启用。"))
    if account:
        return _ended(steps, account)
    if principal is None:
        return _ended(steps, _no_post(named.who, last_post))
    held = "、".join(dict.fromkeys(_role(post) for post in principal.posts))
    steps.append((True, f"{named.who}今天在本院任职：{held}。"))
    policy = type_policy(type_key)
    rows = [row for row in rows_for(principal.roles, action, type_key) if row.effect != "deny"]
    if not rows:
        return _ended(steps, f"权限表中没有哪一行允许这些角色“{what}”。")
    steps.append((True, f"权限表中有 {len(rows)} 行涉及这些角色“{what}”。"))
    if thing is None:
        found = not isinstance(predicate_for(principal, action, type_key), Never)
        if found:
            return Why(
                True,
                "allow",
                f"{named.who}可以{what}，范围见所列各行。",
                (*steps, (True, _spoken(rows, named))),
            )
        return _ended(steps, f"所列各行的范围内没有事项，或者{named.who}回避了全部事项。")
    verdict = can(principal, action, type_key, dict(thing))
    if verdict.recusal is not None:
        return _ended(steps, f"{named.who}已回避：{verdict.recusal.label or '这件事项'}。", verdict)
    if verdict.effect == "deny" and verdict.row is not None:
        return _ended(steps, f"权限表第 {verdict.row.line} 行明确禁止：{verdict.row.note}。", verdict)
    if verdict.row is None:
        return _ended(steps, _nearest(principal, rows, dict(thing), policy, named))
    steps.append((True, f"适用第 {verdict.row.line} 行：{_speaks(verdict.row, named)}。"))
    if verdict.effect == "approve":
        return _ended(steps, f"{what}须经第二人批准，本人不能直接办理。", verdict)
    shown = f"看到不高于 {verdict.max_class} 级的内容"
    if verdict.max_class < policy.data_class:
        steps.append((False, f"该事项为 {policy.data_class} 级，超出的内容遮住。"))
    post = f"依据：{_post(verdict.post)}" if verdict.post else ""
    return Why(True, verdict.effect, f"{named.who}可以{what}，{shown}。{post}", tuple(steps), verdict)


def _ended(steps: list[tuple[bool, str]], said: str, verdict: Verdict | None = None) -> Why:
    effect = verdict.effect if verdict else "deny"
    return Why(False, effect, said, (*steps, (False, said)), verdict)


def _no_post(who: str, last: tuple[str, date | None] | None) -> str:
    if last is None:
        return f"{who}在本院没有任职。"
    role, ended = last
    until = f"，已于 {ended} 结束" if ended else "，尚未开始"
    return f"{who}今天在本院没有任职；最近的任职是{role_label(role)}{until}。"


def _nearest(
    principal: Principal,
    rows: list[TableRow],
    thing: dict[str, Any],
    policy: TypePolicy,
    named: Named,
) -> str:
    """Which condition failed: the giver's limits, the place, or the state."""
    asked = {id(row): (row, holds(_without_state(principal, policy, row), thing.get)) for row in rows}
    placed = [row for row, here in asked.values() if here]
    if placed:
        states = "、".join(sorted(named.states.get(s, s) for row in placed for s in row.states))
        now = named.states.get(str(thing.get("state")), str(thing.get("state")))
        return f"当前状态是“{now}”，权限只在“{states}”时有效。" if states else "受委托的权限不含这件事项。"
    if any(row.relation == "department" for row in rows):
        return f"这件事项属于其他科室，权限只到{_places(principal)}。"
    if any(row.relation == "campus" for row in rows):
        return "这件事项属于其他院区。"
    if any(row.relation == "party" for row in rows):
        return "这件事项属于其他党组织。"
    if any(row.relation == "own" for row in rows):
        return "这件事项不是本人的。"
    return "这件事项不在委托人当日的权限之内。"


def _without_state(principal: Principal, policy: TypePolicy, row: TableRow) -> Predicate:
    """The place alone: the row's relation for the person's posts."""
    return any_of(
        [
            relation_of(row.relation, post, principal, policy)
            for post in principal.posts
            if row.role in ("*", post.role) and not (post.giver is not None and row.relation == "own")
        ]
    )


def _places(principal: Principal) -> str:
    names = [post.department_name for post in principal.posts if post.department_name]
    return "、".join(dict.fromkeys(names)) or "所任职的科室"


def _role(post: PostRight) -> str:
    where = f"（{post.department_name}）" if post.department_name else ""
    return f"{role_label(post.role)}{where}" + (
        f"，受{post.delegated_from}委托" if post.delegated_from else ""
    )


def _post(post: PostRight) -> str:
    days = f"{post.starts_on or ''} 至 {post.ends_on or '今'}" if post.starts_on else "长期"
    return f"{_role(post)}，{days}。"


def _speaks(row: TableRow, named: Named) -> str:
    states = "、".join(sorted(named.states.get(state, state) for state in row.states)) or "不限状态"
    role = "任何在职人员" if row.role == "*" else role_label(row.role)
    return f"{role}，{RELATIONS[row.relation]}，{states}，{EFFECTS[row.effect]}，最高 {row.max_class} 级"


def _spoken(rows: list[TableRow], named: Named) -> str:
    return "；".join(_speaks(row, named) for row in rows) + "。"


def row_out(row: TableRow, named: Named) -> dict[str, Any]:
    """The row of the table as the page shows it."""
    return {
        "role": row.role,
        "role_label": "任何在职人员" if row.role == "*" else role_label(row.role),
        "type_label": named.type_label,
        "action_label": named.action_label,
        "relation_label": RELATIONS[row.relation],
        "state_label": "、".join(sorted(named.states.get(state, state) for state in row.states)) or "不限",
        "max_class": row.max_class,
        "note": row.note,
        "source": f"{row.source}:{row.line}",
    }


def post_out(post: PostRight) -> dict[str, Any]:
    """The post that the right follows from, as the page shows it."""
    return {
        "role_label": role_label(post.role),
        "where": post.department_name or post.party_name or "全院",
        "starts_on": post.starts_on and post.starts_on.isoformat(),
        "ends_on": post.ends_on and post.ends_on.isoformat(),
        "delegated_from": post.delegated_from or None,
    }
