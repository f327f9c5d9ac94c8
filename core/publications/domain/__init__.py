"""What is done with frozen tables: freeze, verify, show, walk the chain."""

from core.publications.domain.freeze import find, freeze
from core.publications.domain.show import REFUSED, chain, latest, shown, verify

__all__ = ["REFUSED", "chain", "find", "freeze", "latest", "shown", "verify"]
