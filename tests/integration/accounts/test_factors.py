"""Second factors over HTTP as the web app uses them: dynamic codes, recovery codes, who must have one."""

import base64
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.test.utils import override_settings

from core.accounts.domain import factors
from core.accounts.models import Device, FactorSecret
from core.audit.models import Change, Event
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import Post, User
from core.vault.rotation import survey
from tests.integration.accounts.conftest import ALLAUTH, HERE, PASSWORD, PHONE, Browser, totp

pytestmark = pytest.mark.django_db
TOTP = f"{ALLAUTH}/account/authenticators/totp"
RECOVERY = f"{ALLAUTH}/account/authenticators/recovery-codes"
SECOND = f"{ALLAUTH}/auth/2fa/authenticate"
Make = Callable[..., User]
SignedIn = Callable[..., Browser]


@pytest.fixture(autouse=True)
def _commits(django_capture_on_commit_callbacks: Any) -> Iterator[None]:
    """allauth tells of a new factor after the commit, which a test's own transaction never reaches."""
    from django.db import transaction

    real = transaction.on_commit
    transaction.on_commit = lambda func, using=None, robust=False: func()  # type: ignore[assignment]
    yield
    transaction.on_commit = real


def _enrol(browser: Browser) -> str:
    """Set up dynamic codes as the page does; the secret that the phone would hold."""
    shown = browser.get(TOTP)
    assert shown.status_code == 404, "allauth's word for not yet"
    secret = str(shown.json()["meta"]["secret"])
    done = browser.send(TOTP, {"code": totp(secret, time.time())})
    assert done.status_code == 200, done.content
    return secret


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_codes_of_these_tests_are_those_of_rfc_6238(at: int, code: str) -> None:
    assert totp(base64.b32encode(b"12345678901234567890").decode(), at, 8) == code


def test_setting_up_gives_a_picture_and_the_next_sign_in_asks_for_the_code(signed_in: SignedIn) -> None:
    browser = signed_in("inspector")
    user: User = browser.user  # type: ignore[attr-defined]
    meta = browser.get(TOTP).json()["meta"]
    assert meta["totp_svg"].startswith("<svg") and "issuer=%E6%B8%85%E5%BB%89" in meta["totp_url"]
    secret = _enrol(browser)
    own = browser.get("/api/v1/me/security").json()["mfa"]
    assert own["totp"] is True and own["recovery_left"] == 10
    fresh = Browser(PHONE)
    first = fresh.sign_in(user)
    assert first.status_code == 401
    [flow] = [f for f in first.json()["data"]["flows"] if f.get("is_pending")]
    assert flow["id"] == "mfa_authenticate" and "totp" in flow["types"]
    assert fresh.session() | {"csrf": ""} == {
        "signed_in": False,
        "csrf": "",
        "hospitals": [],
        "must": [],
        "pending": ["mfa"],
    }
    assert fresh.inside() == 401, "the password alone opens nothing"
    assert fresh.send(SECOND, {"code": totp(secret, time.time() + 30)}).status_code == 200
    assert fresh.session()["signed_in"] is True and fresh.inside() == 200


def test_a_code_is_taken_once_and_none_older_after_it(signed_in: SignedIn) -> None:
    browser = signed_in("inspector")
    user: User = browser.user  # type: ignore[attr-defined]
    secret, now = _enrol(browser), time.time()
    one, two = Browser(), Browser()
    one.sign_in(user), two.sign_in(user)
    assert one.send(SECOND, {"code": totp(secret, now)}).status_code == 200
    again = two.send(SECOND, {"code": totp(secret, now)})
    assert again.status_code == 400 and "不正确" in again.json()["errors"][0]["message"]
    assert two.send(SECOND, {"code": totp(secret, now - 30)}).status_code == 400
    assert two.send(SECOND, {"code": totp(secret, now + 30)}).status_code == 200


def test_five_wrong_codes_lock_from_every_address_and_a_new_password_step_is_no_way_round(
    signed_in: SignedIn,
) -> None:
    browser, admin = signed_in("inspector"), signed_in("security_admin")
    user: User = browser.user  # type: ignore[attr-defined]
    secret, got = _enrol(browser), []
    for n in range(5):
        thief = Browser(address=f"10.77.0.{n}")
        assert thief.sign_in(user).status_code == 401
        got.append(thief.send(SECOND, {"code": "000000"}).status_code)
    assert got == [400, 400, 400, 400, 429]
    other = Browser(address="10.77.1.1")
    other.sign_in(user)
    locked = other.send(SECOND, {"code": totp(secret, time.time())})
    assert locked.status_code == 429 and "验证码连续输错" in locked.json()["detail"]
    assert other.session()["signed_in"] is False
    assert admin.act("unlock", user.uid).json()["message"] == "已解除锁定。"
    assert other.send(SECOND, {"code": totp(secret, time.time() + 30)}).status_code == 200


