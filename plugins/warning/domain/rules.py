"""What a rule is: its YAML schema (pydantic, typed, closed) and its loader, which refuses with a place and a reason in Chinese."""

from __future__ import annotations

import datetime as dt
import hashlib
import string
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from . import expr as x
from .expr import Expr
from .places import first as _first
from .places import line as _line
from .places import twice as _twice

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RuleError(Exception):
    """A rule file that is refused. `place`: file, line and path in the YAML; `reason`: why, in Chinese."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}：{reason}")
        self.place, self.reason = place, reason


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(_Strict):
    """A number, text or list that a hospital may set. `default: null` means: silent until the hospital sets it."""

    label: str
    default: Any
    unit: str = ""
    whole: bool = False
    least: float | None = None
    most: float | None = None

    @property
    def numeric(self) -> bool:
        """Whether it is a number (one without a default is)."""
        return not isinstance(self.default, (str, list, tuple))

    @property
    def allowed(self) -> str:
        """What may be set, in words."""
        if not self.numeric:
            return "一个或多个，用顿号隔开"
        low, high = (None if one is None else f"{one:,g}" for one in (self.least, self.most))
        span = (
            f"{low} 至 {high}"
            if low and high
            else f"不小于 {low}"
            if low
            else f"不大于 {high}"
            if high
            else "不限"
        )
        return span + ("，整数" if self.whole else "")


class Join(_Strict):
    """A lookup in a dimension data set by key; `take` maps new column names to the dimension's.

    `absent`: constant per new name, used where the dimension lacks the column or the value (a catalogue without ATC)."""

    dataset: str
    match: dict[str, str] = Field(min_length=1)
    take: dict[str, str] = Field(min_length=1)
    absent: dict[str, Any] = {}


class Repeat(_Strict):
    """Keep only rows whose partition has an earlier row (another day) within so many days; `previous` names the earlier day number.

    `supply`: column of days supplied. Where the data have it, a row also stays while more than `left` (a share) of what the
    last earlier row supplied is left, as far as the rule's `look_back_supply` days reach back."""

    partition: tuple[str, ...] = Field(min_length=1)
    day: str = "date"
    within: Expr
    previous: str = "previous_day"
    supply: str | None = None
    left: Expr | None = None


class ShareOf(_Strict):
    """A column: rows that share `of` within the partition / all rows of the partition, over the row's month and the rule's look-back months."""

    name: str
    partition: tuple[str, ...] = Field(min_length=1)
    of: tuple[str, ...] = Field(min_length=1)


class Aggregate(_Strict):
    """One figure per group. hhi and top_share read an inner figure; `count_distinct` and `count` leave returns out."""

    op: Literal["sum", "count", "count_distinct", "max", "min", "mean", "hhi", "top_share"]
    of: Expr | None = None
    where: Expr | None = None

    @model_validator(mode="after")
    def _of(self) -> Aggregate:
        if self.op != "count" and self.of is None:
            raise ValueError(f"{self.op} 需要写明 of（对哪一列）")
        return self


class Inner(_Strict):
    """A finer grouping first (per item, per prescription); the frame's figures are then made from these."""

    by: tuple[str, ...] = Field(min_length=1)
    figures: dict[str, Aggregate] = Field(min_length=1)
    where: Expr | None = None


class Frame(_Strict):
    """One pass over one data set: lookups, columns, filter, grouping. `grain` None = the rule's grain.

    `keep_peers_of`: groups (by these columns and month) without a row for which `keep` holds are left out: candidates and their peers."""

    dataset: str
    joins: tuple[Join, ...] = ()
    columns: dict[str, Expr] = {}
    share_of: tuple[ShareOf, ...] = ()
    where: Expr | None = None
    repeat: Repeat | None = None
    grain: tuple[str, ...] | None = None
    inner: Inner | None = None
    figures: dict[str, Aggregate] = Field(min_length=1)
    keep: Expr | None = None
    keep_peers_of: tuple[str, ...] | None = None


