# For mypy only. Django is untyped and stays so; its choices alone are described, because mypy otherwise takes
# `QUEUED = "queued", "排队"` for a tuple.
from enum import Enum, EnumMeta
from typing import Any

class _Choices(EnumMeta):
    choices: list[tuple[Any, str]]
    labels: list[str]
    values: list[Any]
    names: list[str]

class TextChoices(str, Enum, metaclass=_Choices):
    @property
    def label(self) -> str: ...

class IntegerChoices(int, Enum, metaclass=_Choices):
    @property
    def label(self) -> str: ...

def __getattr__(name: str) -> Any: ...
