"""Loading the demonstration: world, accounts, generated data through the lake, the plugin in one hospital.

Every step finds what an earlier, killed load has done and goes on from there. Two business events mark the ends
("demo.started", "demo.loaded"): between them `--if-empty` resumes, after the second it does nothing.
"""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from core.audit.events import record
from core.audit.models import Event
from core.jobs.domain import submit
from core.jobs.domain.lease import sweep
from core.jobs.models import Job, State
from core.jobs.testing import run_pending
from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.kernel.errors import Refused
from core.lake import domain as lake
from core.lake.models import LakeImport
from core.notify.domain import inbox
from core.org.models import Hospital
from core.plugin_host import dispatch, service
from core.plugin_host.manifest import manifests
from core.regulations import domain as rules
from core.regulations.models import HospitalVersion
from core.testing.columns import write_columns
from core.testing.prescribing import DATASETS, Clinic, Prescribing, generate
from core.testing.world import BY, Site, World

STARTED, LOADED = "demo.started", "demo.loaded"
#: Hospital whose data are generated and in which the plugins are enabled.
SHOWN = "binjiang"
SEED = 2024
Say = Callable[[str], None]


class DemoFailed(RuntimeError):
    """A step of the load did not end well; the next `demo load --if-empty` goes on from it."""


def state() -> str:
    """empty | interrupted | loaded | own (a store with hospitals that are not the demonstration's)."""
    seen = set(Event.objects.filter(kind__in=(STARTED, LOADED)).values_list("kind", flat=True))
    if LOADED in seen:
        return "loaded"
    if STARTED in seen:
        return "interrupted"
    return "own" if Hospital.objects.exists() else "empty"


def load(*, if_empty: bool = False, say: Say = lambda text: None) -> World | None:
    """Load the demonstration; None when there was nothing to do. Raises Refused for a store that holds other data."""
    found = state()
    if found in ("loaded", "own"):
        if if_empty:
            return None
        raise Refused("数据库中已有数据，演示数据只能装入空库。")
    if found == "empty":
        with acting(BY):
            record(STARTED, "demo", SEED, {"seed": SEED})
    world = World.full(SEED)
    say("建立两家示例医院：院区、科室、党组织与人员")
    world.write()
    say("开设演示账号")
    world.open_accounts()
    save_accounts(world)
    say("核对一部分规则")
    decide_rules(world, world.hospital(SHOWN))
    say("生成十八个月的处方明细")
    world.data = make_data(world.sites[SHOWN])
    _import_all(world, say)
    hospital = world.hospital(SHOWN)
    say("启用插件并计算预警")
    _enable_plugins(world, hospital)
    with hospital_scope(hospital):
        answers = dispatch.call("demo_world", hospital.id, world=world, hospital=hospital)
    if answers.failed:
        raise DemoFailed(f"插件未能装入演示数据：{'、'.join(sorted(answers.failed))}")
    finish_jobs()
    say("写入专栏、品牌、学习与公示页面")
    write_columns(world)
    finish_jobs()
    with acting(BY):
        record(LOADED, "demo", SEED, {"hospitals": sorted(world.sites)})
    return world


#: Rules that the demonstration hospital has confirmed, by the role that answers for them; the rest stay unconfirmed.
CONFIRMED = {
    "party_office": (
        "branch.general_meeting",
        "branch.committee_meeting",
        "branch.group_meeting",
        "branch.theme_day",
        "branch.term",
        "education.hours",
        "development.talk",
        "development.object_publicity",
        "dues.wages",
        "publicity.period",
    ),
    "inspector": ("integrity.hand_up", "integrity.forwarded", "integrity.disposals"),
    "hospital_admin": ("data.necessity", "data.protection"),
}
#: One that it has made stricter: role, code, values, basis.
REVISED = ("ethics_office", "ethics.gifts", {"working_days": 1}, "院发〔2026〕3号（示例）")


