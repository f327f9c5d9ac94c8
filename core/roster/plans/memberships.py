"""Party members: joined, left, moved to another organisation, probation passed. Class 3."""

from datetime import date, timedelta
from typing import Any

from core.org.models import PartyOrg, Person
from core.roster.difference import Op
from core.roster.kinds import MEMBER
from core.roster.models import PartyMembership
from core.roster.plans.common import Work, distinct, end_post, from_day, iso, many_leave, new_post
from core.roster.read.cells import Line

KINDS = dict(PartyMembership.MEMBER_KINDS)


def plan(work: Work) -> None:
    """Compare every row with the membership of the person of that number, then those who are missing."""
    rows = distinct(work.lines, "number", "工号")
    listed: set[int] = set()
    for number, line in rows.items():
        person = holder(work, number, line)
        _check_dates(work, line, person)
        org = (
            work.look_up(line, "party_org", work.world.party_orgs, "党组织", {})
            if line["party_org"]
            else None
        )
        if isinstance(org, PartyOrg) and org.state != "active":
            work.lines.finding(line, "party_org", f"“{org.name}”已撤销。", "请改填在用的党组织。")
        if person is not None:
            listed.add(person.pk)
        if person is not None and org is not None and not line.bad:
            _row(work, person, number, org, line)
    if work.complete:
        here = work.world.memberships
        gone = [m for pk, m in here.items() if pk not in listed]
        if gone and many_leave(work, len(gone), len(here), "名党员"):
            for membership in sorted(gone, key=lambda m: m.pk):
                _leave(work, membership, work.world.eve, None, "不在完整名册中")


def holder(work: Work, number: str, line: Line) -> Person | None:
    """The person of a staff number whose name agrees, else None with a finding."""
    person = work.world.people.get(number)
    if person is None or not work.world.is_here(person.pk):
        alike = work.world.namesakes.get(line["name"] or "", [])
        codes = [work.world.numbers[p.pk] for p in alike if p.pk in work.world.numbers]
        cure = (
            f"“{line['name']}”的工号是 {'、'.join(codes[:3])}；请核对。"
            if codes
            else "请先导入人员名册，或核对工号。"
        )
        work.lines.finding(line, "number", f"工号“{number}”不在册。", cure)
        return None
    if line["name"] and line["name"] != person.name:
        work.lines.finding(
            line,
            "name",
            f"工号 {number} 是“{person.name}”，这里写的是“{line['name']}”。",
            "请核对工号和姓名；如果改了名，请先导入人员名册。",
        )
        return None
    return person


def transferred(membership: PartyMembership, on: date, org: Any, **values: Any) -> list[Op]:
    """A membership goes on in another organisation from a day on."""
    if membership.since_on >= on:
        before = {"party_org_id": membership.party_org_id} | {k: _now(membership, k) for k in values}
        return [
            Op("update", "membership", pk=membership.pk, before=before, after={"party_org_id": org} | values)
        ]
    after = {
        "person_id": membership.person_id,
        "party_org_id": org,
        "kind": membership.kind,
        "joined_on": iso(membership.joined_on),
        "full_on": iso(membership.full_on),
        "since_on": iso(on),
        "left_on": None,
    }
    ended = {"left_on": iso(on - timedelta(days=1))}
    return [
        Op("update", "membership", pk=membership.pk, before={"left_on": None}, after=ended),
        Op("create", "membership", after=after | values),
    ]


