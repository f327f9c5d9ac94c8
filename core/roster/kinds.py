"""The lists that can be brought in: their columns, what each cell means, an example row, the words for each change.

A kind is read with the lake's readers, so its columns are a lake `DataSet`; the rest is told here.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from core.kernel.errors import NotFound
from core.lake.datasets import Column, DataSet
from core.policy.roles import PRIVILEGED_ROLES, ROLES

#: Roles given by the list of staff alone, and by the list of members alone.
BASE_ROLES = ("staff", "doctor")
MEMBER = "member"
#: Appointed by the security administrator, never by a list: administrators, roles that see class 4, the bureau.
GUARDED_ROLES = PRIVILEGED_ROLES | {"bureau", "visitor"}
#: Roles that mean nothing without a department, or without a Party organisation.
NEEDS_DEPARTMENT = frozenset({"department_head"})
NEEDS_PARTY_ORG = frozenset({"branch_secretary", "branch_committee"})

#: Kinds of change in the order in which they are shown.
CHANGES = ("joined", "left", "moved", "renamed", "merged", "changed", "same")

DATE_HELP = "写成 2024-01-31；留空表示不填。"
BORN_HELP = "用来核对入职和任职日期是否合理。"


@dataclass(frozen=True)
class Kind:
    """One list. `words`: change → its name on the page; `examples`: column → cell of the example row."""

    dataset: DataSet
    examples: dict[str, str]
    words: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its code in paths and commands."""
        return self.dataset.key

    @property
    def label(self) -> str:
        """Its Chinese name."""
        return self.dataset.label

    def word(self, change: str) -> str:
        """What a kind of change is called in this list."""
        return self.words.get(change) or COMMON_WORDS[change]


COMMON_WORDS = {
    "joined": "新增",
    "left": "离开",
    "moved": "调动",
    "renamed": "更名",
    "merged": "并入",
    "changed": "其他变化",
    "same": "没有变化",
}


def get(key: str) -> Kind:
    """The list of that code. Raises NotFound."""
    found = all_kinds().get(key)
    if found is None:
        raise NotFound(f"没有名为“{key}”的名册。可用的有：{'、'.join(all_kinds())}。")
    return found


def ordinary_roles() -> dict[str, str]:
    """Code → name of the roles that the list of posts may give."""
    kept = GUARDED_ROLES | {*BASE_ROLES, MEMBER}
    return {code: name for code, name in ROLES.items() if code not in kept and not code.startswith("robot:")}


@lru_cache
def all_kinds() -> dict[str, Kind]:
    """All lists by code, in the order in which a hospital brings them in."""
    made = (_campuses(), _departments(), _staff(), _posts(), _party_orgs(), _members())
    return {kind.key: kind for kind in made}


def _kind(
    key: str,
    label: str,
    description: str,
    natural: tuple[str, ...],
    columns: tuple[Column, ...],
    examples: dict[str, str],
    words: dict[str, str],
) -> Kind:
    dataset = DataSet(key, label, description, "all", "", natural, (), columns)
    return Kind(dataset, examples, words)


def _campuses() -> Kind:
    return _kind(
        "campuses",
        "院区",
        "医院的各个院区。只有一个院区时也建议登记一行。",
        ("code",),
        (
            Column("code", "院区代码", "text", True, "全院唯一，导入后不要改。", ("代码", "编码")),
            Column("name", "院区名称", "text", True, "", ("名称", "院区")),
        ),
        {"code": "ZB", "name": "总院"},
        {"left": "停用"},
    )


def _departments() -> Kind:
    kinds: dict[str, tuple[str, ...]] = {
        "clinical": ("临床",),
        "technical": ("医技",),
        "function": ("职能",),
        "other": ("其他",),
    }
    return _kind(
        "departments",
        "科室",
        "科室树。科室代码应与业务系统处方明细里的科室一致。",
        ("code",),
        (
            Column("code", "科室代码", "text", True, "全院唯一；与业务系统一致。", ("代码", "编码", "科室编码")),
            Column("name", "科室名称", "text", True, "", ("名称", "科室")),
            Column("parent", "上级科室", "text", False, "填上级的代码或名称；留空表示直属医院。", ("上级", "上级代码", "上级科室代码", "父科室")),
            Column("campus", "院区", "text", False, "填院区的代码或名称。", ("院区代码", "所属院区")),
            Column("kind", "类别", "choice", False, "临床、医技、职能或其他；留空按临床。", ("科室类别",), choices=kinds, labels={k: v[0] for k, v in kinds.items()}),
            Column("peer_group", "同类组", "text", False, "比较用药时与哪些科室放在一起。"),
            Column("merged_into", "并入", "text", False, "本科室并入哪个科室：填代码或名称。并入后本科室停用，人员转入。", ("并入科室", "合并到")),
        ),
        {"code": "XNK2", "name": "心内科二病区", "parent": "XNK", "campus": "总院", "kind": "临床", "peer_group": "非手术科室"},
        {"joined": "新设", "left": "撤销", "moved": "改隶", "merged": "并入"},
    )  # fmt: skip


