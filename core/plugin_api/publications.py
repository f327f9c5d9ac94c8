"""Frozen tables for plugins: freeze a ranking, correct it by a new version, list what was frozen."""

from core.publications.domain import chain, find, freeze, shown, verify
from core.publications.models import Snapshot
from core.publications.specs import fields

__all__ = ["Snapshot", "chain", "fields", "find", "freeze", "shown", "verify"]