def decide_rules(world: World, hospital: Hospital) -> None:
    """Confirm some rules and revise one, each by the office that answers for it; what was decided before stays."""
    role, revised, params, basis = REVISED
    decided = set(HospitalVersion.unscoped.filter(hospital=hospital).values_list("rule__code", flat=True))
    for who, codes in CONFIRMED.items():
        by = Actor.user(world.user(who, hospital.slug))
        with acting(by):
            for code in codes:
                if code not in decided:
                    rules.confirm(code, hospital=hospital, by=by)
    if revised not in decided:
        by = Actor.user(world.user(role, hospital.slug))
        with acting(by):
            day = clock.today(hospital.zone)
            rules.revise(revised, params, starts_on=day, hospital=hospital, by=by, basis=basis)


def make_data(site: Site, folder: Path | None = None) -> Prescribing:
    """Generate a hospital's tables and write them as files into the data folder's `demo`."""
    units = {unit.name: unit for unit in site.layout.units}
    clinics = {
        name: Clinic(units[name].peers, site.layout.campuses[units[name].campus], tuple(codes))
        for name, codes in site.doctors.items()
    }
    made = generate(clinics, seed=SEED)
    made.save(folder or Path(settings.HOME) / "demo")
    return made


def import_table(dataset: str, path: Path, *, hospital: Hospital, by: Actor) -> LakeImport:
    """Bring one file in as a user would: upload, ledger line, job, here run in this process. Raises DemoFailed.

    A file that is in already is left alone.
    """
    before = LakeImport.unscoped.filter(
        hospital=hospital, dataset=dataset, file_name=path.name, state=LakeImport.State.DONE
    ).first()
    if before is not None:
        return before
    with hospital_scope(hospital):
        upload = lake.receive_path(path, dataset=dataset, hospital=hospital, by=by)
        with acting(by):
            made = lake.start_import(upload, by=by)
            job = submit("lake.import", {"import": str(made.uid)}, by=by, hospital=hospital)
            LakeImport.unscoped.filter(pk=made.pk).update(job_uid=job.uid)
    finish_jobs()
    made.refresh_from_db()
    if made.state != LakeImport.State.DONE:
        raise DemoFailed(f"{path.name}：{made.get_state_display()} {made.error or ''}")
    return made


def finish_jobs() -> None:
    """Run what is queued, in this process; jobs of a load that was killed are taken back first."""
    sweep()
    run_pending()
    failed = Job.unscoped.filter(state=State.FAILED).order_by("id").first()
    if failed is not None:
        raise DemoFailed(f"后台任务 {failed.kind} 未完成：{failed.error}")


def save_accounts(world: World) -> Path:
    """Write the accounts with their passwords for the person who runs this installation only (mode 0600)."""
    path = accounts_path()
    text = json.dumps([account.shown() for account in world.accounts], ensure_ascii=False, indent=1)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)
    return path


def accounts_path() -> Path:
    """Where the demonstration's accounts lie."""
    return Path(settings.HOME) / "demo-accounts.json"


def renew_accounts() -> World:
    """New passwords for every demonstration account, and a new file. Raises Refused without a demonstration."""
    if state() != "loaded":
        raise Refused("这里没有装入演示数据。")
    world = World.full(SEED)
    world.write()
    world.open_accounts()
    save_accounts(world)
    return world


def _import_all(world: World, say: Say) -> None:
    hospital, by = world.hospital(SHOWN), Actor.user(world.user("pharmacy", SHOWN))
    finish_jobs()
    files: dict[str, Path] = world.data.files  # type: ignore[union-attr]
    for dataset in DATASETS:
        say(f"导入 {files[dataset].name}")
        import_table(dataset, files[dataset], hospital=hospital, by=by)
    person = world.user("pharmacy", SHOWN).person_id
    with hospital_scope(hospital), acting(by):
        inbox.read_all(hospital, person, by=by)  # who brought the files in has seen that they are in


def _enable_plugins(world: World, hospital: Any) -> None:
    by = Actor.user(world.user("hospital_admin", SHOWN))
    for plugin in sorted(manifests()):
        service.enable(plugin, hospital, by=by)
