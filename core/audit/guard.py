"""No triggers, no writes: once the comparison fails in a process, its database connections refuse to write."""

import re
from collections.abc import Callable
from typing import Any

from core.audit.exempt import is_exempt
from core.audit.triggers import missing_triggers
from core.kernel.errors import Unavailable

_WRITE = re.compile(
    r'\s*(?:WITH\b.*?)?(?:INSERT\b.*?\bINTO|UPDATE|DELETE\s+FROM|REPLACE\s+INTO)\s+"?(\w+)', re.I | re.S
)

#: Database alias → differences found; a name in here refuses writes in this process.
_refused: dict[str, list[str]] = {}


def check_triggers(using: str = "default") -> list[str]:
    """Compare now; from here on this process writes only if the answer is empty. For `/health` and each start."""
    if problems := missing_triggers(using):
        _refused[using] = problems
    else:
        _refused.pop(using, None)
    return problems


def assert_triggers(using: str = "default") -> None:
    """Compare now and raise Problem `unavailable` if the triggers are not as expected."""
    if problems := check_triggers(using):
        raise _problem(problems)


def watch_connection(connection: Any) -> None:
    """Let the refusal reach this connection: called on connect."""
    if connection.vendor in ("sqlite", "postgresql") and _refuse not in connection.execute_wrappers:
        connection.execute_wrappers.append(_refuse)


def allow_writes(using: str) -> None:
    """Forget a refusal: migrate is about to make the triggers again."""
    _refused.pop(using, None)


def _refuse(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if _refused and (problems := _refused.get(context["connection"].alias)):
        found = _WRITE.match(str(sql))
        if found and not is_exempt(found.group(1)):
            raise _problem(problems)
    return execute(sql, params, many, context)


def _problem(problems: list[str]) -> Exception:
    more = f"，等 {len(problems)} 处" if len(problems) > 3 else ""
    return Unavailable(
        f"审计触发器与预期不符，已停止写入（{'；'.join(problems[:3])}{more}）。请系统管理员执行 manage.py migrate 后重启。"
    )
