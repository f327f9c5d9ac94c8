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
    """滨江示范医院: four campuses, some sixty departments, 1,400 staff."""
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
        party=(
            ("committee", "滨江示范医院党委", ""),
            *(
                ("general_branch", f"{name}党总支", "滨江示范医院党委")
                for name in ("内科", "外科", "医技", "机关")
            ),
            *(("branch", f"内科第{n}党支部", "内科党总支") for n in "一二三四"),
            *(("branch", f"外科第{n}党支部", "外科党总支") for n in "一二三四"),
            *(("branch", f"医技第{n}党支部", "医技党总支") for n in "一二"),
            *(("branch", f"机关第{n}党支部", "机关党总支") for n in "一二三"),
        ),
        accounts=_accounts("骨科"),
        heads=("骨科", "心内科", "重症医学科"),
        newcomer="眼科",
    )


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
