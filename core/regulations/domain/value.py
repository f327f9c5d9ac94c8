"""The value of a rule on a day: the version in force, the hospital's own where it has decided.

The version with the later first day is in force. A hospital's version of the same day as the platform's default wins
when it was decided on that very default (or is a revision); a default that was corrected or renewed afterwards is in
force again, unconfirmed, until the hospital has looked at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q

from core.regulations.declare import EVER, MARKS
from core.regulations.models import DefaultVersion, HospitalVersion, Rule

UNCONFIRMED = "未确认"


class UnknownRule(LookupError):
    """No rule of that code: a fault in our code, or defaults that were not loaded (`manage.py regulations load`)."""


class NotInForce(LookupError):
    """The rule was not yet, or is no longer, in force on that day."""


@dataclass(frozen=True)
class RuleValue:
    """What a rule says on a day. `label` is 未确认 while the hospital has not confirmed it, else empty."""

    code: str
    title: str
    params: Mapping[str, Any]
    mark: str
    confirmed: bool
    basis: str
    version: str
    label: str
    starts_on: date
    default: DefaultVersion
    own: HospitalVersion | None = None

    @property
    def said(self) -> str:
        """The basis as it is shown beside a deadline or quota: with 未确认 where that is so."""
        return f"{self.basis}（{self.label}）" if self.label else self.basis

    @property
    def mark_label(self) -> str:
        """How sure the platform is of its default, in Chinese."""
        return MARKS.get(self.mark, self.mark)

    def whole(self, key: str) -> int:
        """A parameter as a whole number. Raises KeyError."""
        return int(self.params[key])


def value(code: str, *, on: date, hospital: Any) -> RuleValue:
    """The version of the rule in force on a day in a hospital (its `id` is asked). Raises UnknownRule, NotInForce."""
    default = _default(code, on)
    own = (
        HospitalVersion.unscoped.filter(_in_force(on), hospital_id=hospital.id, rule_id=default.rule_id)
        .filter(counts(default))
        .order_by("-starts_on", "-number")
        .first()
    )
    return _made(default, own)


def counts(default: DefaultVersion) -> Q:
    """Versions of a hospital that stand before the platform's default."""
    same = Q(starts_on=default.starts_on) & (Q(based_on=default) | Q(kind="revise"))
    return Q(starts_on__gt=default.starts_on) | same


def history(code: str, *, hospital: Any) -> list[RuleValue]:
    """Every version of the platform and of the hospital, the latest first. Raises UnknownRule."""
    rule = Rule.objects.filter(code=code).first()
    if rule is None:
        raise UnknownRule(code)
    found = [_made(version, None) for version in DefaultVersion.objects.filter(rule=rule)]
    own = HospitalVersion.unscoped.filter(hospital_id=hospital.id, rule=rule).select_related("based_on")
    found += [_made(version.based_on, version) for version in own]
    return sorted(found, key=lambda v: (v.starts_on, v.own is not None, v.default.number), reverse=True)


def basis_of(regulation: str, article: str, mark: str) -> str:
    """The regulation and article as they are named beside a figure."""
    if not regulation:
        return "平台建议值" if mark == "suggested" else "通行做法"
    named = regulation if regulation.startswith(("本院", "GB")) else f"《{regulation}》"
    if "（" in regulation and regulation.endswith("号）"):
        title, number = regulation.rsplit("（", 1)
        named = f"《{title}》（{number}"
    return f"{named}{article}"


def _default(code: str, on: date) -> DefaultVersion:
    found = (
        DefaultVersion.objects.filter(_in_force(on), rule__code=code)
        .select_related("rule")
        .order_by("-starts_on", "-number")
        .first()
    )
    if found is None:
        if Rule.objects.filter(code=code).exists():
            raise NotInForce(f"{code} on {on}")
        raise UnknownRule(code)
    return found


def _made(default: DefaultVersion, own: HospitalVersion | None) -> RuleValue:
    basis = basis_of(default.regulation, default.article, default.mark)
    if own is not None and own.basis:
        basis = f"{own.basis}" if default.mark == "suggested" else f"{basis}；{own.basis}"
    return RuleValue(
        code=default.rule.code,
        title=default.rule.title,
        params=own.params if own is not None else default.params,
        mark=default.mark,
        confirmed=own is not None,
        basis=basis,
        version=f"本院第 {own.number} 版" if own is not None else f"平台第 {default.number} 版",
        label="" if own is not None else UNCONFIRMED,
        starts_on=own.starts_on if own is not None else default.starts_on,
        default=default,
        own=own,
    )


def _in_force(on: date) -> Q:
    return Q(starts_on__lte=on) & (Q(ends_on__isnull=True) | Q(ends_on__gte=on))


def since(day: date) -> str:
    """A first day as people read it."""
    return "未注明" if day == EVER else day.isoformat()
