"""Who keeps away from a person keeps away from the warnings about that person as a doctor, in every form of policy."""

import importlib
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps

from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.notify.domain.people import holders
from core.org.models import Post
from core.policy.decide import can, q
from core.policy.models import Recusal
from core.policy.tokens import holds, token_filter, tokens_of
from plugins.warning import notices
from plugins.warning.domain import disclosure
from plugins.warning.models import Warning
from plugins.warning.searchable import build
from tests.integration.warning.conftest import BY
from tests.support.lines import LAST

LIST = "/resources/warning.warning/rows"
TYPE = "warning.warning"


@pytest.fixture
def two(house: Any) -> Any:
    """A warning about 心0's prescription, and one about a login."""
    house.bring_all(house.set([LAST]), ("items", "doctors", "access_log"))
    house.run("D1_RX_GT5", "E6_TONGFANG")
    return house


def keep_away(house: Any, doctor: str, role: str = "inspector") -> Recusal:
    """The person of the role keeps away from the doctor, whoever holds that doctor's code."""
    code = house.doctors[doctor]
    post = Post.unscoped.filter(hospital=house.hospital, source_code=code).select_related("person").first()
    assert post is not None, "no post carries the code"
    with acting(BY):
        made: Recusal = Recusal.unscoped.create(
            hospital=house.hospital,
            person=house.world.user(role).person,
            kind="person",
            subject_person=post.person,
            label=post.person.name,
            reason="近亲属",
            starts_on=clock.today() - timedelta(days=1),
        )
    return made


def about(warning: Warning) -> str:
    return str(warning.finding.subject["doctor"])


def named(house: Any, warning: Warning) -> str:
    """The short name (骨0, 心0 …) of the doctor of a warning."""
    return next(name for name, code in house.doctors.items() if code == about(warning))


def test_no_list_page_line_command_or_card_shows_it(two: Any) -> None:
    warning, other = two.only("D1_RX_GT5"), two.only("E6_TONGFANG")
    assert two.detail("inspector", warning).status_code == 200
    before = two.get("inspector", "/home").json()
    recusal = keep_away(two, named(two, warning))
    assert [row["uid"] for row in two.get("inspector", LIST).json()["rows"]] == [str(other.uid)]
    assert two.detail("inspector", warning).status_code == 404
    assert two.lines("inspector", warning).status_code == 404
    body = {"department": str(two.world.department("心内科").uid)}
    assert two.do("inspector", "assign", warning, body).status_code == 404
    assert two.get("inspector", "/home").json() != before, "nor is it counted"
    assert two.detail("ethics_office", warning).status_code == 200, "others see it as before"
    assert two.detail("inspector", other).status_code == 200
    with acting(BY):
        Recusal.unscoped.filter(pk=recusal.pk).delete()
    assert two.detail("inspector", warning).status_code == 200


def test_another_doctor_is_not_meant(two: Any) -> None:
    warning = two.only("D1_RX_GT5")
    keep_away(two, next(n for n in ("骨0", "骨1", "心0", "心1") if two.doctors[n] != about(warning)))
    assert two.detail("inspector", warning).status_code == 200


def test_object_rows_and_search_tokens_agree(two: Any) -> None:
    warning = two.only("D1_RX_GT5")
    keep_away(two, named(two, warning))
    seen = two.world.principal("inspector")
    tokens = token_filter(seen, "view", TYPE)
    for one in Warning.unscoped.select_related("flow"):
        kept = one.pk == warning.pk
        assert can(seen, "view", TYPE, one).allowed is not kept
        assert Warning.unscoped.filter(q(seen, "view", TYPE), pk=one.pk).exists() is not kept
        with hospital_scope(two.hospital):
            documents = build([str(one.uid)])
        assert documents
        found = [holds(tokens, d.tokens, d.class_from, d.class_to) for d in documents]
        assert any(found) is not kept
        thing = {"department": one.department_id, "person": one.doctor_code, "state": one.flow.state}
        carried = tokens_of(TYPE, {**thing, "object": str(one.uid)})
        assert holds(tokens, carried, 1, 4) is not kept


def test_no_notice_of_it_goes_to_who_keeps_away(two: Any) -> None:
    warning = two.only("D1_RX_GT5")
    inspector = two.world.user("inspector").person_id
    with hospital_scope(two.hospital):
        thing = notices._thing(warning.flow, "answered")
        assert inspector in holders("close", TYPE, thing, hospital=two.hospital)
    keep_away(two, named(two, warning))
    with hospital_scope(two.hospital):
        thing = notices._thing(warning.flow, "answered")
        assert inspector not in holders("close", TYPE, thing, hospital=two.hospital)


def test_no_statement_of_the_doctor_is_entered_or_read(two: Any) -> None:
    code = two.doctors["骨0"]
    with hospital_scope(two.hospital):
        entry = disclosure.state(two.hospital, "2024Q1", code, "已核实。", by=BY)
    path = f"/resources/warning.disclosure/rows/{entry.uid}"
    assert two.get("inspector", path).status_code == 200
    keep_away(two, "骨0")
    assert two.get("inspector", path).status_code == 404
    assert two.get("ethics_office", path).status_code == 200


def test_warnings_of_before_are_covered_too(two: Any) -> None:
    """What the migration does to rows that were written without the column."""
    warning, other = two.only("D1_RX_GT5"), two.only("E6_TONGFANG")
    fill = importlib.import_module("plugins.warning.migrations.0005_doctor_code").fill
    with acting(BY):
        Warning.unscoped.update(doctor_code="")
        fill(apps, None)
    assert two.fresh(warning).doctor_code == about(warning)
    assert two.fresh(other).doctor_code == ""
