"""Ends the process, or would if nobody caught it."""

import sys
from typing import Any

from core.plugin_api import impl


@impl
def home_cards(principal: Any, today: Any) -> list[dict[str, Any]]:
    """Raises SystemExit."""
    sys.exit("试用插件乙要求退出")


@impl
def home_todos(principal: Any, today: Any) -> list[dict[str, Any]]:
    """Raises an ordinary error."""
    raise ZeroDivisionError
