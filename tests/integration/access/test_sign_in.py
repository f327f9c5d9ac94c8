"""Signing in with real requests through allauth and the lock-out: what works, what is refused, and how it is said."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core.audit.models import Change
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import Post, User
from core.testing import factories
from core.testing.world import World

pytestmark = pytest.mark.django_db

LOGIN = "/_allauth/browser/v1/auth/login"
SESSION = "/_allauth/browser/v1/auth/session"
CHANGE = "/_allauth/browser/v1/account/password/change"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NEW = "青莲-清风徐来-2026"


@pytest.fixture
def client() -> Client:
    """A browser on the sign-in page: it holds the token, and CSRF is enforced."""
    cache.clear()  # allauth counts changes of a password there
    made = Client(enforce_csrf_checks=True)
    made.get("/api/v1/session")
    return made


@pytest.fixture
def name(world: World) -> str:
    return world.account("inspector").username


@pytest.fixture
def password(world: World) -> str:
    return world.account("inspector").password


def send(client: Client, path: str, body: dict[str, str], method: str = "post") -> Any:
    """A JSON request with the token, as the web app sends it."""
    token = client.cookies["csrftoken"].value
    ask: Callable[..., Any] = getattr(client, method)
    return ask(path, body, content_type="application/json", headers={"X-CSRFToken": token})


def login(client: Client, username: str, password: str) -> Any:
    return send(client, LOGIN, {"username": username, "password": password})


def session(client: Client) -> dict[str, Any]:
    return client.get("/api/v1/session").json()


def test_the_right_password_opens_a_session_with_the_hospital_and_roles(
    client: Client, name: str, password: str
) -> None:
    assert session(client)["signed_in"] is False and "user" not in session(client)
    assert login(client, name, password).status_code == 200
    found = session(client)
    assert found["signed_in"] and found["user"]["username"] == name
    assert [(h["slug"], h["roles"][0]["code"]) for h in found["hospitals"]] == [("binjiang", "inspector")]
    assert found["csrf"]


def test_a_new_session_number_is_given_at_sign_in(client: Client, name: str, password: str) -> None:
    before = client.cookies.get("sessionid")
    token = client.cookies["csrftoken"].value
    login(client, name, password)
    assert client.cookies["sessionid"].value != (before.value if before else "")
    assert client.cookies["csrftoken"].value != token
    assert client.cookies["sessionid"]["httponly"] and client.cookies["sessionid"]["samesite"] == "Lax"


def test_the_name_may_be_written_in_any_case_and_width(client: Client, name: str, password: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name.upper())
    assert login(client, f" {wide} ", password).status_code == 200


def test_a_wrong_password_and_an_unknown_name_are_told_alike(client: Client, name: str) -> None:
    wrong, nobody = login(client, name, "不是这个密码"), login(client, "meiyou-zhege-ren", "不是这个密码")
    assert wrong.status_code == nobody.status_code == 400
    assert wrong.json()["errors"] == nobody.json()["errors"]
    assert CHINESE.search(wrong.json()["errors"][0]["message"])
    assert session(client)["signed_in"] is False


def test_five_failures_lock_and_no_spelling_of_the_name_is_a_way_round(
    client: Client, name: str, password: str
) -> None:
    for _ in range(4):
        assert login(client, name, "不是这个密码").status_code == 400
    locked = login(client, name, "不是这个密码")
    assert locked.status_code == 429 and locked["Content-Type"] == "application/problem+json"
    body = locked.json()
    assert body["code"] == "too_many_requests" and body["status"] == 429 and "15 分钟" in body["detail"]
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)
    for spelled in (name, name.upper(), name.title(), wide, f" {name} "):
        assert login(client, spelled, password).status_code == 429, spelled
    assert session(client)["signed_in"] is False


def test_a_lock_keeps_others_in(client: Client, world: World, name: str, password: str) -> None:
    for _ in range(5):
        login(client, name, "不是这个密码")
    assert login(client, world.account("pharmacy").username, password).status_code == 200


def test_many_people_sign_in_from_one_address(client: Client, world: World, password: str) -> None:
    """All of a hospital may come through one proxy: no count by address alone."""
    people = [account for account in world.accounts if account.hospital]
    for account in people + people:
        assert login(client, account.username, password).status_code == 200
        send(client, SESSION, {}, "delete")


def test_success_begins_the_count_anew(client: Client, name: str, password: str) -> None:
    for _ in range(4):
        login(client, name, "不是这个密码")
    assert login(client, name, password).status_code == 200
    send(client, SESSION, {}, "delete")
    for _ in range(4):
        assert login(client, name, "不是这个密码").status_code == 400


def test_without_the_token_nobody_signs_in(client: Client, name: str, password: str) -> None:
    answer = client.post(LOGIN, {"username": name, "password": password}, content_type="application/json")
    assert answer.status_code == 403 and answer.json()["code"] == "forbidden"


def test_signing_out_ends_the_session(client: Client, name: str, password: str) -> None:
    login(client, name, password)
    stolen = client.cookies["sessionid"].value
    assert send(client, SESSION, {}, "delete").status_code == 401  # allauth's success answer
    assert session(client)["signed_in"] is False
    client.cookies["sessionid"] = stolen
    assert session(client)["signed_in"] is False
    assert client.get("/api/v1/h/binjiang/home").status_code == 401


@pytest.mark.parametrize(
    ("current", "new"),
    [("不是这个密码", NEW), ("", "短密码1"), ("", "password123"), ("", "1234567890123"), ("", "{name}-1")],
    ids=["old-wrong", "short", "common", "digits", "like-the-name"],
)
def test_a_bad_change_of_password_is_refused_in_chinese(
    client: Client, name: str, password: str, current: str, new: str
) -> None:
    login(client, name, password)
    answer = send(
        client, CHANGE, {"current_password": current or password, "new_password": new.format(name=name)}
    )
    assert answer.status_code == 400
    assert [e["message"] for e in answer.json()["errors"] if not CHINESE.search(e["message"])] == []
    assert User.objects.get(username=name).check_password(password)


def test_a_changed_password_holds_and_other_sessions_end(client: Client, name: str, password: str) -> None:
    other = Client(enforce_csrf_checks=True)
    other.get("/api/v1/session")
    login(other, name, password)
    login(client, name, password)
    assert send(client, CHANGE, {"current_password": password, "new_password": NEW}).status_code == 200
    assert session(client)["signed_in"] is True and session(other)["signed_in"] is False
    assert login(other, name, password).status_code == 400
    assert login(other, name, NEW).status_code == 200


def test_signing_in_is_written_with_its_actor_and_no_hash_is_in_the_record(
    client: Client, name: str, password: str
) -> None:
    user = User.objects.get(username=name)
    login(client, name, password)
    send(client, CHANGE, {"current_password": password, "new_password": NEW})
    seen = Change.objects.filter(table="org_user").order_by("id")
    actors = set(seen.values_list("actor", flat=True))
    assert "system:sign-in" in actors and f"user:{user.uid}" in actors
    hashed = User.objects.get(username=name).password
    assert not [row for row in seen.values() if hashed in str(row)]


@pytest.mark.parametrize(
    "path", ["auth/signup", "auth/password/request", "auth/provider/signup", "account/email"]
)
def test_nobody_signs_up_or_asks_for_a_new_password(client: Client, path: str) -> None:
    answer = send(client, f"/_allauth/browser/v1/{path}", {"username": "xinren", "password": NEW})
    assert answer.status_code == 404
    assert not User.objects.filter(username="xinren").exists()


def test_an_inactive_account_stays_outside(client: Client, name: str, password: str) -> None:
    with acting(Actor.system("test")):
        User.objects.filter(username=name).update(is_active=False)
    answer = login(client, name, password)
    assert answer.status_code in (400, 401) and session(client)["signed_in"] is False


def test_an_account_closed_while_signed_in_is_out_at_once(client: Client, name: str, password: str) -> None:
    login(client, name, password)
    with acting(Actor.system("test")):
        User.objects.filter(username=name).update(is_active=False)
    assert client.get("/api/v1/h/binjiang/home").status_code == 401


def test_a_person_without_posts_signs_in_and_sees_no_hospital(client: Client, world: World) -> None:
    factories.user(username="lingren", password=NEW)
    assert login(client, "lingren", NEW).status_code == 200
    assert session(client)["hospitals"] == []
    for slug in ("binjiang", "yunling", "no-such-hospital"):
        answer = client.get(f"/api/v1/h/{slug}/home")
        assert answer.status_code == 404 and answer.json()["code"] == "not_found"


def test_a_post_that_ended_yesterday_closes_the_hospital_at_once(
    client: Client, world: World, name: str, password: str
) -> None:
    login(client, name, password)
    assert client.get("/api/v1/h/binjiang/home").status_code == 200
    user, today = world.user("inspector"), clock.today()
    with acting(Actor.system("test")):
        Post.unscoped.filter(person=user.person).update(ends_on=today)
    assert client.get("/api/v1/h/binjiang/home").status_code == 200, "the last day is a day in office"
    with acting(Actor.system("test")):
        Post.unscoped.filter(person=user.person).update(ends_on=today - timedelta(days=1))
    assert client.get("/api/v1/h/binjiang/home").status_code == 404
    assert session(client)["hospitals"] == []


def test_a_post_that_begins_tomorrow_opens_nothing_today(client: Client, world: World) -> None:
    person = factories.person()
    factories.user(person, username="mingtian", password=NEW)
    factories.post(world.hospital(), "inspector", person, starts_on=clock.today() + timedelta(days=1))
    login(client, "mingtian", NEW)
    assert session(client)["hospitals"] == []
    assert client.get("/api/v1/h/binjiang/home").status_code == 404
