"""No request answers 5xx, whatever is in it. A few hundred here, within a minute; `python -m tests.fuzz --cases 20000` is the whole."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.kernel.context import hospital_scope
from core.org.models import Department, PartyOrg, Person, Post
from core.resources import registry
from tests.fuzz.engine import fuzz
from tests.integration.access.things import Things, signed_in

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
CASES = int(os.environ.get("QINGLIAN_FUZZ_CASES", "250"))
SEED = int(os.environ.get("QINGLIAN_FUZZ_SEED", "1"))
ROLES = (
    "hospital_admin",
    "inspector",
    "pharmacy",
    "department_head",
    "staff",
    "editor",
    "security_admin",
    "audit_admin",
)


@pytest.fixture
def _two_factors_off(settings: Any) -> None:
    """Administrators get in without a second factor: what lies behind it is fuzzed."""
    settings.TWO_FACTORS = "offered"


def test_no_operation_answers_5xx(things: Things, _two_factors_off: None) -> None:
    world = things.world
    clients = {"nobody": signed_in(None)}
    for role in ROLES:
        try:
            clients[role] = signed_in(world.user(role))
        except LookupError:
            continue
    found = fuzz(CASES, SEED, clients, _known(things))
    if report := os.environ.get("QINGLIAN_FUZZ_REPORT"):
        said = found.as_json()
        said["crashes"] = [vars(one) for one in found.crashes[:200]]
        Path(report).write_text(json.dumps(said, ensure_ascii=False, indent=1))
    print(json.dumps(found.as_json(), ensure_ascii=False, indent=1))
    assert found.cases >= CASES
    assert not found.crashes, found.crashes[0]
    assert found.answers[200] > found.cases // 50  # most of it would be worth nothing if all were refused


def _known(things: Things) -> dict[str, list[str]]:
    """Path value → what is there: the hospital, keys of resources, uids of people and things."""
    hospital = things.world.hospital()
    with hospital_scope(hospital):
        uids = [
            str(uid)
            for model in (Department, Post, PartyOrg)
            for uid in model.objects.values_list("uid", flat=True)[:3]
        ]
    uids += [str(uid) for uid in Person.objects.values_list("uid", flat=True)[:3]]
    uids += [str(one) for one in things.others.values() if len(str(one)) in (32, 36)]
    keys = sorted(registry.everything())
    verbs = sorted({action.verb for one in registry.everything().values() for action in one.spec.actions})
    return {
        "hospital": [hospital.slug],
        "key": keys,
        "verb": verbs,
        "uid": uids,
        "plugin": ["warning"],
        "dataset": ["prescription_lines"],
    }
