"""One-time codes: who may hand one out, what it opens, and how it ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.accounts.domain import codes
from core.accounts.models import Device, OneTimeCode
from core.audit.models import Change, Event
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import User
from core.resources.models import IdempotentAnswer
from core.testing import factories
from core.testing.world import World
from tests.integration.accounts.conftest import NEW, PASSWORD, PHONE, Browser

pytestmark = pytest.mark.django_db
SPEND = "/api/v1/session/one-time"
Make = Callable[..., User]
SignedIn = Callable[..., Browser]


def _code(admin: Browser, user: User, **more: str) -> str:
    answer = admin.act("issue_code", user.uid, **more)
    assert answer.status_code == 200, answer.content
    return str(answer.json()["data"]["code"])


def _spend(browser: Browser, user: User, code: str, password: str = NEW, **headers: str) -> Any:
    sent = {"username": user.username, "code": code, "new_password": password}
    return browser.send(SPEND, sent, **headers)


def test_a_code_sets_a_password_signs_in_and_ends_every_other_device(make: Make, signed_in: SignedIn) -> None:
    admin, user, old = signed_in("security_admin"), make("doctor"), Browser(PHONE)
    old.sign_in(user)
    answer = admin.act("issue_code", user.uid).json()
    expires = clock.now() + timedelta(minutes=30)
    assert abs((expires - OneTimeCode.objects.get(user=user).expires_at).total_seconds()) < 60
    code = answer["data"]["code"]
    assert len(code.replace("-", "")) == 8 and code not in answer["message"]
    new = Browser()
    before = new.client.cookies.get("sessionid")
    found = _spend(new, user, code.lower().replace("-", " "))
    assert found.status_code == 200, found.content
    assert found.json()["signed_in"] is True and found.json()["user"]["username"] == user.username
    assert new.client.cookies["sessionid"].value != (before.value if before else "")
    assert new.inside() == 200 and old.inside() == 401
    assert Browser().sign_in(user, PASSWORD).status_code == 400
    assert Browser().sign_in(user, NEW).status_code == 200
    kinds = set(Event.objects.filter(subject_uid=str(user.uid)).values_list("kind", flat=True))
    assert {"accounts.account.issue_code", "accounts.code.used"} <= kinds
    issued = Event.objects.get(kind="accounts.account.issue_code", subject_uid=str(user.uid))
    assert issued.actor == f"user:{admin.user.uid}", "who issued it is on record"  # type: ignore[attr-defined]


def test_a_code_is_good_once(make: Make, signed_in: SignedIn) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    code = _code(admin, user)
    assert _spend(Browser(), user, code).status_code == 200
    again = _spend(Browser(), user, code, "另一个-很长的密码-2028")
    assert again.status_code == 422 and again.json()["errors"][0]["pointer"] == "/code"
    made = OneTimeCode.objects.get(user=user)
    with acting(Actor.system("test")):
        assert codes.spend(made, clock.now()) is False, "two requests at once: the second finds it used"


@pytest.mark.parametrize(("minutes", "status"), [(29, 200), (31, 422)])
def test_a_code_ends_after_half_an_hour(make: Make, signed_in: SignedIn, minutes: int, status: int) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    code, start = _code(admin, user), clock.now()
    with clock.turned(start + timedelta(minutes=minutes)):
        assert _spend(Browser(), user, code).status_code == status


def test_a_newer_code_ends_the_one_before(make: Make, signed_in: SignedIn) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    first, second = _code(admin, user), _code(admin, user)
    assert _spend(Browser(), user, first).status_code == 422
    assert _spend(Browser(), user, second).status_code == 200


def test_five_wrong_codes_end_it_from_whatever_address_and_lock_the_one_address(
    make: Make, signed_in: SignedIn
) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    code, attacker = _code(admin, user), Browser(address="10.66.0.1")
    got = [_spend(attacker, user, "2222-2222").status_code for _ in range(5)]
    assert got == [422, 422, 422, 422, 429]
    locked = _spend(attacker, user, code)
    assert locked.status_code == 429 and "登录码连续输错" in locked.json()["detail"]
    assert _spend(Browser(address="10.66.0.2"), user, code).status_code == 422, "the code itself is void"
    assert attacker.sign_in(user).status_code == 429, "the same lock as for passwords"
    assert Browser(address="10.66.0.3").sign_in(user).status_code == 200


def test_an_unknown_name_and_a_wrong_code_read_alike_and_both_are_counted(
    make: Make, signed_in: SignedIn
) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    _code(admin, user)
    nobody = User(username="meiyou-zhege-ren")
    wrong, unknown = _spend(Browser(), user, "2222-2222"), _spend(Browser(), nobody, "2222-2222")
    strip = [{k: v for k, v in one.json().items() if k != "request_id"} for one in (wrong, unknown)]
    assert wrong.status_code == unknown.status_code == 422 and strip[0] == strip[1]
    browser = Browser(address="10.66.0.9")
    assert [_spend(browser, nobody, "2222-2222").status_code for _ in range(5)][-1] == 429


@pytest.mark.parametrize("bad", ["短密码1", "password123", "1234567890123", "{name}-1"])
def test_a_bad_password_is_refused_and_the_code_stays_good(make: Make, signed_in: SignedIn, bad: str) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    code = _code(admin, user)
    answer = _spend(Browser(), user, code, bad.format(name=user.username))
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/new_password"
    assert _spend(Browser(), user, code).status_code == 200


def test_a_code_needs_the_page_token_and_nobody_signed_in(make: Make, signed_in: SignedIn) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    code, browser = _code(admin, user), Browser()
    sent = {"username": user.username, "code": code, "new_password": NEW}
    bare = browser.client.post(SPEND, sent, content_type="application/json")
    assert bare.status_code == 403 and bare.json()["code"] == "forbidden"
    assert _spend(admin, user, code).status_code == 409
    assert _spend(browser, user, code).status_code == 200


def test_a_closed_account_takes_no_code(make: Make, signed_in: SignedIn) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    code = _code(admin, user)
    assert admin.act("deactivate", user.uid).status_code == 200
    assert _spend(Browser(), user, code).status_code == 422
    assert admin.act("issue_code", user.uid).status_code == 409
    assert admin.act("reactivate", user.uid).status_code == 200
    assert _spend(Browser(), user, code).status_code == 422, "the code ended with the account"


def test_the_code_stands_in_one_answer_only(make: Make, signed_in: SignedIn) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    first = admin.act("issue_code", user.uid, Idempotency_Key="k-1").json()
    again = admin.act("issue_code", user.uid, Idempotency_Key="k-1").json()
    code = first["data"]["code"]
    assert "data" not in again and OneTimeCode.objects.filter(user=user).count() == 1
    row = OneTimeCode.objects.get(user=user)
    assert code.replace("-", "") not in row.digest
    _spend(Browser(), user, code)
    kept = [*Change.objects.values(), *Event.objects.values(), *IdempotentAnswer.objects.values()]
    hashed = User.objects.get(pk=user.pk).password
    secrets = (code, code.replace("-", ""), row.digest, NEW, hashed)
    assert not [one for one in kept for secret in secrets if secret in str(one)]


def test_an_account_is_given_five_codes_an_hour(make: Make, signed_in: SignedIn) -> None:
    admin, user = signed_in("security_admin"), make("doctor")
    assert [admin.act("issue_code", user.uid).status_code for _ in range(6)] == [200] * 5 + [409]


def test_who_may_hand_out_codes_to_whom(world: World, make: Make, signed_in: SignedIn) -> None:
    """Who sets a password can sign in with it: the higher the account, the higher who may."""
    both = make("doctor")
    make("doctor", "yunling", user=both)
    their_inspector = make("inspector", "yunling")
    make("doctor", user=their_inspector)
    former = make("inspector", "yunling", ends_on=clock.today() - timedelta(days=1))
    make("doctor", user=former)
    people = {
        "ordinary": make("doctor"),
        "inspector": make("inspector"),
        "hospital_admin": make("hospital_admin"),
        "elsewhere too": both,
        "inspector there": their_inspector,
        "formerly": former,
    }
    expected = {
        "security_admin": {
            "ordinary": 200,
            "inspector": 200,
            "hospital_admin": 200,
            "elsewhere too": 200,
            "inspector there": 403,
            "formerly": 200,
        },
        "hospital_admin": {
            "ordinary": 200,
            "inspector": 403,
            "hospital_admin": 403,
            "elsewhere too": 403,
            "inspector there": 403,
            "formerly": 200,
        },
        "inspector": dict.fromkeys(people, 404),
        "doctor": dict.fromkeys(people, 404),
    }
    got = {
        role: {name: browser.act("issue_code", user.uid).status_code for name, user in people.items()}
        for role in expected
        for browser in [signed_in(role)]
    }
    assert got == expected
    stranger = make("doctor", "yunling")
    assert signed_in("security_admin").act("issue_code", stranger.uid).status_code == 404


def test_a_post_that_is_to_come_counts_already(make: Make, signed_in: SignedIn) -> None:
    """Whoever sets the password today could sign in with it when the post begins."""
    tomorrow = clock.today() + timedelta(days=1)
    here, there = make("doctor"), make("doctor")
    make("inspector", user=here, starts_on=tomorrow)
    make("inspector", "yunling", user=there, starts_on=tomorrow)
    hospital, security = signed_in("hospital_admin"), signed_in("security_admin")
    assert hospital.act("issue_code", here.uid).status_code == 403
    assert hospital.act("issue_code", there.uid).status_code == 403
    assert security.act("issue_code", here.uid).status_code == 200
    assert security.act("issue_code", there.uid).status_code == 403


def test_a_code_for_an_ordinary_account_does_not_open_it_once_it_is_privileged(
    make: Make, signed_in: SignedIn
) -> None:
    """The hospital administrator knows the code; the post is given while nobody has used it yet."""
    user = make("doctor")
    code = _code(signed_in("hospital_admin"), user)
    make("inspector", user=user)
    assert _spend(Browser(), user, code).status_code == 422
    security = signed_in("security_admin")
    code = _code(security, user)
    make("party_office", user=user)
    assert _spend(Browser(), user, code).status_code == 200, "an ordinary post more takes nothing away"


def test_who_left_for_another_hospital_is_that_ones(make: Make, signed_in: SignedIn) -> None:
    """The hospital somebody has left sets no password of an account that works elsewhere now."""
    gone = make("doctor", ends_on=clock.today() - timedelta(days=1))
    make("doctor", "yunling", user=gone)
    idle = make("doctor", ends_on=clock.today() - timedelta(days=1))
    security = signed_in("security_admin")
    for verb in ("issue_code", "reset_factors", "demand_password", "deactivate"):
        assert security.act(verb, gone.uid).status_code == 403, verb
    assert signed_in("hospital_admin").act("issue_code", gone.uid).status_code == 403
    assert security.act("issue_code", idle.uid).status_code == 200, (
        "who works nowhere is still in this one's care"
    )


def test_nobody_hands_a_code_to_oneself(signed_in: SignedIn) -> None:
    admin = signed_in("security_admin")
    assert admin.act("issue_code", admin.user.uid).status_code == 409  # type: ignore[attr-defined]
    assert admin.act("deactivate", admin.user.uid).status_code == 409  # type: ignore[attr-defined]


def test_a_demanded_password_closes_everything_until_it_is_changed(make: Make, signed_in: SignedIn) -> None:
    admin, user, browser = signed_in("security_admin"), make("doctor"), Browser()
    browser.sign_in(user)
    assert admin.act("demand_password", user.uid).status_code == 200
    refused = browser.get("/api/v1/h/binjiang/menu")
    assert refused.status_code == 403 and refused.json()["code"] == "password_change_required"
    assert browser.session()["must"] == ["password"]
    assert browser.get("/api/v1/me/security").status_code == 200
    sent = {"current_password": PASSWORD, "new_password": NEW}
    browser.send("/_allauth/browser/v1/account/password/change", sent)
    assert browser.session()["must"] == [] and browser.inside() == 200


def test_a_closed_account_is_out_at_once(make: Make, signed_in: SignedIn) -> None:
    admin, user, browser = signed_in("security_admin"), make("doctor"), Browser()
    browser.sign_in(user)
    assert admin.act("deactivate", user.uid).status_code == 200
    assert browser.inside() == 401 and Device.objects.get(user=user).ended_by == "closed"
    assert admin.act("reactivate", user.uid).status_code == 200
    assert browser.inside() == 401 and browser.sign_in(user).status_code == 200


def test_unlocking_lets_the_right_password_in_again(make: Make, signed_in: SignedIn) -> None:
    admin, user, browser = signed_in("security_admin"), make("doctor"), Browser()
    for _ in range(5):
        browser.sign_in(user, "不是这个密码")
    assert browser.sign_in(user).status_code == 429
    shown = admin.get(f"/api/v1/h/binjiang/resources/accounts.account/rows/{user.uid}").json()["row"]
    assert shown["values"]["locked"] is True
    assert admin.act("unlock", user.uid).json()["message"] == "已解除锁定。"
    assert browser.sign_in(user).status_code == 200


def test_an_account_is_opened_for_a_person_without_a_password(world: World, signed_in: SignedIn) -> None:
    admin = signed_in("security_admin")
    one, other = factories.person("章示例"), factories.person("章示例")
    for person in (one, other):
        factories.post(world.hospital(), "doctor", person)
    first = admin.act("create", values={"person": str(one.uid), "naming": "pinyin"})
    second = admin.act("create", values={"person": str(other.uid), "naming": "pinyin"})
    assert first.status_code == second.status_code == 200, first.content
    names = [answer.json()["row"]["values"]["username"] for answer in (first, second)]
    assert names == ["zhangshili", "zhangshili2"]
    user = User.objects.get(person=one)
    assert not user.has_usable_password()
    assert Browser().sign_in(user, "").status_code == 400
    browser = Browser()
    assert _spend(browser, user, _code(admin, user)).status_code == 200 and browser.inside() == 200


@pytest.mark.parametrize("name", ["ab cd", "a", "李", "x#2", "a" * 61])
def test_a_name_that_cannot_be_typed_is_refused(world: World, signed_in: SignedIn, name: str) -> None:
    admin, person = signed_in("security_admin"), factories.person()
    factories.post(world.hospital(), "doctor", person)
    answer = admin.act("create", values={"person": str(person.uid), "naming": "given", "username": name})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/values/username"


def test_no_account_for_a_stranger_twice_or_above_ones_rights(
    world: World, make: Make, signed_in: SignedIn
) -> None:
    security, hospital = signed_in("security_admin"), signed_in("hospital_admin")
    stranger, inspector = factories.person(), factories.person()
    factories.post(world.hospital("yunling"), "doctor", stranger)
    factories.post(world.hospital(), "inspector", inspector)
    has_one = make("doctor").person
    assert has_one is not None

    def create(browser: Browser, person: Any) -> int:
        return int(browser.act("create", values={"person": str(person.uid), "naming": "pinyin"}).status_code)

    assert create(security, stranger) == 422
    assert create(security, has_one) == 409
    assert create(hospital, inspector) == 403 and not User.objects.filter(person=inspector).exists()
    assert create(security, inspector) == 200
