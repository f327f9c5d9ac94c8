"""Kinds of the rooms below this one: jobs, exports, accounts, delegation. Higher rooms and plugins declare their own."""

from core.notify.kinds import NoticeKind, register_kind

JOB_FAILED = NoticeKind(
    key="jobs.failed",
    label="任务没有完成",
    title="“{task}”没有完成",
    template="您发起的“{task}”没有完成，打开后可以看到原因，并可继续办理。",
    hint="自己发起的后台任务出错而停止",
    slots={"task": 2},
    off=frozenset({"mail"}),
)
EXPORT_ASKED = NoticeKind(
    key="export.asked",
    label="有导出待您批准",
    title="有一项导出待您批准",
    template="{who}申请导出“{what}”，编号 {number}，请批准或不批准。",
    hint="含敏感内容的导出要由第二人批准",
    slots={"who": 2, "what": 2, "number": 2},
    lasting=True,
)
EXPORT_READY = NoticeKind(
    key="export.ready",
    label="导出的文件已备好",
    title="“{what}”可以下载了",
    template="您导出的“{what}”已备好，编号 {number}。文件只能下载一次，过期后需重新导出。",
    slots={"what": 2, "number": 2},
    off=frozenset({"mail"}),
)
EXPORT_REFUSED = NoticeKind(
    key="export.refused",
    label="导出没有完成",
    title="“{what}”{state}",
    template="您申请导出的“{what}”{state}，编号 {number}。打开后可以看到说明。",
    slots={"what": 2, "number": 2, "state": 2},
)
CODE_ISSUED = NoticeKind(
    key="accounts.code_issued",
    label="账号签发了一次性登录码",
    title="您的账号签发了一次性登录码",
    template="{hospital}的管理员刚刚为您的账号签发了一次性登录码。如果不是您本人要求的，请马上联系信息科。",
    hint="关系账号安全，不能关闭",
    slots={"hospital": 1},
    locked=frozenset({"inbox", "wecom", "mail"}),
    urgent=True,
)
DELEGATED = NoticeKind(
    key="rights.delegated",
    label="收到委托",
    title="{giver}把“{role}”委托给您",
    template="{giver}把“{role}”的事务委托给您办理，自 {starts} 至 {ends}。",
    hint="别人把职责委托给自己",
    slots={"giver": 2, "role": 2, "starts": 2, "ends": 2},
)
TEST = NoticeKind(
    key="notify.test",
    label="试发消息",
    title="试发消息",
    template="这是一条试发的消息，收到就说明{hospital}的消息设置可用。",
    hint="管理员检查消息是否通畅",
    slots={"hospital": 1},
    urgent=True,
)
KINDS = (JOB_FAILED, EXPORT_ASKED, EXPORT_READY, EXPORT_REFUSED, CODE_ISSUED, DELEGATED, TEST)


def register() -> None:
    """Make them known."""
    for kind in KINDS:
        register_kind(kind)
