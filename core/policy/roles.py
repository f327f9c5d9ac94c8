"""Role codes and their Chinese names. Rights are in the table, never here."""

ROLES: dict[str, str] = {
    "hospital_admin": "医院管理员",
    "inspector": "纪检监察室",
    "ethics_office": "行风办",
    "pharmacy": "药学部",
    "supplies": "设备耗材科",
    "leader": "院领导",
    "department_head": "科室负责人",
    "doctor": "医师",
    "party_office": "党办",
    "branch_secretary": "支部书记",
    "editor": "编辑",
    "reviewer": "审核人",
    "visitor": "访客",
    "member": "党员",
    "staff": "职工",
    "correspondent": "通讯员",
    "applicant": "入党积极分子",
    "masses": "群众",
    "branch_committee": "支部委员",
    "review_pharmacist": "点评药师",
    "drug_expert": "药事专家",
    "supervisor": "监督专员",
    "system_admin": "系统管理员",
    "security_admin": "安全管理员",
    "audit_admin": "审计管理员",
    "bureau": "卫健局",
}

#: The three administrators that one person may never be at once, in a hospital (三员分立).
SEPARATED_ROLES: tuple[str, ...] = ("system_admin", "security_admin", "audit_admin")

#: Pairs of roles that one person may not hold on one day (core.policy.separation holds it in the database): the three
#: among each other, and whoever manages the hospital apart from those who give privileged posts and who audit. A small
#: hospital's administrator may look after the system too.
SEPARATED_PAIRS: frozenset[frozenset[str]] = frozenset(
    frozenset(pair)
    for pair in (
        ("system_admin", "security_admin"),
        ("system_admin", "audit_admin"),
        ("security_admin", "audit_admin"),
        ("hospital_admin", "security_admin"),
        ("hospital_admin", "audit_admin"),
    )
)

#: Roles that administer: they need two factors.
ADMINISTRATOR_ROLES: frozenset[str] = frozenset({"hospital_admin", *SEPARATED_ROLES})

#: Roles that may be shown class 4 (secret). The tables may show class 4 to no other role; a test compares.
CLASS_4_ROLES: frozenset[str] = frozenset({"inspector"})

#: Roles that the security administrator alone gives, that need two factors, and that nobody may delegate.
PRIVILEGED_ROLES: frozenset[str] = ADMINISTRATOR_ROLES | CLASS_4_ROLES


def role_label(code: str) -> str:
    """The Chinese name of a role; the code itself when a plugin's role is unknown here."""
    return ROLES.get(code, code)
