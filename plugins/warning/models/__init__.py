"""Rule versions, runs, findings, warnings, and what could not be evaluated."""

from django.db import models

from core.plugin_api import HospitalModel
from plugins.warning.models.ranking import DisclosureEntry as DisclosureEntry

LEVELS = [("blue", "蓝色提示"), ("yellow", "黄色预警"), ("orange", "橙色预警"), ("red", "红色预警")]

#: What a warning may be about.
SUBJECT_KINDS = {
    "hospital": "医院",
    "department": "科室",
    "doctor": "医师",
    "prescription": "处方",
    "item": "药品耗材",
    "user": "账号",
    "rep": "医药代表",
    "supplier": "供应商",
    "practice": "机构",
}


#: What a hospital may set of a rule: nothing, values for the whole hospital, and for single departments too.
TUNES = [("", "无"), ("hospital", "全院"), ("department", "全院和科室")]


class RuleVersion(models.Model):
    """A rule as it stood: never overwritten. A changed text is a new row, whatever number it carries."""

    code = models.CharField("规则", max_length=60)
    number = models.PositiveIntegerField("版次")
    digest = models.CharField("摘要", max_length=64, unique=True)
    title = models.CharField("名称", max_length=120)
    rule_class = models.CharField("类别", max_length=1)
    dimension = models.CharField("维度", max_length=20)
    tunes = models.CharField("可调范围", max_length=12, choices=TUNES, blank=True)
    text = models.TextField("规则原文")
    stored_at = models.DateTimeField("存入时间")

    class Meta:
        verbose_name = verbose_name_plural = "规则版本"
        ordering = ["code", "number", "id"]


class RuleSetting(HospitalModel):
    """A hospital's own values of a rule's parameters, whole, as set at an instant. Never changed: the newest one counts.

    `values`: parameter → value; `departments`: department code → parameter → value; both empty = the rule's defaults.
    """

    rule_code = models.CharField("规则", max_length=60)
    number = models.PositiveIntegerField("序号")
    values = models.JSONField("本院数值", default=dict)
    departments = models.JSONField("科室数值", default=dict)
    own = models.BooleanField("与默认值不同", default=False)
    changes = models.JSONField("改动", default=list)
    reason = models.CharField("理由", max_length=500)
    set_at = models.DateTimeField("时间")
    set_by = models.CharField("调整人", max_length=300)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "规则数值"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["hospital", "rule_code", "number"], name="warning_setting_once")
        ]


class WarningRun(HospitalModel):
    """One evaluation: which rules on which snapshot. `pins` names every month version read, so it can be replayed."""

    STATES = [("running", "计算中"), ("done", "已完成"), ("failed", "未完成")]

    as_of = models.DateTimeField("数据时点")
    live = models.BooleanField("正式运行", default=True)
    pins = models.JSONField("数据版本", default=dict)
    months = models.JSONField("月份", default=list)
    parameters = models.JSONField("参数", default=dict)
    state = models.CharField("状态", max_length=10, choices=STATES, default="running")
    started_at = models.DateTimeField("开始时间")
    finished_at = models.DateTimeField("完成时间", null=True, blank=True)
    requested_by = models.CharField("发起人", max_length=300)
    rules = models.PositiveIntegerField("规则数", default=0)
    found = models.PositiveIntegerField("发现数", default=0)
    unevaluated = models.PositiveIntegerField("未评估数", default=0)
    opened = models.PositiveIntegerField("新预警数", default=0)
    subject_months = models.PositiveBigIntegerField("对象月数", default=0)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "运行记录"
        ordering = ["-id"]
        indexes = [models.Index(fields=["hospital", "as_of"], name="warning_run_as_of")]


