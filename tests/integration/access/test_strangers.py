"""Requests that fit nothing, and the headers that every answer carries."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.audit.models import Event
from core.files import domain as files
from core.files.models import StoredFile
from core.kernel.context import acting
from tests.integration.access.things import BY, SLUG, Things

pytestmark = pytest.mark.django_db

BASE = f"/api/v1/h/{SLUG}"


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The body, which must be a whole problem document in Chinese."""
    assert answer.status_code == status, answer.content[:300]
    assert answer["Content-Type"] == "application/problem+json"
    body = json.loads(answer.content)
    assert {"type", "code", "title", "detail", "status", "errors", "request_id"} <= set(body)
    assert (
        body["code"] == code and body["status"] == status and body["type"] == f"urn:qinglian:problem:{code}"
    )
    assert body["request_id"] == answer["X-Request-ID"]
    assert any("\u4e00" <= c <= "\u9fff" for c in body["detail"]) and not body["detail"].isascii()
    return body


def send(
    things: Things,
    path: str,
    body: bytes,
    kind: str = "application/json",
    method: str = "POST",
    role: str = "inspector",
) -> Any:
    client = things.clients[role]
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    return client.generic(method, path, body, content_type=kind, headers=headers)


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/session", f"{BASE}/nothing", f"{BASE}/home/"]
)
def test_an_unknown_path_is_a_problem_not_a_page(things: Things, path: str) -> None:
    for role in ("inspector", "anonymous"):
        problem(things.clients[role].get(path), 404, "not_found")
        problem(send(things, path, b"{}", role=role), 404, "not_found")


@pytest.mark.parametrize(
    "uid", ["0", "not-a-uid", "00000000-0000-0000-0000-000000000000", "%00", "é", "a" * 500]
)
def test_a_uid_that_is_none_is_not_found(things: Things, uid: str) -> None:
    for path in (
        f"/jobs/{uid}",
        f"/files/{uid}/content",
        f"/resources/warning.warning/rows/{uid}",
        f"/resources/{uid}",
    ):
        answer = things.clients["inspector"].get(BASE + path)
        assert answer.status_code in (404, 422), path
        assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", f"{BASE}/home"), ("PUT", f"{BASE}/resources/org.person"), ("GET", f"{BASE}/files")],
)
def test_a_wrong_method_is_a_problem_that_names_the_right_ones(
    things: Things, method: str, path: str
) -> None:
    answer = send(things, path, b"", method=method)
    problem(answer, 405, "invalid")
    assert answer["Allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"values": []}',
        b'{"values": {}, "expected_version": -1}',
        b'{"uid": 5}',
        b"[" * 100_000,
    ],
    ids=[
        "cut",
        "empty",
        "list",
        "null",
        "text",
        "not-utf8",
        "values-list",
        "version-negative",
        "uid-number",
        "deep",
    ],
)
def test_a_body_that_does_not_fit_is_told_where(things: Things, body: bytes) -> None:
    answer = send(things, f"{BASE}/resources/warning.warning/commands/assign", body)
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code, "invalid")


def test_a_body_that_is_too_large_is_refused(things: Things) -> None:
    body = json.dumps({"values": {"note": "长" * 3_000_000}}).encode()
    problem(send(things, f"{BASE}/resources/warning.warning/commands/assign", body), 413, "too_large")


@pytest.mark.parametrize(
    "query",
    [
        "where={", "where=[]", 'where={"op":"drop","args":[]}', 'where={"op":"eq","args":[{"field":"password"},{"value":"a"}]}',
        "order=nothing", "order=-hospital_id", "after=zzz", "limit=abc", "q=%00", "where=" + '{"op":"not","args":[' * 300,
    ],
)  # fmt: skip
def test_a_question_that_does_not_fit_is_told(things: Things, query: str) -> None:
    answer = things.clients["inspector"].get(f"{BASE}/resources/warning.warning/rows?{query}")
    assert answer.status_code in (200, 400, 422), answer.content[:200]
    if not query.startswith("q="):
        problem(answer, answer.status_code, "invalid")


def test_no_filter_reaches_a_field_above_ones_class(things: Things) -> None:
    """The pharmacy sees warnings without persons: nor may it find one by asking."""
    where = '{"op":"eq","args":[{"field":"person"},{"value":"王"}]}'
    answer = things.clients["pharmacy"].get(f"{BASE}/resources/warning.warning/rows", {"where": where})
    problem(answer, 422, "invalid")


PAGES = [
    "/",
    "/sign-in",
    "/h/binjiang/",
    "/health",
    "/api/v1/session",
    "/_allauth/browser/v1/config",
    "/admin/sprite/",
]


@pytest.mark.parametrize("path", [*PAGES, "/admin/", "/admin/users/", "/admin/login/", "/no/such/page"])
def test_every_answer_carries_the_strict_headers(things: Things, path: str) -> None:
    for role in ("anonymous", "platform_admin"):
        answer = things.clients[role].get(path)
        policy = answer["Content-Security-Policy"]
        rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert rules["default-src"] == rules["script-src"] == rules["style-src"] == "'self'"
        assert rules["object-src"] == rules["frame-ancestors"] == "'none'"
        assert "unsafe" not in policy and "*" not in policy and "http" not in policy
        assert answer["X-Content-Type-Options"] == "nosniff" and answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin" and answer["X-Request-ID"]


def test_nothing_lies_under_a_public_media_address(things: Things, settings: Any) -> None:
    blob = next((settings.HOME / "files").glob("??/*"))
    for path in (
        f"{settings.MEDIA_URL}{blob.name}",
        f"/files/{blob.name}",
        f"/media/{blob.name}",
        "/documents/1/a.csv",
    ):
        answer = things.clients["inspector"].get(path)
        assert blob.read_bytes() not in answer.content


def test_a_file_opens_only_to_its_class_and_the_look_is_recorded(things: Things) -> None:
    """The raw file of an import holds patients: class 3. The administrator sees the ledger line at class 2 only."""
    raw = StoredFile.unscoped.get(owner_type="lake.import", owner_uid=things.rows["lake.import"])
    path = f"{BASE}/files/{raw.uid}/content"
    before = Event.objects.filter(kind="read").count()
    assert things.clients["hospital_admin"].get(path).status_code == 404
    assert things.clients["staff"].get(path).status_code == 404
    assert Event.objects.filter(kind="read").count() == before
    opened = things.clients["pharmacy"].get(path)
    assert opened.status_code == 200 and b"".join(opened.streaming_content) == files.path(raw).read_bytes()
    assert opened["Content-Disposition"].startswith("attachment")
    seen = Event.objects.filter(kind="read").latest("id")
    assert (seen.subject_type, seen.subject_uid) == ("lake.import", str(raw.owner_uid))


def test_a_retired_file_is_gone(things: Things) -> None:
    client = things.clients["pharmacy"]
    sent = SimpleUploadedFile("a.txt", b"x")
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    made = client.post(f"{BASE}/files", {"file": sent}, headers=headers).json()
    with acting(BY):
        StoredFile.unscoped.filter(uid=made["uid"]).update(state="retired")
    problem(client.get(f"{BASE}/files/{made['uid']}/content"), 404, "not_found")
