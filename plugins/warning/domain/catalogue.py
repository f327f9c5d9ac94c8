"""The rules as installed: read from the declarations, stored as versions that are never overwritten."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.plugin_api import clock
from plugins.warning.models import RuleVersion

if TYPE_CHECKING:  # the engine's libraries take seconds to load: only where rules are read
    from plugins.warning.domain.rules import Rule

FOLDER = Path(__file__).resolve().parents[1] / "declarations" / "rules"


@lru_cache
def installed() -> "dict[str, Rule]":
    """Rules by code. Raises RuleError for a broken file."""
    from plugins.warning.domain.rules import load_rules

    return {rule.code: rule for rule in load_rules(FOLDER)}


def sync_versions() -> dict[str, RuleVersion]:
    """Store each installed rule's text as a version (same text, same row). The caller acts."""
    from plugins.warning.domain.rules import load_rule

    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        rule = load_rule(text, path.name)
        row, _ = RuleVersion.objects.get_or_create(
            digest=hashlib.sha256(text.encode()).hexdigest(),
            defaults={
                "tunes": rule.tunes,
                "code": rule.code,
                "number": rule.version,
                "title": rule.title,
                "rule_class": rule.class_,
                "dimension": rule.subject_kind,
                "text": text,
                "stored_at": clock.now(),
            },
        )
        if row.tunes != rule.tunes:  # follows from the text; a version stored before the column existed
            row.tunes = rule.tunes
            row.save(update_fields=["tunes"])
        found[rule.code] = row
    return found
