"""Writing the declared defaults into this installation: new and corrected ones become versions, old ones stay."""

from django.db import connections

from core.regulations.declare import Default, defaults
from core.regulations.models import DefaultVersion, Rule


def ready(using: str = "default") -> bool:
    """Whether the tables are there (they are not while an older state is migrated to)."""
    return DefaultVersion._meta.db_table in connections[using].introspection.table_names()


def load_defaults() -> int:
    """Write what is new or changed; how many versions were written. Repeating it writes nothing. Needs an actor."""
    declared, _ = defaults()
    rules = _rules(declared)
    known = {(v.rule_id, v.digest) for v in DefaultVersion.objects.only("rule_id", "digest")}
    numbers: dict[int, int] = {}
    for rule_id, number in DefaultVersion.objects.values_list("rule_id", "number"):
        numbers[rule_id] = max(numbers.get(rule_id, 0), number)
    made = []
    for one in sorted(declared, key=lambda d: d.starts_on):
        rule = rules[one.code]
        if (rule.pk, one.digest()) in known:
            continue
        numbers[rule.pk] = numbers.get(rule.pk, 0) + 1
        made.append(_version(rule, numbers[rule.pk], one))
    DefaultVersion.objects.bulk_create(made, batch_size=200)
    return len(made)


def _rules(declared: tuple[Default, ...]) -> dict[str, Rule]:
    wanted: dict[str, tuple[str, str, int]] = {}
    for place, one in enumerate(declared, start=1):
        wanted.setdefault(one.code, (one.title, one.subject, place))
    there = {rule.code: rule for rule in Rule.objects.all()}
    made = [
        Rule(code=code, title=title, subject=subject, place=place)
        for code, (title, subject, place) in wanted.items()
        if code not in there
    ]
    Rule.objects.bulk_create(made, batch_size=200)
    for rule in there.values():
        title, subject, place = wanted.get(rule.code, (rule.title, rule.subject, rule.place))
        retired = rule.code not in wanted
        if (rule.title, rule.subject, rule.place, rule.retired) != (title, subject, place, retired):
            Rule.objects.filter(pk=rule.pk).update(title=title, subject=subject, place=place, retired=retired)
    return {rule.code: rule for rule in Rule.objects.all()}


def _version(rule: Rule, number: int, one: Default) -> DefaultVersion:
    return DefaultVersion(
        rule=rule,
        number=number,
        digest=one.digest(),
        regulation=one.regulation,
        article=one.article,
        mark=one.mark,
        source=one.source,
        note=one.note,
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        params=one.values,
        shape=one.shape,
    )
