"""Turn text into typed columns, all rows at once, and say of every wrong cell where it is and what to do."""

from dataclasses import asdict, dataclass
from typing import Any

from core.lake.datasets import Column, DataSet
from core.lake.faults import point
from core.lake.readers import Shape, Sheet, letter
from core.lake.stage import BLANKS, Staged

MAX_TEXT = 400
KEPT_SAMPLES = 20

_DATES = ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%Y年%m月%d日", "%d%b%Y"]
_CLOCKS = [" %H:%M:%S", " %H:%M:%S.%f", " %H:%M", "T%H:%M:%S", "T%H:%M:%S.%f"]
_MONTHS = ["%Y-%m", "%Y_%m", "%Y/%m", "%Y.%m", "%Y%m", "%Y年%m月"]
_TRUE = ["true", "1", "1.0", "t", "y", "yes", "是", "有", "√"]
_FALSE = ["false", "0", "0.0", "f", "n", "no", "否", "无", "×"]

MESSAGES: dict[str, tuple[str, str]] = {
    "missing": ("“{label}”是空的。", "请补上后重新导入。"),
    "not_number": ("“{value}”不是数字。", "请改成数字，不要带单位或文字。"),
    "not_integer": ("“{value}”不是整数。", "请改成整数。"),
    "too_precise": ("“{value}”的小数超过五位。", "请在来源系统中保留五位以内的小数；系统不会自行四舍五入。"),
    "too_big": ("“{value}”超出可存的范围。", "请核对数值；整数部分最多 13 位。"),
    "not_date": ("“{value}”不是有效的日期。", "请改成 2024-01-31 这样的日期。"),
    "date_range": ("“{value}”不在 1990 年至 2100 年之间。", "请核对年份。"),
    "not_time": ("“{value}”不是有效的时间。", "请改成 2024-01-31 08:30:00 这样的时间。"),
    "not_month": ("“{value}”不是有效的月份。", "请改成 2024-01 这样的月份。"),
    "not_boolean": ("“{value}”不是“是”或“否”。", "请改成“是”或“否”。"),
    "not_choice": ("“{value}”不在可选范围内。", "请改成下列之一：{choices}。"),
    "too_long": ("内容超过 400 个字符。", "请核对这一列是否对应正确，或缩短内容。"),
}


