"""What a rule says on a day in a hospital, and how a hospital confirms or revises it."""

from core.regulations.domain.decide import confirm, revise
from core.regulations.domain.value import NotInForce, RuleValue, UnknownRule, history, value

__all__ = ["NotInForce", "RuleValue", "UnknownRule", "confirm", "history", "revise", "value"]