def _staff() -> Kind:
    categories = {"staff": ("职工",), "doctor": ("医师", "医生")}
    return _kind(
        "staff",
        "人员",
        "在册人员，一人一行，以工号识别。",
        ("number",),
        (
            Column("number", "工号", "text", True, "全院唯一；应与业务系统的医师代码一致。请把这一列设为文本格式，以免丢掉前面的 0。", ("职工号", "员工号", "人员编号", "工号代码")),
            Column("name", "姓名", "text", True, "", ("人员姓名", "职工姓名")),
            Column("department", "科室", "text", True, "填科室的代码或名称。", ("科室代码", "科室名称", "所在科室", "部门")),
            Column("title", "职务", "text", False, "如主治医师、护师。", ("职称", "岗位")),
            Column("category", "人员类别", "choice", False, "医师或职工；留空按职工。医师会在系统中有医师的权限。", ("类别",), choices=categories, labels={k: v[0] for k, v in categories.items()}),
            Column("joined_on", "入职日期", "date", False, DATE_HELP, ("入院日期", "到岗日期", "参加工作日期")),
            Column("left_on", "离职日期", "date", False, "最后在职的一天；" + DATE_HELP, ("离院日期", "退休日期")),
            Column("born_on", "出生日期", "date", False, BORN_HELP, ("出生年月", "生日")),
        ),
        {"number": "00123", "name": "张三", "department": "心内科", "title": "主治医师", "category": "医师", "joined_on": "2015-07-01", "born_on": "1988-03-12"},
        {"joined": "入职", "left": "离职", "moved": "调科室", "renamed": "改名"},
    )  # fmt: skip


def _posts() -> Kind:
    roles: dict[str, tuple[str, ...]] = {code: (name,) for code, name in ordinary_roles().items()}
    return _kind(
        "posts",
        "任职",
        "科室负责人、支部书记等任职，一项任职一行。职工、医师由人员名册登记，党员由党员名册登记，管理员由安全管理员任命。",
        ("number", "role"),
        (
            Column("number", "工号", "text", True, "须已在人员名册中。", ("职工号", "员工号", "人员编号")),
            Column("name", "姓名", "text", False, "用来核对工号。"),
            Column("role", "角色", "choice", True, "从下拉中选择；角色决定权限。", ("任职", "身份"), choices=roles, labels=ordinary_roles()),
            Column("title", "职务", "text", False, "如科主任。", ("职务名称",)),
            Column("department", "科室", "text", False, "在哪个科室任职：代码或名称。", ("科室代码", "科室名称", "部门")),
            Column("party_org", "党组织", "text", False, "在哪个党组织任职：代码或名称。", ("支部", "党支部")),
            Column("campus", "院区", "text", False, "在哪个院区任职：代码或名称；有科室时不必填。"),
            Column("starts_on", "任职日期", "date", True, DATE_HELP, ("开始日期", "任职时间")),
            Column("ends_on", "免职日期", "date", False, "最后任职的一天；" + DATE_HELP, ("结束日期", "离任日期")),
        ),
        {"number": "00123", "name": "张三", "role": "科室负责人", "title": "科主任", "department": "心内科", "starts_on": "2020-01-01"},
        {"joined": "新任", "left": "免任"},
    )  # fmt: skip


def _party_orgs() -> Kind:
    kinds = {
        "committee": ("党委",),
        "general_branch": ("党总支", "总支"),
        "branch": ("党支部", "支部"),
        "group": ("党小组",),
    }
    return _kind(
        "party_orgs",
        "党组织",
        "党委、党总支、党支部和党小组的树。",
        ("code",),
        (
            Column("code", "组织代码", "text", True, "全院唯一，导入后不要改。", ("代码", "编码", "党组织代码")),
            Column("name", "组织名称", "text", True, "", ("名称", "党组织名称", "党组织")),
            Column("kind", "类别", "choice", True, "党委、党总支、党支部或党小组。", ("组织类别",), choices=kinds, labels={k: v[0] for k, v in kinds.items()}),
            Column("parent", "上级组织", "text", False, "填上级的代码或名称；最高一级留空。", ("上级", "上级代码", "上级党组织")),
            Column("formed_on", "成立日期", "date", False, DATE_HELP, ("成立时间",)),
            Column("merged_into", "并入", "text", False, "本组织并入哪个组织：填代码或名称；党员随之转入。", ("并入组织", "合并到")),
        ),
        {"code": "NK1", "name": "内科第一党支部", "kind": "党支部", "parent": "内科党总支", "formed_on": "2016-05-01"},
        {"joined": "新成立", "left": "撤销", "moved": "改隶"},
    )  # fmt: skip


def _members() -> Kind:
    kinds: dict[str, tuple[str, ...]] = {"full": ("正式党员", "正式"), "probationary": ("预备党员", "预备")}
    return _kind(
        "members",
        "党员",
        "党员和预备党员，一人一行。须先导入人员和党组织。",
        ("number",),
        (
            Column("number", "工号", "text", True, "须已在人员名册中。", ("职工号", "员工号", "人员编号")),
            Column("name", "姓名", "text", True, "用来核对工号。", ("党员姓名",)),
            Column("party_org", "党组织", "text", True, "填党组织的代码或名称。", ("支部", "党支部", "所在支部")),
            Column("kind", "党员类型", "choice", True, "正式党员或预备党员。", ("类型", "人员类别"), choices=kinds, labels={k: v[0] for k, v in kinds.items()}),
            Column("joined_on", "入党日期", "date", True, DATE_HELP, ("入党时间",)),
            Column("full_on", "转正日期", "date", False, DATE_HELP, ("转正时间",)),
            Column("left_on", "转出日期", "date", False, "在本院组织关系的最后一天；" + DATE_HELP, ("转出时间",)),
        ),
        {"number": "00123", "name": "张三", "party_org": "内科第一党支部", "kind": "正式党员", "joined_on": "2012-06-20", "full_on": "2013-06-20"},
        {"joined": "转入", "left": "转出", "moved": "转支部"},
    )  # fmt: skip
