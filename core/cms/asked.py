"""What Wagtail asks of a page or task model and the domain answers: registered at start, so that models stay below it."""

from collections.abc import Callable
from typing import Any

_answers: dict[str, Callable[..., Any]] = {}


def answers(**calls: Callable[..., Any]) -> None:
    """Name who answers what."""
    _answers.update(calls)


def ask(name: str, *values: Any) -> Any:
    """The domain's answer. Raises KeyError where nobody registered: a fault at start, not of a user."""
    return _answers[name](*values)
