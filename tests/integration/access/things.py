"""One thing of each sort in the first hospital, and a client for each role: what the walker asks with."""

import tempfile
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from core.accounts.domain import tokens
from core.accounts.models import Device, Opening
from core.audit.events import read_event
from core.audit.models import Event, ReadingDay
from core.files import domain as files
from core.flow.domain.run import open_items, version_of
from core.flow.models import FlowItem
from core.jobs.domain import submit
from core.kernel import clock
from core.kernel.context import Actor, acting, actor_scope, hospital_scope
from core.lake import domain as lake
from core.lake.models import LakeQuarantine, MonthVersion
from core.notify.domain import send
from core.notify.domain.duty import put as put_shift
from core.notify.models import Delivery, Receipt
from core.org.models import CalendarDay, Hospital, PartyOrg, Post, User
from core.plugin_host.service import enable
from core.policy.models import Delegation, Recusal
from core.publications.domain import freeze
from core.publications.models import Snapshot
from core.regulations.models import Rule
from core.resources import export_asks, registry
from core.resources.models import ExportRequest
from core.roster.domain import changes, uploads
from core.roster.models import ChangeSet, PartyMembership, RosterUpload
from core.testing.world import World
from plugins.warning.domain.disclosure import set_names
from plugins.warning.models import Finding, IndicatorValue, NotEvaluated, RuleVersion, Warning, WarningRun
from tests.integration.access.internal_pages import make_page

SLUG = "binjiang"
BY = Actor.system("test")

#: Column of the reviewed file → (role, hospital, department) of the account that asks.
ROLES: dict[str, tuple[str, str, str] | None] = {
    "hospital_admin": ("hospital_admin", SLUG, ""),
    "inspector": ("inspector", SLUG, ""),
    "pharmacy": ("pharmacy", SLUG, ""),
    "department_head": ("department_head", SLUG, "骨科"),
    "doctor": ("doctor", SLUG, ""),
    "staff": ("staff", SLUG, ""),
    "foreign_inspector": ("inspector", "yunling", ""),
    "platform_admin": ("platform_admin", "", ""),
    "anonymous": None,
}

LINES = (
    "明细编号,处方号,日期,科室,医师,患者,就诊类型,药品耗材,类别,数量,单价,金额\n"
    "1,RX1,2024-03-05,骨科,{doctor},P1,门诊,I1,药品,2,10.00,20.00\n"
    "2,RX2,2024-03-06,骨科,{doctor},P2,门诊,I1,药品,两盒,10.00,20.00\n"
)


@dataclass
class Things:
    """Uids of what exists, by the operation's first words or by resource key."""

    world: World
    rows: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)

    def path(self, operation: str, slug: str = SLUG) -> str:
        """The operation's path with its places filled in."""
        pattern = operation.split(" ", 1)[1].replace("<hospital>", slug).replace("<plugin>", "warning")
        pattern = pattern.replace("<uuidstr:uid>", "<uid>").replace("<n>", "2")
        pattern = pattern.replace("<token>", self.others["token"]).replace("<spec>", "card")
        pattern = pattern.replace("<kind>", "staff")
        if "<uid>" not in pattern:
            return pattern
        for words, uid in self.others.items():
            if f"/{words}/<uid>" in pattern:
                return pattern.replace("<uid>", uid)
        key = pattern.split("/resources/")[1].split("/")[0]
        return pattern.replace("<uid>", self.rows[key])

    def ask(self, role: str, operation: str, *, csrf: bool = True, slug: str = SLUG) -> Any:
        """Do an operation as a role and undo what it did. Unsafe ones are sent with a token unless told otherwise."""
        client, method = self.clients[role], operation.split(" ", 1)[0]
        headers = {"X-CSRFToken": client.cookies["csrftoken"].value} if csrf else {}
        body, kind = (b"", "") if method == "GET" else (b"{}", "application/json")
        if operation.endswith(("/files", "/uploads")):
            sent = {"file": SimpleUploadedFile("行.csv", LINES.encode()), "dataset": "prescription_lines"}
            body, kind = encode_multipart(BOUNDARY, sent), MULTIPART_CONTENT
        with transaction.atomic():
            answer = client.generic(
                method, self.path(operation, slug), body, content_type=kind, headers=headers
            )
            answer.body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        return answer


def signed_in(user: User | None) -> Client:
    """A client that holds the CSRF cookie, signed in as `user`; CSRF is enforced."""
    client = Client(enforce_csrf_checks=True)
    if user is not None:
        with actor_scope(BY):
            client.force_login(user)
    client.get("/api/v1/session")
    return client


