"""Devices: each sign-in is one, and signing one out holds on its next request."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.accounts.backends import SignIn
from core.accounts.domain import agents, devices, duties
from core.accounts.models import Device, Standing
from core.audit.models import Change, Event
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import User
from core.testing import factories
from tests.integration.accounts.conftest import ALLAUTH, EDGE, HERE, NEW, PASSWORD, PHONE, Browser

pytestmark = pytest.mark.django_db
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (EDGE, "Windows 电脑 · Edge"),
        (PHONE, "安卓手机 · 微信"),
        (SAFARI, "iPhone 手机 · Safari"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Linux 电脑 · Firefox"),
        (
            "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
            "Windows 电脑 · Internet Explorer",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
            "Mac 电脑 · Chrome",
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
            "安卓平板 · Chrome",
        ),
        ("curl/8.0", "未知设备"),
        ("", "未知设备"),
    ],
)
def test_a_browser_is_told_in_plain_words(agent: str, said: str) -> None:
    assert agents.label(agent) == said


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1", "服务器本机"),
        ("::1", "服务器本机"),
        ("10.3.4.5", "内网 10.3.4.5"),
        ("8.8.8.8", "外网 8.8.8.8"),
        (None, ""),
        ("<script>", ""),
    ],
)
def test_a_network_is_told_in_plain_words(address: str | None, said: str) -> None:
    assert agents.place(address) == said


def _devices(browser: Browser) -> list[dict[str, Any]]:
    return list(browser.get("/api/v1/me/security").json()["devices"])


def test_each_sign_in_is_shown_with_its_device_and_the_present_one_is_marked(
    make: Callable[..., User],
) -> None:
    user = make("doctor")
    desk, phone = Browser(EDGE), Browser(PHONE, "10.9.9.9")
    desk.sign_in(user), phone.sign_in(user)
    found = _devices(desk)
    assert {(d["label"], d["place"], d["current"]) for d in found} == {
        ("Windows 电脑 · Edge", "内网 10.1.2.3", True),
        ("安卓手机 · 微信", "内网 10.9.9.9", False),
    }


def test_one_device_signed_out_is_out_on_its_next_request_and_the_other_stays(
    make: Callable[..., User],
) -> None:
    user = make("doctor")
    desk, phone = Browser(EDGE), Browser(PHONE)
    desk.sign_in(user), phone.sign_in(user)
    assert phone.inside() == 200
    [lost] = [d["id"] for d in _devices(desk) if not d["current"]]
    assert desk.send(f"/api/v1/me/devices/{lost}/sign-out").json() == {"ended": 1}
    assert phone.inside() == 401 and phone.session()["signed_in"] is False
    assert desk.inside() == 200 and len(_devices(desk)) == 1
    assert desk.send(f"/api/v1/me/devices/{lost}/sign-out").status_code == 404
    assert Event.objects.filter(kind="accounts.devices.signed_out", subject_uid=str(user.uid)).count() == 1


def test_all_others_are_signed_out(make: Callable[..., User]) -> None:
    user = make("doctor")
    desk, others = Browser(EDGE), [Browser(PHONE), Browser(SAFARI)]
    for one in (desk, *others):
        one.sign_in(user)
    assert desk.send("/api/v1/me/devices/sign-out-others").json() == {"ended": 2}
    assert [one.inside() for one in others] == [401, 401] and desk.inside() == 200


def test_another_persons_device_does_not_exist(make: Callable[..., User]) -> None:
    mine, theirs = Browser(), Browser()
    mine.sign_in(make("doctor")), theirs.sign_in(make("doctor"))
    [device] = _devices(theirs)
    assert mine.send(f"/api/v1/me/devices/{device['id']}/sign-out").status_code == 404
    assert theirs.inside() == 200


def test_an_administrator_signs_a_person_out_everywhere(
    make: Callable[..., User], signed_in: Callable[..., Browser]
) -> None:
    user, admin = make("doctor"), signed_in("security_admin")
    both = [Browser(EDGE), Browser(PHONE)]
    for one in both:
        one.sign_in(user)
    assert admin.act("sign_out_everywhere", user.uid).json()["message"] == "已退出 2 台设备。"
    assert [one.inside() for one in both] == [401, 401]
    assert Event.objects.get(kind="accounts.account.sign_out_everywhere").data["devices"] == 2
    assert both[0].sign_in(user).status_code == 200, "signed out, not shut out"


def test_signing_out_ends_the_device(make: Callable[..., User]) -> None:
    user, browser = make("doctor"), Browser()
    browser.sign_in(user)
    browser.send(f"{ALLAUTH}/auth/session", method="delete")
    assert Device.objects.get(user=user).ended_by == "own"


def test_a_new_password_ends_the_other_devices(make: Callable[..., User]) -> None:
    user = make("doctor")
    desk, phone = Browser(EDGE), Browser(PHONE)
    desk.sign_in(user), phone.sign_in(user)
    sent = {"current_password": PASSWORD, "new_password": NEW}
    assert desk.send(f"{ALLAUTH}/account/password/change", sent).status_code == 200
    assert (desk.inside(), phone.inside()) == (200, 401)
    assert set(Device.objects.filter(user=user).values_list("label", "ended_by")) == {
        ("Windows 电脑 · Edge", ""),
        ("安卓手机 · 微信", "password"),
    }
    assert desk.get("/api/v1/me/security").json()["password"]["changed_at"]


def test_a_session_without_a_device_is_no_session(make: Callable[..., User]) -> None:
    """Sessions of before devices were kept, or written into the database by hand."""
    user, browser = make("doctor"), Browser()
    browser.sign_in(user)
    with acting(Actor.system("test")):
        Device.objects.filter(user=user).delete()
    assert browser.inside() == 401


def test_a_session_cannot_borrow_another_accounts_device(make: Callable[..., User]) -> None:
    mine, theirs = Browser(), Browser()
    user = make("doctor")
    mine.sign_in(user), theirs.sign_in(make("doctor"))
    row = Session.objects.get(session_key=mine.client.cookies["sessionid"].value)
    data = row.get_decoded() | {"device": Device.objects.exclude(user=user).latest("pk").pk}
    Session.objects.filter(pk=row.pk).update(session_data=Session.objects.encode(data))
    assert mine.inside() == 401


def test_the_last_use_is_written_at_most_every_three_minutes_and_not_by_what_a_page_asks_itself(
    make: Callable[..., User],
) -> None:
    user, browser, start = make("doctor"), Browser(), clock.now()
    browser.sign_in(user)

    def writes(seconds: int, path: str = f"{HERE}/menu") -> int:
        with clock.turned(start + timedelta(seconds=seconds)), CaptureQueriesContext(connection) as seen:
            assert browser.get(path).status_code == 200
        return sum(q["sql"].startswith(("UPDATE", "INSERT", "DELETE")) for q in seen.captured_queries)

    assert writes(60) == 0
    assert writes(200, "/api/v1/session") == 0
    assert writes(200) == 1
    assert [writes(300), writes(379)] == [0, 0]
    assert writes(400) == 1
    assert not Change.objects.filter(table="accounts_device", op="U").exists(), "too busy to record"


@pytest.mark.parametrize(
    ("role", "minutes", "status"),
    [
        ("doctor", 40, 200),
        ("doctor", 242, 200),
        ("doctor", 244, 401),
        ("hospital_admin", 25, 200),
        ("hospital_admin", 34, 401),
        ("inspector", 34, 401),
    ],
)
def test_idle_for_too_long_is_signed_out_sooner_for_who_sees_more(
    make: Callable[..., User], role: str, minutes: int, status: int
) -> None:
    user, browser, start = make(role), Browser(), clock.now()
    browser.sign_in(user)
    with clock.turned(start + timedelta(minutes=minutes)):
        assert browser.inside() == status
    ended = Device.objects.get(user=user).ended_by
    assert ended == ("idle" if status == 401 else "")


def test_a_page_that_only_polls_goes_idle_and_one_in_use_does_not(make: Callable[..., User]) -> None:
    start = clock.now()
    polled, used = Browser(), Browser()
    polled.sign_in(make("hospital_admin")), used.sign_in(make("hospital_admin"))
    for minute in range(1, 36):
        with clock.turned(start + timedelta(minutes=minute)):
            polled.get("/api/v1/session")
            used.get(f"{HERE}/menu")
    with clock.turned(start + timedelta(minutes=36)):
        assert (polled.inside(), used.inside()) == (401, 200)


def test_the_record_names_the_device_and_holds_no_session_key(make: Callable[..., User]) -> None:
    user, browser = make("doctor"), Browser()
    browser.sign_in(user)
    key = browser.client.cookies["sessionid"].value
    rows = [str(row) for row in Change.objects.values()] + [str(row) for row in Event.objects.values()]
    assert any("Windows 电脑 · Edge" in row for row in rows)
    assert not [row for row in rows if key in row]


def test_wagtails_admin_is_closed_to_an_ended_device(make: Callable[..., User]) -> None:
    user, browser = make("editor"), Browser()
    browser.sign_in(user)
    with acting(Actor.system("test")):
        Device.objects.filter(user=user).update(ended_at=clock.now(), ended_by="own")
    answer = browser.get("/admin/")
    assert answer.status_code == 302 and answer["Location"].startswith("/admin/gate/")


def test_what_a_request_reads_of_an_account_is_what_the_tables_say(make: Callable[..., User]) -> None:
    """One compiled query against the same questions asked one by one, also for accounts of odd shape."""
    plain, high, old = make("doctor"), make("inspector"), make("inspector", ends_on=date(2020, 1, 1))
    coming = make("inspector", starts_on=clock.today() + timedelta(days=1))
    lone, root, closed = factories.user(), factories.user(), make("security_admin")
    with acting(Actor.system("test")):
        User.objects.filter(pk=lone.pk).update(person=None)
        User.objects.filter(pk=root.pk).update(person=None, is_superuser=True)
        User.objects.filter(pk=closed.pk).update(is_active=False)
        Standing.objects.update_or_create(user=plain, defaults={"must_change": True})
        Authenticator.objects.create(user=high, type="totp", data={"secret": ""})
        Authenticator.objects.create(user=plain, type="recovery_codes", data={})
    expected = {  # must change the password, has a factor, administers or sees class 4
        plain: (True, False, False),
        high: (False, True, True),
        old: (False, False, False),
        coming: (False, False, False),
        lone: (False, False, False),
        root: (False, False, True),
        closed: (False, False, True),
    }
    for user, said in expected.items():
        found, fresh = devices.account(user.pk), User.objects.get(pk=user.pk)
        assert (found.must_change_password, found.has_second_factor, found.is_privileged) == said
        assert {f.attname: getattr(found, f.attname) for f in User._meta.concrete_fields} == {
            f.attname: getattr(fresh, f.attname) for f in User._meta.concrete_fields
        }
        assert duties.must(found) == duties.must(fresh)
        assert found.device_seen_at is None, "no device was asked for"
        assert (SignIn().get_user(user.pk) is None) is (user == closed)
    assert devices.account(0) is None


def test_what_was_set_up_counts_from_the_next_request_on(make: Callable[..., User], settings: Any) -> None:
    """The answers come with the account of each request: none of before is left over."""
    settings.TWO_FACTORS = "required"
    user, browser = make("doctor"), Browser()
    browser.sign_in(user)
    assert browser.inside() == 200 and browser.session()["must"] == []
    with acting(Actor.system("test")):
        Standing.objects.update_or_create(user=user, defaults={"must_change": True})
    make("inspector", user=user)
    assert browser.inside() == 403 and browser.session()["must"] == ["password", "mfa"]
    with acting(Actor.system("test")):
        Standing.objects.filter(user=user).update(must_change=False)
        made = Authenticator.objects.create(user=user, type="totp", data={"secret": ""})
    assert browser.inside() == 200 and browser.session()["must"] == []
    with acting(Actor.system("test")):
        Authenticator.objects.filter(pk=made.pk).delete()
    assert browser.inside() == 403 and browser.session()["must"] == ["mfa"]
    with acting(Actor.system("test")):
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert browser.inside() == 401
