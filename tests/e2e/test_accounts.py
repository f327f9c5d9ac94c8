"""Accounts in a real browser: a passkey of Chromium's virtual authenticator, a code from an administrator, a lost device.

Spoken through the API from within the page, so that cookies, CSRF and the browser's own checks of a passkey are real.
Passkeys need a name: the site is opened as `localhost`, where browsers allow them without HTTPS.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.browser import new_context
from tests.support.live import Live

pytestmark = pytest.mark.e2e

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}

ASK = """async ([method, path, body]) => {
  const session = await (await fetch('/api/v1/session')).json();
  const answer = await fetch(path, {
    method,
    headers: {'Content-Type': 'application/json', 'X-CSRFToken': session.csrf},
    body: method === 'GET' ? undefined : JSON.stringify(body ?? {}),
  });
  const text = await answer.text();
  return {status: answer.status, body: text ? JSON.parse(text) : null};
}"""

MAKE = """async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({publicKey})).toJSON();
}"""

PROVE = """async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({publicKey})).toJSON();
}"""

ALLAUTH = "/_allauth/browser/v1"
KEYS = f"{ALLAUTH}/account/authenticators/webauthn"


@pytest.fixture
def open_local(browser: Any, live: Live) -> Iterator[Callable[[], Page]]:
    """A fresh profile on the sign-in page under the name `localhost`."""
    opened = []

    def make() -> Page:
        context = new_context(browser, base_url=live.url.replace("127.0.0.1", "localhost"))
        opened.append(context)
        page = context.new_page()
        page.goto("/sign-in")
        return page

    yield make
    for context in opened:
        context.close()


def ask(page: Page, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON of a request that the page itself sends."""
    found = page.evaluate(ASK, [method, path, body])
    return found["status"], found["body"]


def sign_in(page: Page, live: Live, role: str) -> int:
    """The password step; 200, or 401 where a second factor is awaited."""
    account = live.account(role, "binjiang")
    body = {"username": account["username"], "password": account["password"]}
    return ask(page, "POST", f"{ALLAUTH}/auth/login", body)[0]


def test_a_passkey_signs_in_alone_and_as_second_factor(open_local: Callable[[], Page], live: Live) -> None:
    page = open_local()
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    assert sign_in(page, live, "audit_admin") == 200

    status, found = ask(page, "GET", f"{KEYS}?passwordless")
    options = found["data"]["creation_options"]["publicKey"]
    assert status == 200 and options["rp"] == {"id": "localhost", "name": "清廉"}
    made = page.evaluate(MAKE, options)
    status, found = ask(page, "POST", KEYS, {"name": "办公室电脑", "credential": made, "passwordless": True})
    assert status == 200 and found["meta"]["recovery_codes_generated"] is True, found
    _, own = ask(page, "GET", "/api/v1/me/security")
    assert [key["name"] for key in own["mfa"]["passkeys"]] == ["办公室电脑"]
    key = own["mfa"]["passkeys"][0]["id"]
    try:
        ask(page, "DELETE", f"{ALLAUTH}/auth/session")
        _, found = ask(page, "GET", f"{ALLAUTH}/auth/webauthn/login")
        proof = page.evaluate(PROVE, found["data"]["request_options"]["publicKey"])
        status, _ = ask(page, "POST", f"{ALLAUTH}/auth/webauthn/login", {"credential": proof})
        assert status == 200 and ask(page, "GET", "/api/v1/session")[1]["signed_in"] is True
        replayed, _ = ask(open_local(), "POST", f"{ALLAUTH}/auth/webauthn/login", {"credential": proof})
        assert replayed == 400, "a proof is good for its own challenge only"

        ask(page, "DELETE", f"{ALLAUTH}/auth/session")
        assert sign_in(page, live, "audit_admin") == 401, "the password alone opens nothing now"
        assert ask(page, "GET", "/api/v1/session")[1]["pending"] == ["mfa"]
        _, found = ask(page, "GET", f"{ALLAUTH}/auth/webauthn/authenticate")
        proof = page.evaluate(PROVE, found["data"]["request_options"]["publicKey"])
        status, _ = ask(page, "POST", f"{ALLAUTH}/auth/webauthn/authenticate", {"credential": proof})
        assert status == 200 and ask(page, "GET", "/api/v1/session")[1]["signed_in"] is True
    finally:
        status, _ = ask(page, "DELETE", KEYS, {"authenticators": [key]})
    assert status == 200
    ask(page, "DELETE", f"{ALLAUTH}/auth/session")
    assert sign_in(page, live, "audit_admin") == 200


def test_a_lost_device_is_signed_out_from_another(open_local: Callable[[], Page], live: Live) -> None:
    desk, lost = open_local(), open_local()
    assert [sign_in(page, live, "audit_admin") for page in (desk, lost)] == [200, 200]
    assert ask(lost, "GET", "/api/v1/h/binjiang/menu")[0] == 200
    _, own = ask(desk, "GET", "/api/v1/me/security")
    [current] = [one for one in own["devices"] if one["current"]]
    assert current["label"] == "Linux 电脑 · Chrome" and current["place"] == "服务器本机"
    assert ask(desk, "POST", "/api/v1/me/devices/sign-out-others")[0] == 200
    assert ask(lost, "GET", "/api/v1/h/binjiang/menu")[0] == 401
    assert ask(desk, "GET", "/api/v1/h/binjiang/menu")[0] == 200


def test_a_code_from_the_security_administrator_sets_a_password(
    open_local: Callable[[], Page], live: Live
) -> None:
    admin, person = open_local(), open_local()
    assert sign_in(admin, live, "security_admin") == 200
    account = live.account("correspondent", "binjiang")
    here = "/api/v1/h/binjiang/resources/accounts.account"
    _, found = ask(admin, "GET", f"{here}/rows?q={account['username']}")
    uid = found["rows"][0]["uid"]
    status, found = ask(admin, "POST", f"{here}/commands/issue_code", {"uid": uid, "values": {}})
    assert status == 200, found
    sent = {
        "username": account["username"],
        "code": found["data"]["code"],
        "new_password": account["password"] + "-again",
    }
    status, found = ask(person, "POST", "/api/v1/session/one-time", sent)
    assert status == 200 and found["signed_in"] is True and found["user"]["username"] == account["username"]
    back = {"current_password": sent["new_password"], "new_password": account["password"]}
    assert ask(person, "POST", f"{ALLAUTH}/account/password/change", back)[0] == 200
    assert ask(open_local(), "POST", "/api/v1/session/one-time", sent)[0] == 422, "a code is good once"
