"""Numbers as text and the sentences of warnings. Names of subjects stay as {subject}: the site puts them in after asking who may see."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

EXITS = {
    "no_dataset": "缺少数据，未判断",
    "no_data": "本月没有数据，未判断",
    "no_denominator": "没有分母，未判断",
    "history": "历史不足，未判断",
    "few_peers": "同行不足 5 个，未判断",
    "peers_move": "同行同步上升，暂不预警",
    "stopped": "运行被取消，未判断",
    "error": "规则运行出错，未判断",
}


def number_text(value: Any) -> str | None:
    """A number as plain decimal text of at most nine significant digits; None when missing."""
    if value is None or (not isinstance(value, (Decimal, str)) and pd.isna(value)):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    number = Decimal(f"{float(value):.9g}")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(value: Any, decimals: int) -> str:
    """A number as a reader sees it in a sentence: rounded, no trailing zeros, thousands apart."""
    if isinstance(value, (list, tuple)):
        return "、".join(str(v) for v in value)
    if isinstance(value, str) and not _is_number(value):
        return value
    if value is None or pd.isna(value):
        return "（无）"
    text = f"{float(value):,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def sentence(template: str, values: Mapping[str, Any], decimals: int = 2) -> str:
    """The template with its numbers in; {subject} stays."""
    return template.format_map(_Shown(values, decimals))


class _Shown(dict):
    def __init__(self, values: Mapping[str, Any], decimals: int) -> None:
        super().__init__(values)
        self.decimals = decimals

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"

    def __getitem__(self, key: str) -> str:
        if key == "subject" or key not in self:
            return "{" + key + "}"
        value = super().__getitem__(key)
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        return shown(value, 0 if whole else self.decimals if key == "value" else 2)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
