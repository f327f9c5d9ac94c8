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
    "member": "党员",
    "staff": "职工",
}


def role_label(code: str) -> str:
    """The Chinese name of a role; the code itself when a plugin's role is unknown here."""
    return ROLES.get(code, code)
