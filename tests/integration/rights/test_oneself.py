"""Nobody gives oneself a post that administers or sees what is secret."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from core.kernel import clock
from core.org.models import Post
from core.testing.world import World
from tests.integration.rights.conftest import post

ADD, EDIT = "resources/org.post/commands/add", "resources/org.post/commands/edit"


@pytest.mark.parametrize("role", ["inspector", "security_admin"])
def test_the_security_administrator_appoints_others_only(
    world: World, as_: Callable[..., Client], role: str
) -> None:
    client, today = as_("security_admin"), clock.today()
    for whom, status in (("security_admin", 409), ("staff", 200)):
        person = world.user(whom).person
        values = {
            "person": str(person.uid),
            "role": role,
            "starts_on": str(today),
            "ends_on": str(today + timedelta(days=30)),
        }
        answer = post(client, ADD, {"values": values})
        assert answer.status_code == status, answer.content.decode()
        assert Post.unscoped.filter(person=person, role=role, starts_on=today).exists() is (status == 200)


def test_the_own_term_is_not_prolonged(world: World, as_: Callable[..., Client]) -> None:
    client = as_("security_admin")
    own = Post.unscoped.get(person=world.user("security_admin").person, role="security_admin")
    values = {
        "starts_on": str(own.starts_on),
        "ends_on": str(clock.today() + timedelta(days=900)),
        "title": "",
    }
    sent = {"uid": str(own.uid), "expected_version": own.version, "values": values}
    answer = post(client, EDIT, sent)
    assert answer.status_code == 409 and "本人" in answer.json()["detail"]
