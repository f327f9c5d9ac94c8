"""A hospital, someone who asks, and kinds of job that vanish with the test."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.jobs import registry
from core.kernel.context import Actor, acting
from core.org.models import Hospital

WHO = Actor("user", "0199-who", "张三")


@pytest.fixture
def hospital(db: None) -> Hospital:
    """A hospital to work for."""
    return make_hospital("renhe", "仁和医院")


@pytest.fixture
def other(db: None) -> Hospital:
    """Another hospital."""
    return make_hospital("kangtai", "康泰医院")


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    """A test begins without the platform's gates and recurring work; what it registers ends with it."""
    kept: list[Any] = [registry._kinds, registry._subscribers, registry._recurring, registry._gates]
    before = [value.copy() for value in kept]
    registry._recurring.clear()
    registry._gates.clear()
    yield
    for value, former in zip(kept, before, strict=True):
        value.clear()
        value.extend(former) if isinstance(value, list) else value.update(former)


def make_hospital(slug: str, name: str) -> Hospital:
    """A saved hospital."""
    with acting(Actor.system("test")):
        return Hospital.objects.create(slug=slug, name=name, sort_key=slug)
