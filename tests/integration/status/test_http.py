"""Who may look, what the three forms say, and that a page through a proxy is no page of this machine."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from core.kernel.context import Actor, actor_scope
from core.testing.world import World

pytestmark = pytest.mark.django_db
LINE = re.compile(r'^qinglian_[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? -?[0-9.e+-]+$')


def client(world: World, role: str) -> Client:
    """A signed-in browser."""
    made = Client()
    with actor_scope(Actor.system("test")):
        made.force_login(world.user(role), backend="core.accounts.backends.SignIn")
    return made


def test_the_administrator_sees_parts_and_others_see_nothing(world: World) -> None:
    answer = client(world, "hospital_admin").get("/api/v1/status")
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert said["overall"] == "bad"  # no worker runs in this test
    worker = next(part for part in said["parts"] if part["key"] == "worker")
    assert (worker["state"], worker["label"]) == ("bad", "后台")
    assert worker["next_step"]
    assert client(world, "staff").get("/api/v1/status").status_code == 404
    assert Client().get("/api/v1/status").status_code == 401


def test_metrics_are_prometheus_text_for_this_machine_alone(world: World, settings: Any) -> None:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    for line in lines:
        assert line.startswith("# TYPE qinglian_") or LINE.match(line), line
    assert 'qinglian_part_state{part="worker"} 2' in lines
    assert any(line.startswith("qinglian_jobs_queued ") for line in lines)
    assert Client().get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 404
    assert Client(REMOTE_ADDR="10.0.0.9").get("/metrics").status_code == 404


def test_a_token_lets_a_collector_in_from_elsewhere_and_a_wrong_one_lets_nobody_in(
    world: World, settings: Any
) -> None:
    settings.METRICS_TOKEN = "t0ken-" * 6
    far = Client(REMOTE_ADDR="10.0.0.9")
    assert (
        far.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"}).status_code == 200
    )
    assert far.get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 404
    assert Client().get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 404


def test_the_command_says_the_same_as_the_page(world: World) -> None:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("status", "--json", stdout=out)
    assert ended.value.code == 1  # bad: no worker
    said = json.loads(out.getvalue())
    page = client(world, "hospital_admin").get("/api/v1/status").json()
    keys = [part["key"] for part in said["parts"]]
    assert keys == [part["key"] for part in page["parts"]]
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("status", stdout=out)
    assert "不正常  后台：" in out.getvalue()
    assert "下一步：" in out.getvalue()


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("get", "/api/v1/h/binjiang/home", "现在看不到"),
        ("post", "/api/v1/h/binjiang/resources/org.person/commands/any", "没有得到“已保存”的答复"),
        ("get", "/h/binjiang/feed.xml", "现在看不到"),
    ],
)
def test_a_lost_database_is_told_as_such_and_not_as_our_error(
    world: World, method: str, path: str, said: str
) -> None:
    browser = client(world, "hospital_admin")
    browser.raise_request_exception = False

    def away(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(away):
        answer = getattr(browser, method)(path)
    assert answer.status_code == 503, answer.content
    assert answer["Retry-After"] == "5"
    assert said in answer.content.decode()
    if path.startswith("/api/"):
        assert answer.json()["code"] == "unavailable"


def test_the_shell_of_the_site_and_health_need_no_database(world: World) -> None:
    def away(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        assert Client().get("/h/binjiang/").status_code == 200
        assert Client().get("/health").status_code == 503