def make_things(world: World) -> Things:
    """Enable the plugin, import three lines (one of them bad), make a run with one warning that waits for an answer."""
    hospital, found = world.hospital(SLUG), Things(world)
    inspector, pharmacist = world.principal("inspector"), world.principal("pharmacy")
    enable("warning", hospital, by=BY)
    with hospital_scope(hospital), acting(BY):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "处方.csv"
            path.write_text(LINES.format(doctor=_doctor(world)), encoding="utf-8")
            upload = lake.receive_path(
                path, dataset="prescription_lines", hospital=hospital, by=pharmacist.actor
            )
        done = lake.run_import(lake.start_import(upload, by=pharmacist.actor, accept_partial=True), by=BY)
        file = files.store_bytes(
            b"abc",
            name="说明.txt",
            hospital=hospital,
            by=pharmacist.actor,
            owner_type="org.user",
            owner_uid=pharmacist.user_uid,
            data_class=3,
        )
        job = submit("warning.run", {}, by=inspector.actor, hospital=hospital)
        warning = _warning(world)
    with hospital_scope(hospital):
        ranking = _ranking(hospital)
    found.others = {
        "jobs": str(job.uid),
        "files": str(file.uid),
        "lake/uploads": str(upload.uid),
        "lake/imports": str(done.uid),
        "p/warning/warnings": str(warning.uid),
    }
    found.others |= make_page(world)
    listed, membership = _roster(world)
    found.clients = {role: signed_in(world.user(*held) if held else None) for role, held in ROLES.items()}
    with hospital_scope(hospital):
        asked = {"key": "warning.warning", "where": None, "q": "", "order": ""}
        why = {"purpose": "inspection", "purpose_text": "核对预警的处理"}
        waiting = export_asks.ask(inspector, "list", asked, **why)["request"]["uid"]
        found.others["exports"] = waiting
        events = Event.objects.filter(hospital=hospital.id)
        read = read_event(inspector, "warning.warning", warning.uid)
        with acting(BY):
            day = ReadingDay.objects.create(
                hospital=hospital,
                day=clock.today(),
                actor=str(inspector.actor),
                label=inspector.label,
                lookups=200,
                usual=10,
                limit=100,
                over=True,
            )
        found.others["me/devices"] = str(Device.objects.filter(user=world.user("inspector")).latest("pk").uid)
        with acting(BY):
            token, _ = tokens.create(hospital, "示例系统", ["roster.write"], 30, by=BY)
            opening = Opening.objects.create(
                label="全院", whom="everyone", requester="示例管理员", asked_at=clock.now()
            )
        noticed = send(
            "notify.test",
            [pharmacist.person_id],
            hospital=hospital,
            slots={"hospital": hospital.name},
            href="/h/binjiang/notices",
            subject=None,
            key="walker",
        )
        found.others["notices"] = str(Receipt.objects.get(notice=noticed).uid)
        with acting(BY):
            delivery = Delivery.objects.create(
                hospital=hospital,
                notice=noticed,
                person_id=pharmacist.person_id,
                channel="mail",
                key="walker",
                state="failed",
                reason="邮件服务器不接受这个邮箱。",
                created_at=clock.now(),
                due_at=clock.now(),
            )
            shift = put_shift(hospital, pharmacist.person_id, clock.today(), time(8, 0))
    delegation, recusal = _policy_rows(world)
    rows = {
        "policy.delegation": delegation,
        "policy.recusal": recusal,
        "notify.delivery": delivery,
        "notify.night_duty": shift,
        "accounts.account": world.user("doctor"),
        "accounts.token": token,
        "accounts.opening": opening,
        "exports.export": ExportRequest.unscoped.get(uid=waiting),
        "audit.reading": read,
        "audit.event": events.exclude(kind="read").first(),
        "audit.bulk": day,
        "org.hospital": hospital,
        "org.campus": world.department("骨科").campus,
        "org.calendar_day": CalendarDay.objects.filter(hospital=None).latest("day"),
        "regulations.rule": Rule.objects.get(code="branch.general_meeting"),
        "org.department": world.department("骨科"),
        "org.person": world.user("department_head", department="骨科").person,
        "org.post": Post.unscoped.filter(hospital=hospital).first(),
        "org.party_org": PartyOrg.unscoped.filter(hospital=hospital).first(),
        "roster.change_set": listed,
        "roster.membership": membership,
        "lake.import": done,
        "lake.quarantine": LakeQuarantine.unscoped.get(hospital=hospital),
        "warning.warning": warning,
        "warning.run": warning.finding.run,
        "warning.unevaluated": NotEvaluated.unscoped.get(hospital=hospital),
        "warning.indicator": IndicatorValue.unscoped.get(hospital=hospital),
        "warning.disclosure": set_names(hospital, False, "院发〔2024〕8号", by=inspector.actor),
        "publications.snapshot": ranking,
        "warning.ranking": ranking,
    }
    found.others["roster/uploads"] = str(RosterUpload.unscoped.get(hospital=hospital).uid)
    found.rows = {key: str(row.uid) for key, row in rows.items()}
    found.rows["warning.rule"] = warning.finding.rule.digest
    assert set(registry.everything()) >= set(found.rows)
    return found


