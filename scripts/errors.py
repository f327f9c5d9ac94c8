"""Write docs/errors.md from the catalogue of problem codes; `--check` only says whether it is current."""

import sys

from core.kernel.errors import CATALOGUE
from scripts.environment import ROOT
from scripts.say import say

FILE = ROOT / "docs" / "errors.md"

#: Code → usual HTTP status and what a client does about it.
MEANS: dict[str, tuple[str, str]] = {
    "not_found": ("404", "不存在与无权查看的回答相同；不要重试。"),
    "sign_in_required": ("401", "转到登录页。"),
    "conflict": ("409", "data 里有现值、您的值和相差的字段；请用户对照后再提交。"),
    "invalid": ("422", "errors 逐项指出位置（pointer，或文件、工作表、行、单元格）、问题和办法。"),
    "refused": ("409", "当前状态下不能办理；刷新后再看。"),
    "forbidden": ("403", "看得到但无权办理，或页面令牌过期。"),
    "mfa_required": ("403", "data.must 列出要办的事；转到“我的账号”设置两步登录，之后重试。"),
    "password_change_required": ("403", "转到“我的账号”更改密码，之后重试。"),
    "view_only": ("403", "只能看：先退出“以他人身份查看”（DELETE rights/view-as），再办理。"),
    "reason_needed": ("428", "请用户写明理由，放进 X-Read-Reason 头（百分号编码）重试。"),
    "gone": ("410", "文件只能下载一次，或已过期；需要时重新申请导出。"),
    "unavailable": ("503", "稍后重试。"),
    "too_large": ("413", "缩小内容或拆分文件。"),
    "too_many_requests": ("429", "等待后再试；登录连续输错 5 次也是此码。"),
    "bad_file": ("400", "errors 指出文件、工作表、行、列和办法。"),
    "cancelled": ("409", "任务已按请求停止。"),
    "disk_full": ("507", "由管理员腾出磁盘空间；没有留下半成品。"),
    "internal": ("500", "把 request_id 告诉管理员。"),
}


def text() -> str:
    """The page."""
    head = [
        "# 错误文档",
        "",
        "由 `python -m scripts.errors` 生成，请勿手改。错误一律是 `application/problem+json`（RFC 9457）：",
        "`type`、`code`（稳定）、`title`、`detail`（给人看的一句话）、`status`、`errors[]`、`request_id`，冲突时另有 `data`。",
        "",
        "| code | title | 常见状态码 | 客户端怎么办 |",
        "| --- | --- | --- | --- |",
    ]
    rows = [
        f"| `{code}` | {title} | {MEANS[code][0]} | {MEANS[code][1]} |" for code, title in CATALOGUE.items()
    ]
    return "\n".join([*head, *rows]) + "\n"


def main() -> int:
    """0 when the page is current (or has been written)."""
    if "--check" not in sys.argv:
        FILE.write_text(text(), encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == text():
        return 0
    say("docs/errors.md 不是最新的：请运行 python -m scripts.errors")
    return 1


if __name__ == "__main__":
    sys.exit(main())
