"""Production settings: clean under `check --deploy`, and refusing by name what would be unsafe; units that systemd accepts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse

from core.api.proxy import ClientAddress
from core.settings.values import patience, postgresql_waits, redis_address
from scripts.environment import ROOT

GOOD = {
    "DJANGO_SETTINGS_MODULE": "core.settings.production",
    "QINGLIAN_DATABASE_URL": "postgresql://q:p@127.0.0.1/qinglian",
    "QINGLIAN_REDIS_URL": "redis://127.0.0.1:6379/0",
    "QINGLIAN_SECRET_KEY": "Zk3-Vq8_mR1-xT6_bN4-cL9_wP2-hD7_sG5-jF0_aY3-uE8_oI1-kQ6",
    "QINGLIAN_HOSTS": "qinglian.example.cn",
    "QINGLIAN_HTTPS": "true",
}
UNITS = ROOT / "deploy" / "systemd"


def check(home: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check --deploy` under these variables, any warning being a failure."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("QINGLIAN_")}
    env |= GOOD | {"QINGLIAN_HOME": str(home), "PYTHONPATH": str(ROOT)} | given
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


def test_check_deploy_is_clean(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues (0 silenced)" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("QINGLIAN_DATABASE_URL", "", "QINGLIAN_DATABASE_URL"),
        ("QINGLIAN_DATABASE_URL", "sqlite:////tmp/x.sqlite3", "SQLite 只用于试用"),
        ("QINGLIAN_REDIS_URL", "", "QINGLIAN_REDIS_URL"),
        ("QINGLIAN_SECRET_KEY", "", "QINGLIAN_SECRET_KEY"),
        ("QINGLIAN_SECRET_KEY", "a" * 60, "应是随机的"),
        ("QINGLIAN_HOSTS", "*", "不能用 *"),
    ],
)
def test_what_is_missing_or_unsafe_refuses_to_start_by_name(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    done = check(tmp_path, **{name: value})
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_example_of_the_settings_names_only_known_variables() -> None:
    from core.settings.values import Values

    names = re.findall(r"^(QINGLIAN_\w+)=", (ROOT / "deploy" / "qinglian.env.example").read_text(), re.M)
    assert len(names) >= 6
    assert {name.removeprefix("QINGLIAN_").lower() for name in names} <= set(Values.model_fields)


@pytest.mark.parametrize("unit", ["web", "worker"])
def test_systemd_accepts_the_units_and_calls_them_well_enclosed(unit: str, tmp_path: Path) -> None:
    text = (UNITS / f"qinglian-{unit}.service").read_text(encoding="utf-8")
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "Restart=always",
        "User=qinglian",
        "UMask=0077",
    ):
        assert line in text
    if shutil.which("systemd-analyze") is None:
        return  # a container without systemd: the text was read, no more can be said
    here = text.replace("/opt/qinglian/.venv/bin/python", sys.executable).replace("/opt/qinglian", str(ROOT))
    file = tmp_path / f"qinglian-{unit}.service"
    file.write_text(here.replace("EnvironmentFile=", "EnvironmentFile=-"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", file], capture_output=True, text=True
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", rated.stdout)
    assert found and float(found[1]) <= 2.0, rated.stdout[-300:]


@pytest.mark.parametrize(
    ("remote", "given", "seen"),
    [
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "6.6.6.6, 10.1.2.3", "10.1.2.3"),
        ("10.9.9.9", "10.1.2.3", "10.9.9.9"),
        ("127.0.0.1", "<script>", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_only_our_own_front_names_the_client(remote: str, given: str, seen: str) -> None:
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": remote, **({"HTTP_X_FORWARDED_FOR": given} if given else {})}
    ClientAddress(lambda asked: HttpResponse(asked.META["REMOTE_ADDR"]))(request)
    assert request.META["REMOTE_ADDR"] == seen


def test_every_wait_has_an_end() -> None:
    waits = postgresql_waits(10)
    assert waits["connect_timeout"] == 5
    assert waits["answer_seconds"] == 10
    assert "idle_in_transaction_session_timeout=20s" in str(waits["options"])
    assert "lock_timeout=10s" in str(waits["options"])
    assert patience(7) == 7
    address = redis_address("redis://:s%40cret@10.0.0.1:6380/2")
    assert address.startswith("redis://:s%40cret@10.0.0.1:6380/2?")
    assert "socket_timeout=10" in address and "socket_connect_timeout=3" in address
    assert "socket_timeout=4" in redis_address("redis://h/0?socket_timeout=4")
