"""Machine tokens: what one opens, what it never opens, and how it ends."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.accounts.domain import tokens
from core.accounts.models import Device, RobotToken
from core.audit.models import Change, Event
from core.kernel import clock
from core.org.models import User
from core.testing.world import World
from tests.integration.access import running
from tests.integration.accounts.conftest import HERE, Browser

pytestmark = pytest.mark.django_db
SignedIn = Callable[..., Browser]
Make = Callable[..., User]
SCOPE = tokens.Scope("test.menu", "测试：读菜单", (("GET", "menu"), ("POST", "files")))


@pytest.fixture(autouse=True)
def _scope_of_the_test() -> Iterator[None]:
    tokens.register_scope(SCOPE)
    yield
    tokens._scopes.pop(SCOPE.code)


def _make(admin: Browser, scopes: list[str] | None = None, days: str = "90") -> tuple[str, str]:
    values = {"name": "人事系统每日同步", "scopes": scopes or [SCOPE.code], "days": days}
    answer = admin.act("create", values=values, key="accounts.token")
    assert answer.status_code == 200, answer.content
    return answer.json()["row"]["uid"], answer.json()["data"]["token"]


def _ask(token: str, path: str = f"{HERE}/menu", method: str = "get", **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {token}", **headers}
    client = Client(enforce_csrf_checks=True)
    return getattr(client, method)(path, headers=sent, content_type="application/json")


def test_a_token_opens_what_its_scope_names_without_cookie_or_page_token(signed_in: SignedIn) -> None:
    uid, token = _make(signed_in("security_admin"))
    assert token.startswith("qlr_") and len(token) > 40
    answer = _ask(token)
    assert answer.status_code == 200 and "sessionid" not in answer.cookies
    row = RobotToken.unscoped.get(uid=uid)
    assert row.last_used_at is not None and row.digest != token and token not in str(row.__dict__)
    assert _ask(token, f"{HERE}/files", "post").status_code == 422, "past the gate: only the file is missing"


def test_it_reaches_nothing_else(signed_in: SignedIn) -> None:
    """Every operation the system offers, asked with the token: 404, or 401 outside a hospital; never an answer."""
    _, token = _make(signed_in("security_admin"))
    allowed = {"GET /api/v1/h/<hospital>/menu", "POST /api/v1/h/<hospital>/files"}
    open_to_all = {"GET /api/v1/session", "GET /api/v1/hospitals"}
    wrong = []
    for operation in set(running.operations()) - allowed - open_to_all:
        method, pattern = operation.split(" ", 1)
        path = pattern.replace("<hospital>", "binjiang").replace("<uuidstr:uid>", str(Device().uid))
        for place in ("<uid>", "<n>", "<plugin>", "<token>", "<spec>", "<kind>", "<uuid:uid>"):
            path = path.replace(place, str(Device().uid))
        answer = _ask(token, path, method.lower())
        if answer.status_code not in (401, 403, 404):
            wrong.append((operation, answer.status_code))
    assert wrong == []


def test_in_another_hospital_it_is_no_token(signed_in: SignedIn) -> None:
    _, token = _make(signed_in("security_admin"))
    assert _ask(token, "/api/v1/h/yunling/menu").status_code == 401
    assert _ask(token, "/api/v1/h/no-such-hospital/menu").status_code == 401


@pytest.mark.parametrize("given", ["", "qlr_", "qlr_" + "x" * 43, "x" * 5000, "\x00", "清廉", "Basic abc"])
def test_what_is_no_token_is_refused_alike(signed_in: SignedIn, given: str) -> None:
    _make(signed_in("security_admin"))
    answer = _ask(given.encode("utf-8").decode("latin-1"))
    assert answer.status_code == 401 and answer.json()["code"] == "sign_in_required"


def test_a_token_beside_a_session_is_a_machine_and_not_the_person(signed_in: SignedIn) -> None:
    admin = signed_in("security_admin")
    assert admin.get(f"{HERE}/menu", Authorization="Bearer qlr_wrong").status_code == 401
    _, token = _make(admin)
    answer = admin.get(f"{HERE}/resources/accounts.token/rows", Authorization=f"Bearer {token}")
    assert answer.status_code == 404


def test_taken_away_it_ends_at_once(signed_in: SignedIn) -> None:
    admin = signed_in("security_admin")
    uid, token = _make(admin)
    assert _ask(token).status_code == 200
    assert admin.act("revoke", uid, key="accounts.token").status_code == 200
    assert _ask(token).status_code == 401
    again = admin.send(
        f"{HERE}/resources/accounts.token/commands/revoke", {"uid": uid, "expected_version": 2}
    )
    assert again.status_code == 409


def test_it_ends_on_its_day(signed_in: SignedIn) -> None:
    _, token = _make(signed_in("security_admin"), days="30")
    with clock.turned(clock.now() + timedelta(days=29)):
        assert _ask(token).status_code == 200
    with clock.turned(clock.now() + timedelta(days=31)):
        assert _ask(token).status_code == 401


def test_the_last_use_is_written_at_most_every_five_minutes(signed_in: SignedIn) -> None:
    uid, token = _make(signed_in("security_admin"))
    start, noted = clock.now(), []
    for minute in (0, 2, 4, 6):
        with clock.turned(start + timedelta(minutes=minute)):
            _ask(token)
        noted.append(RobotToken.unscoped.get(uid=uid).last_used_at)
    assert noted[0] == noted[1] == noted[2] != noted[3]


def test_only_the_security_administrator_makes_and_sees_tokens(signed_in: SignedIn) -> None:
    _make(signed_in("security_admin"))
    for role in ("hospital_admin", "system_admin", "audit_admin", "inspector"):
        browser = signed_in(role)
        values = {"name": "偷看", "scopes": [SCOPE.code], "days": "30"}
        assert browser.act("create", values=values, key="accounts.token").status_code == 404, role
        assert browser.get(f"{HERE}/resources/accounts.token/rows").status_code == 404, role


def test_the_text_stands_in_one_answer_only(signed_in: SignedIn) -> None:
    admin = signed_in("security_admin")
    _, token = _make(admin)
    shown = admin.get(f"{HERE}/resources/accounts.token/rows").content.decode()
    kept = [*Change.objects.values(), *Event.objects.values(), *RobotToken.unscoped.values()]
    assert token not in shown and not [one for one in kept if token in str(one)]
    digest = RobotToken.unscoped.latest("pk").digest
    assert not [one for one in Change.objects.values() if digest in str(one)]


def _run(*words: str) -> Any:
    out = StringIO()
    call_command("accounts", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_command_makes_a_token_that_works(world: World) -> None:
    made = _run("token", "--hospital", "binjiang", "--name", "巡检", "--scope", SCOPE.code, "--days", "10")
    assert _ask(made["token"]).status_code == 200
    event = Event.objects.get(kind="accounts.token.create", subject_uid=made["uid"])
    assert event.actor == "command:accounts" and made["token"] not in str(event.data)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["token", "--hospital", "meiyou", "--name", "x", "--scope", "test.menu"], "没有网址名为"),
        (["token", "--hospital", "binjiang", "--name", "x", "--scope", "root"], "请选择范围"),
        (
            ["token", "--hospital", "binjiang", "--name", "x", "--scope", "test.menu", "--days", "0"],
            "有效天数",
        ),
        (["token", "--hospital", "binjiang", "--name", " ", "--scope", "test.menu"], "必须写明用途"),
        (["code", "--username", "meiyou-zhege-ren"], "没有名为"),
        (["unlock", "--username", ""], "没有名为"),
    ],
)
def test_the_command_says_what_is_wrong(world: World, words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        _run(*words)


def test_the_command_issues_a_code_unlocks_and_signs_out(make: Make) -> None:
    user, browser = make("security_admin"), Browser()
    browser.sign_in(user)
    assert _run("devices", "--username", user.username)["devices"][0]["label"] == "Windows 电脑 · Edge"
    code = _run("code", "--username", user.username.upper())["code"]
    fresh = Browser()
    sent = {"username": user.username, "code": code, "new_password": "荷花-出淤泥不染-2027"}
    assert fresh.send("/api/v1/session/one-time", sent).json()["signed_in"] is True
    for _ in range(5):
        Browser().sign_in(user, "不是这个密码")
    assert _run("unlock", "--username", user.username)["unlocked"] is True
    assert _run("devices", "--username", user.username, "--sign-out")["signed_out"] == 1
    assert fresh.inside() == 401