def test_a_recovery_code_works_once_and_is_shown_once(signed_in: SignedIn) -> None:
    browser = signed_in("inspector")
    user: User = browser.user  # type: ignore[attr-defined]
    _enrol(browser)
    shown = browser.get(RECOVERY).json()["data"]["unused_codes"]
    assert len(shown) == 10 and len(set(shown)) == 10
    assert "unused_codes" not in browser.get(RECOVERY).json()["data"]
    for expected in (200, 400):
        fresh = Browser(PHONE)
        fresh.sign_in(user)
        assert fresh.send(SECOND, {"code": shown[0]}).status_code == expected
    assert browser.get("/api/v1/me/security").json()["mfa"]["recovery_left"] == 9


def test_other_devices_end_when_a_factor_is_set_up(make: Make) -> None:
    user, desk, phone = make("inspector"), Browser(), Browser(PHONE)
    desk.sign_in(user), phone.sign_in(user)
    _enrol(desk)
    assert (desk.inside(), phone.inside()) == (200, 401)
    assert Event.objects.get(kind="accounts.factor.added", subject_uid=str(user.uid)).data == {"type": "totp"}


def test_changing_a_factor_asks_who_it_is_again_after_five_minutes(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, browser = make("inspector"), Browser()
    browser.sign_in(user)
    _enrol(browser)
    real, later = time.time, time.time() + 301
    monkeypatch.setattr("allauth.account.internal.flows.reauthentication.time.time", lambda: later)
    assert browser.send(TOTP, method="delete").status_code == 401
    assert Authenticator.objects.filter(user=user, type="totp").exists()
    wrong = browser.send(f"{ALLAUTH}/auth/reauthenticate", {"password": "不是这个密码"})
    assert wrong.status_code == 400 and browser.send(TOTP, method="delete").status_code == 401
    assert browser.send(f"{ALLAUTH}/auth/reauthenticate", {"password": PASSWORD}).status_code == 200
    assert browser.send(TOTP, method="delete").status_code == 200
    monkeypatch.setattr("allauth.account.internal.flows.reauthentication.time.time", real)
    assert not Authenticator.objects.filter(user=user).exists(), "recovery codes go with the last factor"
    assert Event.objects.filter(kind="accounts.factor.removed", subject_uid=str(user.uid)).exists()


def test_no_secret_lies_open_in_the_database_or_the_record(signed_in: SignedIn) -> None:
    browser = signed_in("inspector")
    user: User = browser.user  # type: ignore[attr-defined]
    waiting = str(browser.get(TOTP).json()["meta"]["secret"])
    row = Session.objects.get(session_key=browser.client.cookies["sessionid"].value)
    assert waiting not in str(row.get_decoded()), "not even before the first code"
    secret = _enrol(browser)
    codes = browser.get(RECOVERY).json()["data"]["unused_codes"]
    sealed = FactorSecret.objects.get(uid=Authenticator.objects.get(user=user, type="totp").data["secret"])
    assert sealed.secret == secret and str(sealed.__dict__["secret"]).startswith("1:A256GCM:")
    stored = [*Authenticator.objects.values(), *Change.objects.values(), *Event.objects.values()]
    stored += [*FactorSecret.objects.values()]
    assert not [one for one in stored for text in (secret, *codes) if text in str(one)]
    assert survey()["cells"]["accounts_factorsecret.secret"], "rotation finds it"


def test_a_sealed_secret_goes_with_its_factor_and_opens_for_nobody_else(make: Make) -> None:
    user, browser = make("inspector"), Browser()
    browser.sign_in(user)
    _enrol(browser)
    assert FactorSecret.objects.count() == 2
    browser.send(TOTP, method="delete")
    assert FactorSecret.objects.count() == 0
    assert factors.opened(make("doctor"), factors.pending(user, "GEZDGNBV")) == ""


def test_an_administrator_clears_the_factors_of_a_lost_phone(make: Make, signed_in: SignedIn) -> None:
    user, browser, admin = make("inspector"), Browser(), signed_in("security_admin")
    browser.sign_in(user)
    _enrol(browser)
    assert signed_in("hospital_admin").act("reset_factors", user.uid).status_code == 403
    assert admin.act("reset_factors", user.uid).status_code == 200
    assert browser.inside() == 401 and FactorSecret.objects.count() == 0
    assert Browser().sign_in(user).status_code == 200


def test_a_one_time_code_leads_to_the_second_step_not_past_it(make: Make, signed_in: SignedIn) -> None:
    user, browser, admin = make("inspector"), Browser(), signed_in("security_admin")
    browser.sign_in(user)
    secret = _enrol(browser)
    code, fresh = admin.act("issue_code", user.uid).json()["data"]["code"], Browser(PHONE)
    sent = {"username": user.username, "code": code, "new_password": "荷花-出淤泥不染-2027"}
    answer = fresh.send("/api/v1/session/one-time", sent)
    assert answer.status_code == 200 and answer.json()["signed_in"] is False
    assert answer.json()["pending"] == ["mfa"] and fresh.inside() == 401
    assert fresh.send(SECOND, {"code": totp(secret, time.time())}).status_code == 200
    assert fresh.inside() == 200


@pytest.mark.parametrize(
    "role", ["hospital_admin", "system_admin", "security_admin", "audit_admin", "inspector"]
)
def test_where_it_is_required_nothing_else_answers_before_it_is_set_up(make: Make, role: str) -> None:
    user, browser = make(role), Browser()
    browser.sign_in(user)
    with override_settings(TWO_FACTORS="required"):
        assert browser.session()["must"] == ["mfa"]
        for path in (
            f"{HERE}/menu",
            f"{HERE}/home",
            f"{HERE}/cms/pages",
            f"{HERE}/resources/org.person/rows",
        ):
            answer = browser.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "mfa_required"), path
        own = browser.get("/api/v1/me/security").json()["mfa"]
        assert own["required"] is True and own["reason"].endswith("须开启两步登录。")
        secret = _enrol(browser)
        assert browser.session()["must"] == [] and browser.inside() == 200
        fresh = Browser(PHONE)
        fresh.sign_in(user)
        fresh.send(SECOND, {"code": totp(secret, time.time() + 30)})
        assert fresh.session()["must"] == [] and fresh.inside() == 200


