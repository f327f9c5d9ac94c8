"""What is written of each request into the server's log: the address, never what somebody looked for."""

import io
from typing import Any

import pytest
import structlog
from django.test import Client


@pytest.mark.django_db
def test_no_question_of_anybody_lies_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.testing.capture_logs() as lines:
        Client(headers={"X-Forwarded-For": "203.0.113.9"}).get(
            "/api/v1/h/binjiang/resources/org.person/rows", {"q": "王秘密", "where": "{}"}
        )
    told: list[dict[str, Any]] = [dict(one) for one in lines]
    assert [one["event"] for one in told] == ["request_started", "request_finished"]
    assert {one["request"] for one in told} == {"GET /api/v1/h/binjiang/resources/org.person/rows"}
    out = io.StringIO()
    print(told, capsys.readouterr(), file=out)
    for text in ("王秘密", "%E7%8E%8B", "where", "203.0.113.9"):
        assert text not in out.getvalue(), text