class PeerStatistic(_Strict):
    """Robust z of the value among the others of the group in the month: z, peer_n, peer_median, peer_mad, peer_p10, peer_p90, peer_ratio, percentile, peer_limit."""

    kind: Literal["peers"]
    by: tuple[str, ...] = ()
    z: Expr
    zero_fill: bool = False


class GrowthStatistic(_Strict):
    """Against last month and last year: growth, growth_year (missing when the base is 0 or missing), delta, peer_growth (median of the others)."""

    kind: Literal["growth"]
    by: tuple[str, ...] = ()


class CusumStatistic(_Strict):
    """Upper CUSUM of the value: cusum, cusum_limit, baseline, baseline_ratio, cusum_run, peer_growth (median of the others' ratio − 1)."""

    kind: Literal["cusum"]
    window: Expr
    short_window: Expr
    long_history: int = 24
    sensitivity: Expr
    freeze: bool = True
    by: tuple[str, ...] = ()


class RollingStatistic(_Strict):
    """Sum of a figure over the last `months` months, under a new name."""

    kind: Literal["rolling"]
    of: str
    months: int = Field(ge=2, le=36)
    name: str


Statistic = PeerStatistic | GrowthStatistic | CusumStatistic | RollingStatistic
STATISTIC_FIELDS: dict[str, set[str]] = {
    "peers": {
        "z",
        "peer_n",
        "peer_median",
        "peer_mad",
        "peer_p10",
        "peer_p90",
        "peer_ratio",
        "percentile",
        "peer_limit",
    },
    "growth": {"growth", "growth_year", "delta", "previous", "peer_growth"},
    "cusum": {"cusum", "cusum_limit", "baseline", "baseline_ratio", "cusum_run", "cusum_band", "peer_growth"},
    "rolling": set(),
}


class Gate(_Strict):
    """A condition a subject must meet to be judged. Not met: `missing` = not evaluated, `held` = named only if it would have warned."""

    code: str
    when: Expr
    reason: str
    kind: Literal["missing", "held"] = "held"


class Sustain(_Strict):
    """The band's condition must hold in `months` of the last `of` months, this one included."""

    months: int = Field(ge=1, le=12)
    of: int = Field(ge=1, le=12)


class Band(_Strict):
    """A level and its reason. The first band of the list that holds is the answer, so the strictest stands first."""

    code: str
    level: Literal["blue", "yellow", "orange", "red"]
    when: Expr
    sustain: Sustain | None = None
    threshold: Expr | None = None
    reason: str


