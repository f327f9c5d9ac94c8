"""The lists of accounts and of tokens, with what administrators do there."""

from collections.abc import Mapping
from typing import Any

from core.accounts import specs_opening
from core.accounts.domain import codes, lockout, people, tokens
from core.accounts.models import RobotToken
from core.kernel.errors import FieldError, Invalid, Refused
from core.org.models import Hospital, Person, Post, User
from core.policy.types import TypePolicy, register_type
from core.resources.model_source import ModelSource
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec

REACH = {
    people.ORDINARY: "普通账号",
    people.ELSEWHERE: "另有其他医院任职",
    people.PRIVILEGED: "重要账号",
    people.FOREIGN: "其他医院或平台管理的账号",
}
NO_FACTORS = "未设置"
NAMING = (("pinyin", "姓名拼音"), ("number", "工号"), ("given", "自己填写"))
DAYS = (("30", "30 天"), ("90", "90 天"), ("180", "半年"), ("365", "一年"))


def register() -> None:
    """Make types and lists known."""
    register_type(TypePolicy("accounts.account", "账号", 2, {"state": "reach"}))
    register_type(TypePolicy("accounts.token", "接口令牌", 2, {"state": "state"}))
    register_resource(
        _account(),
        ModelSource(
            User,
            label="person__name",
            state="reach",
            base=people.accounts_of,
            annotations={
                "reach": False,
                "department_name": True,
                "is_locked": False,
                "has_totp": False,
                "has_passkey": False,
                "seen_at": True,
                "in_office": False,
            },
        ),
    )
    register_resource(_token(), ModelSource(RobotToken, label="name", state="state"))
    specs_opening.register()


def _account() -> ResourceSpec:
    return ResourceSpec(
        key="accounts.account",
        label="账号",
        label_plural="账号",
        data_class=2,
        icon="号",
        group="设置",
        question="谁有账号，能不能登录，用不用两步登录？",
        fields=(
            Field("name", "姓名", "person", path="person__name", filterable=True, role="primary"),
            Field("username", "账号名", "code", filterable=True, sortable=True, role="secondary"),
            Field("department", "科室", path="department_name", role="secondary"),
            Field("reach", "类别", "code", filterable=True, labels=REACH),
            Field("active", "可登录", "bool", path="is_active", filterable=True),
            Field("locked", "输错锁定", "bool", path="is_locked"),
            Field(
                "factors",
                "两步登录",
                compute=_factors,
                needs=("has_totp", "has_passkey"),
            ),
            Field("in_office", "现有任职", "bool", path="in_office"),
            Field("seen_at", "最近使用", "datetime", path="seen_at"),
        ),
        filters=(Filter("reach"), Filter("active")),
        orders=(("username", "按账号名"),),
        default_order="username",
        search=("name", "username"),
        actions=(
            Action("create", "开账号", _create, "primary", "list", _NEW),
            specs_opening.plan_action(),
            Action(
                "issue_code",
                "发登录码",
                _issue_code,
                "primary",
                confirm="登录码只显示一次，半小时内有效。此人用它设置新密码后，在其他设备上的登录会全部退出。",
                checks_version=False,
            ),
            Action(
                "unlock", "解除锁定", _unlock, checks_version=False, when=lambda row, by: row.values["locked"]
            ),
            Action(
                "sign_out_everywhere",
                "全部退出登录",
                _sign_out,
                confirm="此人在所有设备上的登录会立即退出。",
                checks_version=False,
            ),
            Action(
                "reset_factors",
                "清除两步登录",
                _reset_factors,
                confirm="只在本人丢失手机和恢复码时使用，请先当面核对身份。清除后此人须重新设置。",
                checks_version=False,
                when=lambda row, by: row.values["factors"] != NO_FACTORS,
            ),
            Action("demand_password", "要求改密码", _demand_password, checks_version=False),
            Action(
                "deactivate",
                "停用账号",
                _deactivate,
                style="quiet",
                confirm="停用后此人不能登录，已登录的设备立即退出。",
                checks_version=False,
                when=lambda row, by: row.values["active"],
            ),
            Action(
                "reactivate",
                "恢复账号",
                _reactivate,
                right="deactivate",
                checks_version=False,
                when=lambda row, by: not row.values["active"],
            ),
        ),
        empty={"title": "没有账号", "hint": "点“开账号”为在本院任职的人开账号。"},
    )


_NEW = Form(
    "开账号",
    (
        FormField("person", "人员", "person", required=True, resource="org.person", help="在本院任职的人"),
        FormField("naming", "账号名", "choice", required=True, choices=NAMING, help="登录时填写的名字"),
        FormField(
            "username", "自己填写的账号名", max_length=people.LONGEST_NAME, help="选“自己填写”时才需要"
        ),
    ),
    "开账号",
    "新账号没有密码。开好后请为此人发一个登录码，由本人设置密码。",
)