def test_where_it_is_offered_nobody_is_stopped(make: Make) -> None:
    user, browser = make("hospital_admin"), Browser()
    browser.sign_in(user)
    with override_settings(TWO_FACTORS="offered"):
        assert browser.session()["must"] == [] and browser.inside() == 200
        assert "建议" in browser.get("/api/v1/me/security").json()["mfa"]["reason"]


def test_who_needs_none_is_not_stopped_and_who_no_longer_needs_one_neither(make: Make) -> None:
    doctor, former = Browser(), Browser()
    doctor.sign_in(make("doctor"))
    user = make("doctor")
    make("inspector", "yunling", user=user)
    former.sign_in(user)
    with override_settings(TWO_FACTORS="required"):
        assert doctor.inside() == 200
        assert former.inside() == 403, "a role in another hospital counts: it is one account"
        with acting(Actor.system("test")):
            ended = clock.today() - timedelta(days=1)
            Post.unscoped.filter(person=user.person, role="inspector").update(ends_on=ended)
        assert former.inside() == 200


def test_wagtails_admin_is_closed_too(make: Make) -> None:
    user, browser = make("editor"), Browser()
    make("hospital_admin", user=user)
    browser.sign_in(user)
    with override_settings(TWO_FACTORS="required"):
        answer = browser.get("/admin/")
        assert answer.status_code == 302 and answer["Location"] == "/"


def test_a_passkey_sign_in_without_a_passkey_is_refused(make: Make) -> None:
    browser = Browser()
    options = browser.get(f"{ALLAUTH}/auth/webauthn/login").json()["data"]["request_options"]["publicKey"]
    assert options["userVerification"] == "required" and options["rpId"] == "testserver"
    made_up = {
        "id": "AAAA",
        "rawId": "AAAA",
        "type": "public-key",
        "response": {
            "clientDataJSON": "e30",
            "authenticatorData": "AAAA",
            "signature": "AA",
            "userHandle": "MQ",
        },
        "clientExtensionResults": {},
    }
    for sent in ({}, {"credential": {}}, {"credential": made_up}, {"credential": "x"}):
        answer = browser.send(f"{ALLAUTH}/auth/webauthn/login", sent)
        assert answer.status_code == 400, (sent, answer.status_code)
    assert browser.session()["signed_in"] is False


def test_devices_of_a_second_step_are_bound_like_others(signed_in: SignedIn) -> None:
    browser = signed_in("inspector")
    user: User = browser.user  # type: ignore[attr-defined]
    secret, fresh = _enrol(browser), Browser(PHONE)
    fresh.sign_in(user)
    assert Device.objects.filter(user=user).count() == 1, "the password alone is no sign-in"
    fresh.send(SECOND, {"code": totp(secret, time.time() + 30)})
    assert browser.send("/api/v1/me/devices/sign-out-others").json() == {"ended": 1}
    assert fresh.inside() == 401


@pytest.mark.parametrize("what", ["password", "closed", "factors"])
def test_a_sign_in_half_done_ends_when_the_account_is_taken_in_hand(
    make: Make, signed_in: SignedIn, what: str
) -> None:
    """A thief with password and phone waits at the second step: what an administrator does reaches that step too."""
    user, thief, admin = make("doctor"), Browser(PHONE), signed_in("security_admin")
    browser = Browser()
    browser.sign_in(user)
    secret = _enrol(browser)
    assert thief.sign_in(user).status_code == 401 and thief.session()["pending"] == ["mfa"]
    if what == "password":
        code = admin.act("issue_code", user.uid).json()["data"]["code"]
        sent = {"username": user.username, "code": code, "new_password": "荷花-出淤泥不染-2027"}
        assert Browser().send("/api/v1/session/one-time", sent).status_code == 200
    elif what == "closed":
        assert admin.act("deactivate", user.uid).status_code == 200
    else:
        assert admin.act("reset_factors", user.uid).status_code == 200
    thief.send(SECOND, {"code": totp(secret, time.time() + 30)})
    assert thief.inside() == 401