class Rule(_Strict):
    """A rule as one reviewed file. Figures of all frames meet by grain; `value` is made from them."""

    code: str = Field(pattern=r"^[A-E]\d{1,2}_[A-Z0-9_]{2,40}$")
    version: int = Field(ge=1)
    title: str = Field(min_length=2, max_length=60)
    question: str
    class_: Literal["A", "B", "C", "D", "E"] = Field(alias="class")
    kind: Literal["exact", "statistical"]
    levels: tuple[
        Literal[
            "hospital", "department", "doctor", "prescription", "item", "user", "rep", "supplier", "practice"
        ],
        ...,
    ] = Field(min_length=1)
    grain: tuple[str, ...]
    unit: str
    decimals: int = Field(default=2, ge=0, le=6)
    look_back_months: int = Field(default=0, ge=0, le=36)
    look_back_days: int = Field(default=0, ge=0, le=400)
    look_back_supply: int = Field(default=0, ge=0, le=400)
    parameters: dict[str, Parameter] = {}
    frames: dict[str, Frame] = Field(min_length=1)
    value: Expr
    headline: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    n: str | None = None
    statistics: tuple[Statistic, ...] = ()
    gates: tuple[Gate, ...] = ()
    hold_if_peers_move: bool = False
    bands: tuple[Band, ...] = Field(min_length=1)
    evidence: Literal["where", "keys", "pairs"] = "where"
    evidence_months: int = Field(default=1, ge=1, le=36)
    owner: str
    regulation: str
    effective_from: dt.date
    effective_to: dt.date | None = None
    author: str
    checker: str
    next_review: dt.date
    cool_down_months: int = Field(default=0, ge=0, le=24)
    notes: str = ""

    @cached_property
    def digest(self) -> str:
        """What the rule says, as a hash: equal rules are equal here."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def subject_kind(self) -> str:
        """What a warning of this rule is about."""
        return self.levels[0]

    @cached_property
    def local(self) -> tuple[str, ...]:
        """Parameters that a department may have its own value of: judged row by row, nowhere else in the measure."""
        if "department" not in self.grain:
            return ()
        early = _all_params((self.frames, self.value, self.statistics))
        return tuple(name for name in self.parameters if name not in early)

    @property
    def tunes(self) -> str:
        """What a hospital may set: "", "hospital" or "department"."""
        return "" if not self.parameters else "department" if self.local else "hospital"

    @property
    def datasets(self) -> set[str]:
        """Data sets the rule reads."""
        return {f.dataset for f in self.frames.values()} | {
            j.dataset for f in self.frames.values() for j in f.joins
        }

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        for path, message in _problems(self):
            raise ValueError(f"@{path}@{message}")
        return self


def load_rule(text: str, source: str) -> Rule:
    """One rule from YAML text. Raises RuleError naming file, line and path."""
    raw, node = parse_yaml(text, source)
    try:
        return Rule.model_validate(raw)
    except ValidationError as error:
        raise RuleError(*explain(error, node, source)) from error


def parse_yaml(text: str, source: str) -> tuple[dict[str, Any], yaml.Node]:
    """The file's content and its node tree (for line numbers). Raises RuleError for text that is not a mapping, or says a key twice."""
    try:
        node = yaml.compose(text, Loader=LOADER)
        raw = yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{source} 第 {mark.line + 1 if mark else 1} 行"
        raise RuleError(place, "不是有效的 YAML：请检查缩进、冒号和引号") from error
    if not isinstance(raw, dict) or node is None:
        raise RuleError(f"{source} 第 1 行", "规则文件应是一组“名称: 内容”")
    twice = _twice(node)
    if twice:
        raise RuleError(f"{source} 第 {twice[1]} 行 {twice[0]}", "同一层里写了两次，请只留一个")
    return raw, node


def explain(error: ValidationError, node: yaml.Node, source: str) -> tuple[str, str]:
    """Place and reason of the first fault that pydantic found."""
    path, reason = _first(error)
    return f"{source} 第 {_line(node, path)} 行 {'.'.join(map(str, path)) or '（整个文件）'}", reason


def load_rules(folder: str | Path) -> list[Rule]:
    """Every *.yaml of a folder, ordered by code. Raises RuleError for a broken file or a code that two files claim."""
    rules: dict[str, tuple[Rule, str]] = {}
    for path in sorted(Path(folder).glob("*.yaml")):
        rule = load_rule(path.read_text(encoding="utf-8"), path.name)
        if rule.code in rules:
            raise RuleError(
                f"{path.name} 第 1 行 code", f"编码 {rule.code} 已在 {rules[rule.code][1]} 中使用"
            )
        rules[rule.code] = (rule, path.name)
    return [rules[code][0] for code in sorted(rules)]


# ---- whole-file checks

TEMPLATE_FIELDS = {
    "subject",
    "value",
    "threshold",
    "n",
    "numerator",
    "denominator",
    "unit",
    "period",
    "basis",
}


