"""Words and places of what is wrong in a rule file: pydantic's errors in Chinese, with the line of the YAML."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError

_WORDS = {
    "missing": "缺少这一项",
    "extra_forbidden": "没有这一项，请检查拼写",
    "literal_error": "只能是：{expected}",
    "int_parsing": "应是整数", "int_type": "应是整数", "float_parsing": "应是数字", "bool_parsing": "应是 true 或 false", "string_type": "应是文字",
    "string_pattern_mismatch": "格式不对，例如 D1_RX_GT5", "too_short": "不能为空", "string_too_short": "太短", "string_too_long": "太长",
    "greater_than_equal": "不能小于 {ge}", "less_than_equal": "不能大于 {le}",
    "dict_type": "应是一组“名称: 内容”", "tuple_type": "应是列表", "model_type": "应是一组“名称: 内容”", "model_attributes_type": "应是一组“名称: 内容”",
    "union_tag_invalid": "表达式应写 field、value、param 或 op 之一", "union_tag_not_found": "表达式应写 field、value、param 或 op 之一",
    "date_from_datetime_parsing": "应是日期，例如 2026-01-01", "date_type": "应是日期，例如 2026-01-01",
}  # fmt: skip


def first(error: ValidationError) -> tuple[list[Any], str]:
    """Path and reason of the first fault."""
    detail = error.errors()[0]
    path = [
        p for p in detail["loc"] if not (isinstance(p, str) and (p.endswith("Statistic") or p in ("op",)))
    ]
    if detail["type"] == "value_error":
        text = str(detail["ctx"]["error"])
        if text.startswith("@"):
            _, place, message = text.split("@", 2)
            return [int(p) if p.isdigit() else p for p in place.split(".")], message
        return path, text
    word = _WORDS.get(detail["type"], "内容不对：" + detail["msg"])
    return path, word.format_map({k: str(v).replace(" or ", "、") for k, v in detail.get("ctx", {}).items()})


def line(node: yaml.Node, path: list[Any]) -> int:
    """The line of a path, the nearest known one where it is missing."""
    at = node.start_mark.line
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                continue
            at, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            at = node.start_mark.line
    return at + 1


def twice(node: yaml.Node, path: str = "") -> tuple[str, int] | None:
    """The first key that a mapping says twice, and its line."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            place = f"{path}.{key.value}".strip(".")
            if key.value in seen:
                return place, key.start_mark.line + 1
            seen.add(key.value)
            deeper = twice(value, place)
            if deeper:
                return deeper
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            deeper = twice(value, f"{path}.{i}")
            if deeper:
                return deeper
    return None