def _roster(world: World) -> tuple[ChangeSet, PartyMembership]:
    """A list that waits to be applied, and a Party member."""
    hospital, day = world.hospital(SLUG), clock.today()
    rows = [{"number": "T1", "name": "示例新人", "department": "骨科"}]
    with hospital_scope(hospital), acting(BY):
        kept = uploads.receive_rows(rows, kind="staff", hospital=hospital, by=BY)
        told = changes.preview(kept, uploads.Choice(), hospital=hospital, by=BY)
        made = changes.start(kept, digest=told["digest"], answers={}, leave_out=[], hospital=hospital, by=BY)
        return made, PartyMembership.objects.create(
            person=world.user("member").person,
            party_org=PartyOrg.objects.earliest("pk"),
            kind="full",
            joined_on=day,
            since_on=day,
        )


def _ranking(hospital: Hospital) -> Snapshot:
    return freeze(
        "warning.top20_doctors",
        "2024年第1季度用药金额前 20 名医师",
        columns=[{"key": "rank", "label": "名次", "type": "number"}],
        rows=[{"rank": 1}],
        method="示例",
        period="2024年第1季度",
        n=30,
        audience="internal",
        data_class=2,
        basis={"pins": {}},
        by=BY,
        hospital=hospital,
    )


def _doctor(world: World) -> str:
    return world.sites[SLUG].doctors["骨科"][0]


def _warning(world: World) -> Warning:
    hospital, at = world.hospital(SLUG), clock.now()
    rule = RuleVersion.objects.create(
        code="C1_COST_PER_RX",
        number=1,
        digest="d" * 64,
        title="次均药费偏高",
        rule_class="C",
        dimension="department",
        text="rule: 示例",
        stored_at=at,
    )
    pins = MonthVersion.unscoped.filter(hospital=hospital, dataset="prescription_lines")
    run = WarningRun.unscoped.create(
        hospital=hospital,
        as_of=at,
        started_at=at,
        state="done",
        requested_by="系统",
        pins={"prescription_lines": [[pin.month, pin.version] for pin in pins]},
    )
    finding = Finding.unscoped.create(
        hospital=hospital,
        run=run,
        rule=rule,
        subject_kind="department",
        subject_key="骨科",
        subject={"department": "骨科"},
        period="2024-03",
        level="yellow",
        value="20",
        reason="骨科：次均药费偏离同行，需核实",
        evidence={
            "dataset": "prescription_lines",
            "where": {
                "op": "and",
                "args": [{"op": "eq", "args": [{"field": "department"}, {"value": "骨科"}]}],
            },
        },
    )
    NotEvaluated.unscoped.create(
        hospital=hospital,
        run=run,
        rule_code="A3_AUD",
        rule_title="使用强度",
        code="no_data",
        reason="缺少住院日",
    )
    IndicatorValue.unscoped.create(
        hospital=hospital,
        run=run,
        code="nsaids",
        number=1,
        title="布洛芬占比",
        unit="%",
        practice="A1",
        practice_name="示例诊所",
        month="2024-03",
        value="50",
    )
    warning = Warning(
        hospital=hospital,
        rule_code=rule.code,
        subject_kind="department",
        subject_key="骨科",
        subject_label="骨科",
        title="骨科：次均药费偏高",
        rule_class="C",
        level="yellow",
        level_rank=2,
        first_period="2024-03",
        period="2024-03",
        finding=finding,
        department=world.department("骨科"),
        opened_at=at,
        updated_at=at,
    )
    [warning.flow] = open_items(version_of("warning.case"), hospital, "warning.warning", [warning.uid])
    FlowItem.unscoped.filter(pk=warning.flow.pk).update(
        state="waiting", department=world.department("骨科"), due_on=clock.today()
    )
    warning.save()
    return warning


def _policy_rows(world: World) -> tuple[Delegation, Recusal]:
    """A delegation by the head and a recusal of the inspector, both over: nobody's rights differ by them."""
    day = date(2024, 3, 1)
    held = {"hospital": world.hospital(SLUG), "reason": "示例", "starts_on": day, "ends_on": day}
    with acting(BY):
        return (
            Delegation.unscoped.create(
                giver=world.user("department_head", department="骨科").person,
                receiver=world.user("doctor").person,
                role="department_head",
                **held,
            ),
            Recusal.unscoped.create(
                person=world.user("inspector").person,
                kind="department",
                subject_department=world.department("心内科"),
                label="心内科",
                **held,
            ),
        )