def _problems(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.class_ != rule.code[0]:
        yield "class", f"编码以 {rule.code[0]} 开头，类别却是 {rule.class_}"
    if rule.author == rule.checker:
        yield "checker", "复核人不能是编写人本人"
    if rule.effective_to and rule.effective_to < rule.effective_from:
        yield "effective_to", "失效日期早于生效日期"
    known = set(rule.grain)
    for name, frame in rule.frames.items():
        clash = known & set(frame.figures)
        if clash:
            yield f"frames.{name}.figures", f"{'、'.join(sorted(clash))} 与别处同名"
        known |= set(frame.figures)
        extra = set(frame.grain or ()) - set(rule.grain)
        if extra:
            yield f"frames.{name}.grain", f"{'、'.join(sorted(extra))} 不在规则的 grain 里"
        for figure_name, figure in frame.figures.items():
            if figure.op in ("hhi", "top_share") and not frame.inner:
                yield f"frames.{name}.figures.{figure_name}", f"{figure.op} 需要先写 inner（按哪一列细分）"
        if frame.repeat and (frame.repeat.supply is None) != (frame.repeat.left is None):
            yield f"frames.{name}.repeat", "supply 和 left 要写就一起写"
        if rule.evidence == "pairs" and not frame.repeat and name == next(iter(rule.frames)):
            yield "evidence", "pairs 只用于带 repeat 的规则"
    if next(iter(rule.frames.values())).grain not in (None, rule.grain):
        yield f"frames.{next(iter(rule.frames))}.grain", "第一个 frame 决定对象，须用规则的 grain"
    for path, wanted in (("numerator", rule.numerator), ("denominator", rule.denominator), ("n", rule.n)):
        if wanted and wanted not in known:
            yield path, f"没有名为 {wanted} 的指标"
    yield from _unknown("value", rule.value, known)
    known |= {"value"}
    for i, s in enumerate(rule.statistics):
        if isinstance(s, RollingStatistic):
            if s.of not in known:
                yield f"statistics.{i}.of", f"没有名为 {s.of} 的指标"
            known.add(s.name)
        known |= STATISTIC_FIELDS[s.kind]
        wrong = set(getattr(s, "by", ())) - set(rule.grain)
        if wrong:
            yield f"statistics.{i}.by", f"{'、'.join(sorted(wrong))} 不在规则的 grain 里"
    if rule.headline and rule.headline not in known:
        yield "headline", f"没有名为 {rule.headline} 的指标"
    if rule.hold_if_peers_move and "peer_growth" not in known:
        yield "hold_if_peers_move", "需要 growth 或 cusum 统计"
    for i, gate in enumerate(rule.gates):
        yield from _unknown(f"gates.{i}.when", gate.when, known)
        yield from _template(f"gates.{i}.reason", gate.reason, known | set(rule.parameters))
    for i, band in enumerate(rule.bands):
        yield from _unknown(f"bands.{i}.when", band.when, known)
        yield from _unknown(f"bands.{i}.threshold", band.threshold, known)
        yield from _template(f"bands.{i}.reason", band.reason, known | set(rule.parameters))
        if band.sustain and band.sustain.months > band.sustain.of:
            yield f"bands.{i}.sustain", "months 不能大于 of"
        if rule.class_ in "BC" and "违规" in band.reason:
            yield f"bands.{i}.reason", "B、C 类预警请写“偏离同行，需核实”，不写“违规”"
    if len({b.code for b in rule.bands}) < len(rule.bands):
        yield "bands", "两个档位用了同一编码"
    missing = _all_params(rule) - set(rule.parameters)
    if missing:
        yield "parameters", f"用到了未声明的参数 {'、'.join(sorted(missing))}"


def _unknown(path: str, expression: Expr | None, known: set[str]) -> Iterator[tuple[str, str]]:
    unknown = x.fields(expression) - known
    if unknown:
        yield path, f"没有名为 {'、'.join(sorted(unknown))} 的列或指标"


def _template(path: str, template: str, known: set[str]) -> Iterator[tuple[str, str]]:
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError:
        yield path, "大括号不成对"
        return
    unknown = names - known - TEMPLATE_FIELDS
    if unknown:
        yield path, f"说明文字里用到未知名称 {'、'.join(sorted(unknown))}"


def _all_params(node: Any) -> set[str]:
    if isinstance(node, x.Param):
        return {node.param}
    if isinstance(node, BaseModel):
        return set().union(*(_all_params(getattr(node, name)) for name in type(node).model_fields), set())
    if isinstance(node, dict):
        return set().union(*(_all_params(v) for v in node.values()), set())
    if isinstance(node, (tuple, list)):
        return set().union(*(_all_params(v) for v in node), set())
    return set()
