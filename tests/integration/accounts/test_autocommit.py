"""The same without a test's transaction around it: library code that writes in autocommit has its actor, signals after
the commit arrive, and a read opens no transaction.
"""

import time

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.accounts.domain import codes, tokens
from core.accounts.models import Device
from core.audit.models import Change, Event
from core.kernel.context import Actor, acting
from core.testing import factories
from tests.integration.accounts.conftest import ALLAUTH, PASSWORD, PHONE, Browser, totp

pytestmark = pytest.mark.django_db(transaction=True)
BY = Actor.system("test")


def test_a_life_of_an_account() -> None:
    cache.clear()
    hospital = factories.hospital()
    user = factories.user(username="yisheng", password=PASSWORD)
    assert user.person is not None
    factories.post(hospital, "inspector", user.person)
    menu = f"/api/v1/h/{hospital.slug}/menu"

    desk, phone = Browser(), Browser(PHONE)
    assert desk.sign_in(user, "不是这个密码").status_code == 400
    assert desk.sign_in(user).status_code == phone.sign_in(user).status_code == 200
    with CaptureQueriesContext(connection) as seen:
        assert desk.get(menu).status_code == 200
    assert not [q["sql"] for q in seen.captured_queries if q["sql"].startswith(("BEGIN", "UPDATE", "INSERT"))]

    secret = desk.get(f"{ALLAUTH}/account/authenticators/totp").json()["meta"]["secret"]
    sent = {"code": totp(secret, time.time())}
    assert desk.send(f"{ALLAUTH}/account/authenticators/totp", sent).status_code == 200
    assert phone.get(menu).status_code == 401, "told after the commit: the other device ended"
    assert Event.objects.get(kind="accounts.factor.added").actor == f"user:{user.uid}"

    assert phone.sign_in(user).status_code == 401
    assert phone.send(f"{ALLAUTH}/auth/2fa/authenticate", {"code": "000000"}).status_code == 400
    right = {"code": totp(secret, time.time() + 30)}
    assert phone.send(f"{ALLAUTH}/auth/2fa/authenticate", right).status_code == 200
    assert phone.get(menu).status_code == 200
    assert phone.send("/api/v1/me/devices/sign-out-others").json() == {"ended": 1}
    assert desk.get(menu).status_code == 401

    with acting(BY):
        _, text = codes.issue(user, hospital, by=BY)
    fresh = Browser()
    given = {"username": "yisheng", "code": text, "new_password": "荷花-出淤泥不染-2027"}
    assert fresh.send("/api/v1/session/one-time", given).json()["pending"] == ["mfa"]
    shown = {"code": "999999"}
    assert fresh.send(f"{ALLAUTH}/auth/2fa/authenticate", shown).status_code == 400

    with acting(BY):
        for one in Authenticator.objects.filter(user=user):
            one.delete()
    assert fresh.send(f"{ALLAUTH}/auth/session", method="delete").status_code == 401
    assert fresh.sign_in(user, "荷花-出淤泥不染-2027").status_code == 200
    assert fresh.get(menu).status_code == 200
    fresh.send(f"{ALLAUTH}/auth/session", method="delete")
    assert Device.objects.filter(user=user, ended_at=None).count() == 0
    assert not Change.objects.filter(actor="").exists()


def test_a_token_notes_its_use_in_autocommit() -> None:
    hospital = factories.hospital()
    tokens.register_scope(tokens.Scope("test.menu", "测试", (("GET", "menu"),)))
    try:
        with acting(BY):
            token, text = tokens.create(hospital, "巡检", ["test.menu"], 1, by=BY)
        browser = Browser()
        answer = browser.get(f"/api/v1/h/{hospital.slug}/menu", Authorization=f"Bearer {text}")
        assert answer.status_code == 200
        token.refresh_from_db()
        assert token.last_used_at is not None
    finally:
        tokens._scopes.pop("test.menu")