class Finding(HospitalModel):
    """What a rule found for one subject and period in one run: value, peers, threshold, reason, evidence. Immutable."""

    run = models.ForeignKey(
        WarningRun, on_delete=models.PROTECT, related_name="findings", verbose_name="运行"
    )
    rule = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="+", verbose_name="规则")
    subject_kind = models.CharField("对象种类", max_length=20)
    subject_key = models.CharField("对象", max_length=200)
    subject = models.JSONField("对象代码")
    period = models.CharField("期间", max_length=7)
    level = models.CharField("级别", max_length=10, choices=LEVELS)
    value = models.CharField("值", max_length=40)
    threshold = models.CharField("界限", max_length=40, blank=True)
    unit = models.CharField("单位", max_length=40, blank=True)
    n = models.PositiveIntegerField("样本", null=True, blank=True)
    reason = models.TextField("原因")
    detail = models.JSONField("同行与走势", default=dict)
    evidence = models.JSONField("依据", default=dict)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "发现"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "rule", "subject_key", "period"], name="warning_finding_once"
            )
        ]
        indexes = [models.Index(fields=["hospital", "subject_key"], name="warning_finding_subject")]


class Warning(HospitalModel):
    """One open warning per rule and subject; `finding` is the latest, `first_period` the onset.

    `doctor_code`: the doctor the subject names, as in `Post.source_code`; by it a recusal from a person keeps it back.
    """

    rule_code = models.CharField("规则", max_length=60)
    subject_kind = models.CharField("对象种类", max_length=20)
    subject_key = models.CharField("对象代码", max_length=200)
    subject_label = models.CharField("对象", max_length=200)
    person_label = models.CharField("人员", max_length=120, blank=True)
    doctor_code = models.CharField("医师代码", max_length=200, blank=True, default="")
    title = models.CharField("标题", max_length=200)
    rule_class = models.CharField("类别", max_length=1)
    level = models.CharField("级别", max_length=10, choices=LEVELS)
    level_rank = models.PositiveSmallIntegerField("级别序")
    first_period = models.CharField("首次期间", max_length=7)
    period = models.CharField("最近期间", max_length=7)
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="+", verbose_name="最近发现")
    department = models.ForeignKey(
        "org.Department",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="科室",
    )
    flow = models.OneToOneField(
        "flow.FlowItem", on_delete=models.PROTECT, related_name="+", verbose_name="办理"
    )
    outcome = models.CharField("核实结果", max_length=20, blank=True)
    opened_at = models.DateTimeField("发出时间")
    updated_at = models.DateTimeField("更新时间")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "预警"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["hospital", "rule_code", "subject_key"], name="warning_subject"),
            models.Index(fields=["hospital", "-level_rank", "-id"], name="warning_level"),
        ]

    def __str__(self) -> str:
        return self.title


class NotEvaluated(HospitalModel):
    """A rule, or a rule for one subject, that gave no answer, and why. Never read as "no warning"."""

    run = models.ForeignKey(WarningRun, on_delete=models.PROTECT, related_name="gaps", verbose_name="运行")
    rule_code = models.CharField("规则", max_length=60)
    rule_title = models.CharField("规则名称", max_length=120)
    subject_key = models.CharField("对象代码", max_length=200, blank=True)
    subject_label = models.CharField("对象", max_length=200, blank=True)
    periods = models.CharField("期间", max_length=200, blank=True)
    code = models.CharField("原因代码", max_length=40)
    reason = models.CharField("原因", max_length=400)
    count = models.PositiveIntegerField("次数", default=1)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "未评估"
        ordering = ["id"]


class IndicatorValue(HospitalModel):
    """An indicator of one practice and month in one run; numbers as decimal text of nine significant digits."""

    run = models.ForeignKey(
        WarningRun, on_delete=models.PROTECT, related_name="indicators", verbose_name="运行"
    )
    code = models.CharField("指标编码", max_length=60)
    number = models.PositiveIntegerField("版次")
    title = models.CharField("指标", max_length=120)
    unit = models.CharField("单位", max_length=40)
    practice = models.CharField("机构代码", max_length=40)
    practice_name = models.CharField("机构", max_length=120)
    month = models.CharField("月份", max_length=7)
    numerator = models.CharField("分子", max_length=40, blank=True)
    denominator = models.CharField("分母", max_length=40, blank=True)
    value = models.CharField("值", max_length=40, blank=True)
    percentile = models.CharField("百分位", max_length=40, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "处方指标"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "code", "practice", "month"], name="warning_indicator_once"
            )
        ]
        indexes = [models.Index(fields=["hospital", "month"], name="warning_indicator_month")]
