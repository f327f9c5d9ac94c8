"""The shape of the two demonstration hospitals: campuses, department tree, Party tree, who holds which account."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """One department: `peers` is its peer group on prescription lines (empty: it writes none)."""

    name: str
    parent: str = ""
    campus: str = ""
    kind: str = "clinical"
    peers: str = ""


#: Roles that came later than the first demonstration: role, department where the hospital has it. They stand at the
#: end of the roster, so that nobody else's number or name changes.
LATER = (
    ("editor", "院办"),
    ("reviewer", "纪检监察室"),
    ("correspondent", "骨科"),
    ("applicant", "骨科"),
    ("masses", "骨科"),
    ("branch_committee", "骨科"),
    ("review_pharmacist", "药学部"),
    ("drug_expert", "心内科"),
    ("supervisor", "纪检监察室"),
    ("system_admin", "信息科"),
    ("security_admin", "信息科"),
    ("audit_admin", "审计科"),
    ("bureau", ""),
)


#: How many of these are writers of pages, whom every demonstration hospital has.
WRITERS = 2


@dataclass(frozen=True)
class Layout:
    """One hospital. `accounts`: (role, department, username ending); `party`: (kind, name, parent)."""

    slug: str
    name: str
    short_name: str
    prefix: str
    staff: int
    campuses: dict[str, str]
    units: tuple[Unit, ...]
    party: tuple[tuple[str, str, str], ...]
    accounts: tuple[tuple[str, str, str], ...]
    doctors_each: int = 8
    heads: tuple[str, ...] = ()
    newcomer: str = ""  # department whose last doctor came two months before the end of the data
    members: int = 0  # Party members, dealt evenly to the branches; 0: four in ten, at random
    headless: tuple[str, ...] | None = None  # every department has a head but these; None: only `heads`
    unposted: int = 0  # people on the roll without a post
    later: tuple[tuple[str, str], ...] = LATER  # (role, department) of accounts at the end of the roster
    roll: bool = False  # everybody stands on the roll with the staff number


#: role → functional department that holds it.
OFFICES = {
    "hospital_admin": "信息科",
    "inspector": "纪检监察室",
    "ethics_office": "行风办",
    "pharmacy": "药学部",
    "supplies": "设备耗材科",
    "leader": "",
    "party_office": "党办",
}


def binjiang() -> Layout:
    """滨江示范医院: four campuses, some sixty departments, 1,420 staff, 360 Party members in 60 branches."""
    surgical = [
        ("普外科", "zb"),
        ("骨科", "zb"),
        ("泌尿外科", "dy"),
        ("神经外科", "zb"),
        ("眼科", "ny"),
        ("妇产科", "by"),
    ]
    internal = [
        ("心内科", "zb"),
        ("呼吸内科", "zb"),
        ("消化内科", "dy"),
        ("神经内科", "zb"),
        ("内分泌科", "ny"),
        ("肿瘤科", "dy"),
    ]
    units = [
        Unit(name, kind="other")
        for name in ("内科系统", "外科系统", "急危重症系统", "儿科系统", "医技系统", "职能部门")
    ]
    units += [Unit(name, "外科系统", campus, peers="手术科室") for name, campus in surgical]
    units += [Unit(name, "内科系统", campus, peers="非手术科室") for name, campus in internal]
    units += [
        Unit("重症医学科", "急危重症系统", "zb", peers="重症"),
        Unit("急诊科", "急危重症系统", "zb", peers="急诊"),
    ]
    units += [
        Unit("儿内科", "儿科系统", "by", peers="儿科"),
        Unit("新生儿科", "儿科系统", "by", peers="儿科"),
    ]
    units += [Unit(name, "骨科", "zb") for name in ("骨科关节病区", "骨科脊柱病区", "骨科创伤病区")]
    units += [Unit(name, "心内科", "zb") for name in ("心内科一病区", "心内科二病区")]
    units += [
        Unit(name, "内科系统", "dy")
        for name in (
            "肾内科",
            "血液内科",
            "风湿免疫科",
            "感染科",
            "老年医学科",
            "全科医学科",
            "皮肤科",
            "康复医学科",
            "中医科",
        )
    ]
    units += [Unit(name, "外科系统", "ny") for name in ("胸外科", "心脏外科", "耳鼻喉科", "口腔科", "麻醉科")]
    units += [Unit(name, "儿科系统", "by") for name in ("小儿外科", "儿童保健科")]
    units += [
        Unit(name, "医技系统", "zb", "technical")
        for name in ("检验科", "放射科", "超声科", "病理科", "输血科", "内镜中心", "消毒供应中心")
    ]
    units += _offices(
        "zb", "审计科", "人事科", "财务科", "医务科", "护理部", "医保科", "院办", "后勤保障科", "科教科"
    )
    units += [Unit("门诊药房", "药学部", "zb", "technical"), Unit("住院药房", "药学部", "zb", "technical")]
    return Layout(
        slug="binjiang",
        name="滨江示范医院",
        short_name="滨江示范",
        prefix="B",
        staff=1400,
        campuses={"zb": "总院", "dy": "东院区", "ny": "南院区", "by": "北院区"},
        units=tuple(units),
        party=_party("滨江示范医院"),
        accounts=_accounts("骨科"),
        heads=("骨科", "心内科", "重症医学科"),
        newcomer="眼科",
        members=360,
        headless=("皮肤科", "科教科"),
        unposted=3,
        roll=True,
    )


#: General branch → number of its branches: sixty in all.
BRANCHES = {
    "内科": 14, "外科": 12, "急危重症": 5, "儿科": 4, "门诊": 4, "医技": 8, "药学": 3, "机关": 6, "离退休": 4,
}  # fmt: skip
NUMERALS = "一二三四五六七八九十"
#: Branches large enough to have groups: the first of each general branch.
GROUPS = 2


def _party(name: str) -> tuple[tuple[str, str, str], ...]:
    """A committee, general branches, branches and a few groups, parents before children."""
    committee = f"{name}党委"
    found = [("committee", committee, "")]
    found += [("general_branch", f"{part}党总支", committee) for part in BRANCHES]
    found += [
        ("branch", f"{part}第{_numeral(n)}党支部", f"{part}党总支")
        for part, count in BRANCHES.items()
        for n in range(1, count + 1)
    ]
    found += [
        ("group", f"{part}第一党支部第{_numeral(n)}党小组", f"{part}第一党支部")
        for part in BRANCHES
        for n in range(1, GROUPS + 1)
    ]
    return tuple(found)


def _numeral(n: int) -> str:
    tens = "" if n < 10 else "十"
    return NUMERALS[n - 1] if n <= 10 else tens + NUMERALS[n - 11]


def yunling() -> Layout:
    """云岭示例医院: one campus, ten departments, 60 staff; the warning engine stays off here."""
    clinical = ("内科", "外科", "骨科", "急诊科")
    return Layout(
        slug="yunling",
        name="云岭示例医院",
        short_name="云岭示例",
        prefix="Y",
        staff=60,
        campuses={"yb": "院本部"},
        units=(
            *(Unit(name, campus="yb", peers="全部临床") for name in clinical),
            *(Unit(u.name, "", "yb", u.kind) for u in _offices("yb") if u.name != "信息科"),
            Unit("信息科", "", "yb", "function"),
        ),
        party=(
            ("committee", "云岭示例医院党委", ""),
            ("branch", "临床党支部", "云岭示例医院党委"),
            ("branch", "机关党支部", "云岭示例医院党委"),
        ),
        accounts=_accounts("骨科"),
        doctors_each=4,
        heads=("骨科",),
        later=LATER[:WRITERS],
        roll=True,
    )


def small(slug: str, name: str, prefix: str) -> Layout:
    """Three departments (one below another) and every role: for tests."""
    return Layout(
        slug=slug,
        name=name,
        short_name=name,
        prefix=prefix,
        staff=0,
        campuses={"yb": "院本部", "fy": "分院"},
        units=(
            Unit("骨科", campus="yb", peers="手术科室"),
            Unit("骨科关节病区", "骨科", "yb"),
            Unit("心内科", campus="fy", peers="非手术科室"),
        ),
        party=(("committee", f"{name}党委", ""), ("branch", "第一党支部", f"{name}党委")),
        accounts=_accounts("骨科"),
        doctors_each=2,
        heads=("骨科", "心内科"),
    )


def _offices(campus: str, *more: str) -> list[Unit]:
    names = [*(name for name in OFFICES.values() if name), *more]
    return [Unit(name, "职能部门", campus, "function") for name in names]


def _accounts(department: str) -> tuple[tuple[str, str, str], ...]:
    """One account for each role that is not a head; heads follow from `Layout.heads`."""
    held = [(role, office, role.replace("_", "-")) for role, office in OFFICES.items()]
    held += [("doctor", department, "doctor"), ("branch_secretary", "", "branch-secretary")]
    held += [("member", department, "member"), ("staff", department, "staff")]
    return tuple(held)