def _row(work: Work, person: Person, number: str, org: PartyOrg, line: Line) -> None:
    world = work.world
    membership = world.memberships.get(person.pk)
    posts = [p for p in world.open_posts.get(person.pk, []) if p.role == MEMBER]
    left = line["left_on"]
    if left is not None:
        if membership is None and not posts:
            work.same()
        elif membership is not None:
            _leave(work, membership, left, line, "名册上填有转出日期")
        else:
            ended = [end_post(p, left) for p in posts]
            text = f"工号 {number}，最后一天 {left}"
            work.add("left", f"member:{number}", person.name, text, ended, line=line)
        return
    values = {"kind": line["kind"], "joined_on": iso(line["joined_on"])}
    if "full_on" in line.has:
        values["full_on"] = iso(line["full_on"])
    key = f"member:{number}"
    if membership is None:
        since = max(line["joined_on"], min((p.starts_on for p in posts), default=world.on))
        after = {"person_id": person.pk, "party_org_id": org.pk, "full_on": None, "left_on": None} | values
        ops: list[Op | None] = [Op("create", "membership", after=after | {"since_on": iso(since)})]
        if not posts:
            ops.append(new_post(person.pk, MEMBER, number, world.on, title="党员", party_org_id=org.pk))
            text = f"工号 {number}，{KINDS[line['kind']]}"
            work.add("joined", key, person.name, text, ops, new=org.name, line=line)
            return
        ops += _place(work, posts, org)
        moved = any(p.party_org_id != org.pk for p in posts)
        old = _org_name(work, posts[0].party_org_id) if moved else ""
        text = f"工号 {number}：补登{KINDS[line['kind']]}" + (f"，{old} 转到 {org.name}" if moved else "")
        work.add(
            "moved" if moved else "changed", key, person.name, text, ops, old=old, new=org.name, line=line
        )
        return
    now = {k: _now(membership, k) for k in values}
    changed = {k: v for k, v in values.items() if now[k] != v}
    said = []
    if changed.get("kind"):
        said.append(f"{KINDS[membership.kind]}改为{KINDS[line['kind']]}")
    said += [
        f"{word}有变" for k, word in (("joined_on", "入党日期"), ("full_on", "转正日期")) if k in changed
    ]
    if membership.party_org_id != org.pk:
        old = membership.party_org.name
        ops = [*transferred(membership, world.on, org.pk, **changed), *_place(work, posts, org)]
        said.insert(0, f"{old} 转到 {org.name}")
        text = f"工号 {number}：{'；'.join(said)}"
        work.add("moved", key, person.name, text, ops, old=old, new=org.name, line=line)
        return
    ops = _place(work, posts, org)
    if changed:
        ops.append(
            Op("update", "membership", pk=membership.pk, before={k: now[k] for k in changed}, after=changed)
        )
    if not posts:
        ops.append(new_post(person.pk, MEMBER, number, world.on, title="党员", party_org_id=org.pk))
        said.append("补登党员任职")
    if any(op is not None for op in ops):
        text = f"工号 {number}：{'；'.join(said) or '党员任职改到所在组织'}"
        work.add("changed", key, person.name, text, ops, line=line)
    else:
        work.same()


def _leave(work: Work, membership: PartyMembership, last: date, line: Line | None, why: str) -> None:
    world = work.world
    posts = [p for p in world.open_posts.get(membership.person_id, []) if p.role == MEMBER]
    left = iso(max(last, membership.since_on))
    ops: list[Op | None] = [
        Op("update", "membership", pk=membership.pk, before={"left_on": None}, after={"left_on": left})
    ]
    ops += [end_post(p, last) for p in posts]
    number = world.numbers.get(membership.person_id, "")
    work.add(
        "left",
        f"member:{number or membership.uid}",
        membership.person.name,
        f"工号 {number}，{why}，最后一天 {last}",
        ops,
        old=membership.party_org.name,
        line=line,
    )


def _place(work: Work, posts: list[Any], org: PartyOrg) -> list[Op | None]:
    """The member's post in the organisation; a doubled one ends."""
    ops: list[Op | None] = []
    for extra in posts[1:]:
        ops.append(end_post(extra, work.world.eve))
    if posts and posts[0].party_org_id != org.pk:
        ops += from_day(posts[0], work.world, party_org_id=org.pk)
    return ops


def _check_dates(work: Work, line: Line, person: Person | None) -> None:
    joined, full, left = line["joined_on"], line["full_on"], line["left_on"]
    born = person.born_on if person is not None else None
    if joined and joined > work.world.on:
        work.lines.finding(line, "joined_on", f"入党日期 {joined} 在将来。", "请核对年份。")
    if joined and born and joined.year - born.year < 18:
        work.lines.finding(line, "joined_on", "入党时不满十八岁。", "请核对入党日期；年满十八岁才能入党。")
    if joined and full and full < joined:
        work.lines.finding(line, "full_on", f"转正日期 {full} 早于入党日期 {joined}。", "请核对这两个日期。")
    if full and line["kind"] == "probationary" and full <= work.world.on:
        work.lines.finding(
            line, "kind", "填了转正日期，类型却是预备党员。", "请核对类型；转正以后是正式党员。"
        )
    if joined and left and left < joined:
        work.lines.finding(line, "left_on", f"转出日期 {left} 早于入党日期 {joined}。", "请核对这两个日期。")


def _org_name(work: Work, pk: int | None) -> str:
    return work.world.party_org_by_id[pk].name if pk in work.world.party_org_by_id else ""


def _now(membership: PartyMembership, key: str) -> Any:
    value = getattr(membership, key)
    return value.isoformat() if hasattr(value, "isoformat") else value