def _token() -> ResourceSpec:
    return ResourceSpec(
        key="accounts.token",
        label="接口令牌",
        label_plural="接口令牌",
        data_class=2,
        icon="接",
        group="设置",
        question="哪些系统可以自动访问本平台，能做什么，到什么时候？",
        fields=(
            Field("name", "用途", filterable=True, role="primary"),
            Field("scopes", "范围", compute=_scopes, needs=("scopes",), role="secondary"),
            Field("hint", "开头", "code"),
            Field("state", "状态", "state", filterable=True, labels=dict(RobotToken.STATES)),
            Field("created_by", "建立人", "person"),
            Field("created_at", "建立时间", "datetime", filterable=True, sortable=True),
            Field("expires_at", "有效期至", "datetime"),
            Field("last_used_at", "最近使用", "datetime"),
        ),
        filters=(Filter("state"),),
        orders=(("-created_at", "最近建立在前"),),
        default_order="-created_at",
        search=("name",),
        actions=(
            Action(
                "create",
                "建立令牌",
                _new_token,
                "primary",
                "list",
                Form(
                    "建立接口令牌",
                    (
                        FormField(
                            "name", "用途", required=True, max_length=80, help="例如：人事系统每日同步"
                        ),
                        FormField("scopes", "范围", "choices", required=True, choices=_offered),
                        FormField("days", "有效期", "choice", required=True, choices=DAYS),
                    ),
                    "建立",
                    "令牌只显示一次，请直接配置到对方系统中，不要用聊天软件转发。",
                ),
            ),
            Action(
                "revoke",
                "停用",
                _revoke,
                confirm="停用后，使用这个令牌的系统立即不能访问，也不能恢复。",
                states=frozenset({"active"}),
            ),
        ),
        empty={"title": "没有接口令牌", "hint": "需要其他系统自动同步数据时，在这里建立。"},
    )


def _offered(principal: Any) -> list[tuple[str, str]]:
    return [(code, scope.label) for code, scope in tokens.scopes().items()]


def _factors(found: Mapping[str, Any]) -> str:
    held = [("has_totp", "手机动态码"), ("has_passkey", "通行密钥")]
    return "、".join(label for key, label in held if found[key]) or "未设置"


def _scopes(found: Mapping[str, Any]) -> str:
    known = tokens.scopes()
    return "、".join(known[code].label if code in known else code for code in found["scopes"])


def _create(command: Command, _: Any) -> Done:
    hospital_id = command.principal.hospital_id
    person = Person.objects.filter(uid=command.values["person"]).first()
    if person is None or not Post.objects.filter(person=person, hospital_id=hospital_id).exists():
        cure = "请先在“任职”中登记此人在本院的任职"
        raise Invalid("此人没有在本院任职。", [FieldError("/values/person", "没有在本院任职", cure)])
    hospital = Hospital.objects.get(pk=hospital_id)
    user = people.open_account(
        person, hospital, command.values["naming"], command.values.get("username") or ""
    )
    return Done(str(user.uid), f"已为{person.name}开账号“{user.username}”。请接着发一个登录码。")


def _issue_code(command: Command, user: User) -> Done:
    _not_oneself(command, user, "自己的密码请在“我的账号”里更改。")
    if not user.is_active:
        raise Refused("这个账号已停用。请先恢复账号，再发登录码。")
    hospital = Hospital.objects.get(pk=command.principal.hospital_id)
    made, text = codes.issue(user, hospital, by=command.by)
    expires = made.expires_at.isoformat()
    return Done(
        message=f"登录码已发放，请当面或电话告知{user.get_full_name()}本人。",
        event={"expires_at": expires},
        shown_once={"code": text, "expires_at": expires, "username": user.username},
    )


def _unlock(command: Command, user: User) -> Done:
    found = lockout.unlock(user.username)
    return Done(message="已解除锁定。" if found else "这个账号现在没有被锁定。")


def _sign_out(command: Command, user: User) -> Done:
    ended = people.sign_out_everywhere(user, command.at)
    return Done(message=f"已退出 {ended} 台设备。", event={"devices": ended})


def _reset_factors(command: Command, user: User) -> Done:
    _not_oneself(command, user, "自己的两步登录请在“我的账号”里更改。")
    removed = people.reset_factors(user, command.at)
    return Done(message="已清除。此人下次登录后须重新设置。", event={"factors": removed})


def _demand_password(command: Command, user: User) -> Done:
    people.demand_password(user)
    return Done(message="此人须先更改密码，才能继续使用。")


def _deactivate(command: Command, user: User) -> Done:
    _not_oneself(command, user, "不能停用自己的账号。")
    if not user.is_active:
        raise Refused("这个账号已经停用。")
    people.close(user, command.at)
    return Done(message="账号已停用，此人在所有设备上的登录已退出。")


def _reactivate(command: Command, user: User) -> Done:
    if user.is_active:
        raise Refused("这个账号没有停用。")
    people.reopen(user)
    return Done(message="账号已恢复，密码不变。")


def _new_token(command: Command, _: Any) -> Done:
    hospital = Hospital.objects.get(pk=command.principal.hospital_id)
    values = command.values
    token, text = tokens.create(
        hospital, values["name"], values["scopes"], int(values["days"]), by=command.by
    )
    return Done(
        str(token.uid),
        "令牌已建立。它只显示这一次，请立即配置到对方系统。",
        event={"scopes": token.scopes, "hint": token.hint, "expires_at": token.expires_at.isoformat()},
        shown_once={"token": text, "expires_at": token.expires_at.isoformat()},
    )


def _revoke(command: Command, token: RobotToken) -> Done:
    tokens.revoke(token, command.at)
    return Done(message="令牌已停用。", event={"hint": token.hint})


def _not_oneself(command: Command, user: User, said: str) -> None:
    if user.person_id == command.principal.person_id:
        raise Refused(said)