@dataclass
class Finding:
    """One kind of fault in one column: how often, and where first."""

    severity: str
    message: str
    cure: str
    count: int
    row: int | None = None
    column: str = ""
    cell: str = ""
    sheet: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the page and the ledger."""
        return asdict(self)


@dataclass
class Checked:
    """The working table `checked` (file_row, v_<key>, bad, bad_column, source_key, month) and what was found."""

    findings: list[Finding]
    rows_bad: int
    rows_superseded: int
    rows_good: int
    months: list[dict[str, Any]]


def check(
    con: Any, dataset: DataSet, shape: Shape, sheet: Sheet, staged: Staged, mapping: dict[str, str]
) -> Checked:
    """Fill `checked` and `good`. A row with any wrong cell is bad; of rows with one key the last is good."""
    _convert(con, dataset, staged)
    findings = _file_findings(shape, sheet, staged)
    findings += _cell_findings(con, dataset, sheet, staged, mapping)
    findings += _row_findings(con, dataset, sheet, mapping)
    superseded = _supersede(con, dataset)
    if superseded:
        findings.append(_duplicate_finding(con, sheet, mapping, dataset, superseded))
    con.execute("CREATE VIEW good AS SELECT * FROM checked WHERE bad = '' AND NOT superseded")
    months = con.execute("SELECT month, count(*) FROM good GROUP BY month ORDER BY month").fetchall()
    bad = con.execute("SELECT count(*) FROM checked WHERE bad <> ''").fetchone()[0]
    point("after_check")
    order = {"error": 0, "warning": 1}
    return Checked(
        findings=sorted(findings, key=lambda f: (order[f.severity], f.row or 0, f.column)),
        rows_bad=bad + len(staged.skipped.numbers),
        rows_superseded=superseded,
        rows_good=sum(count for _, count in months),
        months=[{"month": month, "rows": count} for month, count in months],
    )


def describe(reason: str, column: Column | None, value: str) -> tuple[str, str]:
    """Message and cure of a fault, in Chinese."""
    message, cure = MESSAGES[reason]
    choices = "、".join(_words(column)) if column and column.choices else ""
    label = column.label if column else ""
    return message.format(value=value[:60], label=label), cure.format(choices=choices)


def cell_of(sheet: Sheet, name: str, row: int | None) -> str:
    """The cell as spreadsheets name it, or nothing for a file without a header row."""
    if not sheet.header_row or not row or name not in sheet.columns:
        return ""
    return f"{letter(sheet.columns.index(name))}{row}"


def sample(con: Any, dataset: DataSet, count: int = KEPT_SAMPLES) -> list[dict[str, Any]]:
    """The first good rows as they would land, codes as written in the file."""
    keys = ", ".join(f'v_{key} AS "{key}"' for key in dataset.keys)
    cursor = con.execute(f"SELECT {keys} FROM good ORDER BY file_row LIMIT {count}")
    names = [d[0] for d in cursor.description]
    return [{n: _plain(v) for n, v in zip(names, row, strict=True)} for row in cursor.fetchall()]


def _convert(con: Any, dataset: DataSet, staged: Staged) -> None:
    """One pass over `raw`: typed value and fault of each column, then key and month."""
    texts = []
    for column in dataset.columns:
        raw = staged.used.get(column.key)
        texts.append(
            f"nullif(trim({raw}, {BLANKS}), '') AS t_{column.key}"
            if raw
            else f"NULL::VARCHAR AS t_{column.key}"
        )
    typed = ", ".join(f"{_value(c)} AS v_{c.key}" for c in dataset.columns)
    numbers = [c for c in dataset.columns if c.type in {"integer", "decimal"}]
    plain = "".join(f", {_plain_number(c)} AS p_{c.key}" for c in numbers)
    keep_text = ", ".join([f"t_{c.key}" for c in dataset.columns] + [f"p_{c.key}" for c in numbers])
    faults = ", ".join(f"{_fault(c)} AS e_{c.key}" for c in dataset.columns)
    bad = "coalesce(" + ", ".join(f"nullif(e_{c.key}, '')" for c in dataset.columns) + ", '')"
    bad_column = (
        "CASE " + " ".join(f"WHEN e_{c.key} <> '' THEN '{c.key}'" for c in dataset.columns) + " ELSE '' END"
    )
    con.execute(
        f"""CREATE TABLE checked AS
        WITH texts AS (SELECT file_row, {", ".join(texts)} FROM raw),
        marked AS (SELECT *{plain} FROM texts),
        typed AS (SELECT file_row, {keep_text}, {typed} FROM marked),
        judged AS (SELECT *, {faults} FROM typed)
        SELECT file_row, {", ".join(f"v_{c.key}" for c in dataset.columns)},
               {", ".join(f"e_{c.key}" for c in dataset.columns)},
               {bad} AS bad, {bad_column} AS bad_column, {_key(dataset)} AS source_key,
               {_month(dataset)} AS month, false AS superseded
        FROM judged"""
    )


def _value(c: Column) -> str:
    t = f"t_{c.key}"
    if c.type in {"text", "code"}:
        return t
    if c.type == "choice":
        pairs = [(word.casefold(), value) for value, words in c.choices.items() for word in (value, *words)]
        cases = " ".join(f"WHEN {_q(word)} THEN {_q(value)}" for word, value in pairs)
        return f"CASE lower({t}) {cases} END"
    if c.type == "boolean":
        return f"CASE WHEN lower({t}) IN ({_qs(_TRUE)}) THEN true WHEN lower({t}) IN ({_qs(_FALSE)}) THEN false END"
    if c.type == "date":
        return (
            f"CAST(try_strptime({t}, [{_qs(_DATES + [d + k for d in _DATES[:2] for k in _CLOCKS])}]) AS DATE)"
        )
    if c.type == "time":
        return f"try_strptime({t}, [{_qs([d + k for d in _DATES[:2] for k in _CLOCKS] + _DATES)}])"
    if c.type == "month":
        formats = _MONTHS + _DATES + [d + k for d in _DATES[:2] for k in _CLOCKS]
        return f"strftime(try_strptime({t}, [{_qs(formats)}]), '%Y-%m')"
    number = f"TRY_CAST(CASE WHEN {_numeric(t)} THEN {_ascii_number(t)} END AS DECIMAL(38, 18))"
    if c.type == "integer":
        slow = f"CASE WHEN {number} = trunc({number}) THEN TRY_CAST({number} AS INTEGER) END"
    else:
        slow = f"TRY_CAST({number} AS DECIMAL(18, 5))"
    return f"CASE WHEN p_{c.key} THEN TRY_CAST({t} AS {c.sql_type}) ELSE {slow} END"


def _fault(c: Column) -> str:
    """SQL giving the reason why the cell is wrong, or ''."""
    t, v = f"t_{c.key}", f"v_{c.key}"
    missing = f"WHEN {t} IS NULL THEN '{'missing' if c.required else ''}'"
    if c.type in {"text", "code"}:
        limit = 200 if c.type == "code" else MAX_TEXT
        rest = f"WHEN length({t}) > {limit} THEN 'too_long'"
    elif c.type in {"choice", "boolean", "time", "month"}:
        rest = f"WHEN {v} IS NULL THEN 'not_{c.type}'"
    elif c.type == "date":
        rest = f"WHEN {v} IS NULL THEN 'not_date' WHEN year({v}) NOT BETWEEN 1990 AND 2100 THEN 'date_range'"
    else:
        exact = f"TRY_CAST({_ascii_number(t)} AS DECIMAL(38, 18))"
        if c.type == "integer":
            rest = (
                f"WHEN NOT {_numeric(t)} THEN 'not_number' WHEN {exact} IS NULL THEN 'too_big'"
                f" WHEN {exact} <> trunc({exact}) OR {_places(t)} > 18 THEN 'not_integer' WHEN {v} IS NULL THEN 'too_big'"
            )
        else:
            rest = (
                f"WHEN NOT {_numeric(t)} THEN 'not_number' WHEN {exact} IS NULL OR {v} IS NULL THEN 'too_big'"
                f" WHEN {v} <> {exact} OR {_places(t)} > 18 THEN 'too_precise'"
            )
        rest = f"WHEN p_{c.key} THEN CASE WHEN {v} IS NULL THEN 'too_big' ELSE '' END {rest}"
    return f"CASE {missing} {rest} ELSE '' END"


def _plain_number(c: Column) -> str:
    """Whether a cell is written the ordinary way: nearly all are, and skip the costly expressions."""
    digits = "[+-]?[0-9]{1,20}" + ("([.][0-9]{1,5}0*)?" if c.type == "decimal" else "")
    return f"regexp_full_match(t_{c.key}, '{digits}')"


def _ascii_number(t: str) -> str:
    """Full-width digits and thousands marks as plain ASCII."""
    return f"replace(translate({t}, '０１２３４５６７８９．－，', '0123456789.-,'), ',', '')"


def _numeric(t: str) -> str:
    shown = f"translate({t}, '０１２３４５６７８９．－，', '0123456789.-,')"
    return f"regexp_full_match({shown}, '[+-]?(([0-9]{{1,3}}(,[0-9]{{3}})+|[0-9]+)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{{1,2}})?')"


def _places(t: str) -> str:
    """Written decimal places without trailing zeros (0 for the exponent form)."""
    number = _ascii_number(t)
    return (
        f"CASE WHEN strpos({number}, '.') > 0 AND strpos(lower({number}), 'e') = 0"
        f" THEN length(rtrim({number}, '0')) - strpos({number}, '.') ELSE 0 END"
    )


def _key(dataset: DataSet) -> str:
    """The natural key as text; a bar inside a part is escaped so that two keys never meet by chance."""
    if not dataset.natural_key:
        return "NULL::VARCHAR"
    if len(dataset.natural_key) == 1:
        return f"CAST(v_{dataset.natural_key[0]} AS VARCHAR)"
    parts = [f"replace(coalesce(CAST(v_{k} AS VARCHAR), ''), '|', '||')" for k in dataset.natural_key]
    return "concat_ws('|', " + ", ".join(parts) + ")"


def _month(dataset: DataSet) -> str:
    if dataset.partition == "all":
        return "'all'"
    column = dataset.column(dataset.month_from)
    return f"v_{column.key}" if column.type == "month" else f"strftime(v_{column.key}, '%Y-%m')"


def _supersede(con: Any, dataset: DataSet) -> int:
    """Mark all but the last good row of a key; how many were marked."""
    if not dataset.natural_key:
        return 0
    con.execute(
        "CREATE TABLE twice AS SELECT source_key, max(file_row) AS last FROM checked WHERE bad = ''"
        " GROUP BY source_key HAVING count(*) > 1"
    )
    return con.execute(
        "UPDATE checked SET superseded = true FROM twice WHERE checked.bad = '' AND"
        " checked.source_key = twice.source_key AND checked.file_row < twice.last"
    ).fetchone()[0]


def _duplicate_finding(
    con: Any, sheet: Sheet, mapping: dict[str, str], dataset: DataSet, count: int
) -> Finding:
    row, last, key = con.execute(
        "SELECT c.file_row, t.last, c.source_key FROM checked c JOIN twice t USING (source_key)"
        " WHERE c.superseded ORDER BY c.file_row LIMIT 1"
    ).fetchone()
    column = dataset.column(dataset.natural_key[0])
    shown = "" if column.type == "code" and column.kind == "patient" else f"（{key}）"
    name = mapping.get(column.key, "")
    return Finding(
        "warning",
        f"同一编号{shown}在文件中出现多次，以最后一行（第 {last} 行）为准。",
        "如果是不同的明细，请在来源系统中给每行不同的编号。",
        count,
        row,
        name,
        cell_of(sheet, name, row),
        sheet.name,
        "superseded",
    )


def _file_findings(shape: Shape, sheet: Sheet, staged: Staged) -> list[Finding]:
    found = [
        Finding(
            "warning", note, "如果内容不对，请重新导出正确的文件。", 1, sheet=sheet.name, reason="misnamed"
        )
        for note in shape.notes
    ]
    if sheet.merged:
        found.append(
            Finding(
                "warning",
                f"表头有合并单元格（{'、'.join(sheet.merged[:5])}），合并部分只有第一列有列名。",
                "请核对列的对应；如有错位，请取消合并后重新上传。",
                len(sheet.merged),
                sheet.header_row,
                cell=sheet.merged[0].split(":")[0],
                sheet=sheet.name,
                reason="merged_header",
            )
        )
    skipped, width = staged.skipped, len(sheet.columns)
    for short in (True, False):
        rows = [(n, c) for n, c in zip(skipped.numbers, skipped.cells, strict=True) if (c < width) == short]
        if rows:
            number, cells = rows[0]
            last = staged.cut_off and short and len(rows) == 1 and number == max(skipped.numbers)
            message = f"这一行有 {cells} 列，表头有 {width} 列。" + ("文件可能在这里被截断。" if last else "")
            cure = "请重新导出，并核对文件是否完整。" if last else "请检查这一行的分隔符和引号。"
            found.append(
                Finding(
                    "error",
                    message,
                    cure,
                    len(rows),
                    number,
                    cell=f"{letter(max(cells, 1) - 1 if short else width)}{number}",
                    sheet=sheet.name,
                    reason="row_width",
                )
            )
    if staged.cut_off and not skipped.numbers:
        found.append(
            Finding(
                "warning",
                "最后一行没有换行结尾，可能不完整。",
                "请核对最后一行的内容。",
                1,
                None,
                sheet=sheet.name,
                reason="no_last_newline",
            )
        )
    return found


def _cell_findings(
    con: Any, dataset: DataSet, sheet: Sheet, staged: Staged, mapping: dict[str, str]
) -> list[Finding]:
    parts = [
        f"SELECT '{c.key}' AS k, e_{c.key} AS e, count(*) AS n, min(file_row) AS r FROM checked WHERE e_{c.key} <> '' GROUP BY ALL"
        for c in dataset.columns
    ]
    found = []
    for key, reason, count, row in con.execute(" UNION ALL ".join(parts)).fetchall():
        column, name = dataset.column(key), mapping.get(key, "")
        raw = staged.used.get(key)
        value = (
            con.execute(f"SELECT trim({raw}, {BLANKS}) FROM raw WHERE file_row = ?", [row]).fetchone()[0]
            if raw
            else ""
        )
        message, cure = describe(reason, column, value or "")
        found.append(
            Finding("error", message, cure, count, row, name, cell_of(sheet, name, row), sheet.name, reason)
        )
    return found


def _row_findings(con: Any, dataset: DataSet, sheet: Sheet, mapping: dict[str, str]) -> list[Finding]:
    found = []
    for rule in dataset.checks:
        if rule["kind"] != "negative_without_original":
            continue
        count, row = con.execute(
            f"SELECT count(*), min(file_row) FROM checked WHERE bad = '' AND v_{rule['column']} < 0 AND v_{rule['other']} IS NULL"
        ).fetchone()
        if count:
            name = mapping.get(rule["column"], "")
            other = dataset.column(rule["other"]).label
            found.append(
                Finding(
                    "warning",
                    f"数量为负，但没有写明“{other}”，将计入退药当月。",
                    f"如能查到，请补上“{other}”后重新导入。",
                    count,
                    row,
                    name,
                    cell_of(sheet, name, row),
                    sheet.name,
                    "negative_without_original",
                )
            )
    return found


def _words(column: Column) -> list[str]:
    return [words[0] if words else value for value, words in column.choices.items()]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _q(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _qs(texts: list[str]) -> str:
    return ", ".join(_q(t) for t in texts)
