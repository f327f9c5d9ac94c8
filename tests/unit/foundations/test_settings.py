"""Wrong settings refuse to start and name themselves; production is clean by Django's own check."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.foundations.code import ROOT

SOUND = {
    "DJANGO_SETTINGS_MODULE": "core.settings.production",
    "QINGLIAN_DATABASE_URL": "postgresql://q:q@127.0.0.1:1/qinglian",
    "QINGLIAN_REDIS_URL": "redis://127.0.0.1:1/0",
    "QINGLIAN_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "QINGLIAN_HOSTS": "qinglian.example",
}


def manage(home: Path, *words: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with exactly these settings."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("QINGLIAN_", "DJANGO_"))}
    env |= {"QINGLIAN_HOME": str(home), **given}
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("given", "names", "says"),
    [
        ({"QINGLIAN_PORT": "99999"}, "QINGLIAN_PORT", "不能大于 65535"),
        ({"QINGLIAN_PORT": "web"}, "QINGLIAN_PORT", "应是整数"),
        ({"QINGLIAN_WORKERS": "0"}, "QINGLIAN_WORKERS", "不能小于 1"),
        ({"QINGLIAN_HTTPS": "maybe"}, "QINGLIAN_HTTPS", "应是 true 或 false"),
        ({"QINGLIAN_LOG_LEVEL": "loud"}, "QINGLIAN_LOG_LEVEL", "之一"),
        ({"QINGLIAN_DATABASE_URL": "mysql://a/b"}, "QINGLIAN_DATABASE_URL", "postgresql://"),
        ({"QINGLIAN_DATABASE_URL": "postgresql://a:port/b"}, "QINGLIAN_DATABASE_URL", "端口"),
        ({"QINGLIAN_REDIS_URL": "http://a"}, "QINGLIAN_REDIS_URL", "redis://"),
        ({"QINGLIAN_SECRET_KEY": "short"}, "QINGLIAN_SECRET_KEY", "至少 40 个字符"),
        (SOUND | {"QINGLIAN_SECRET_KEY": ""}, "QINGLIAN_SECRET_KEY", "必须设置"),
        (SOUND | {"QINGLIAN_DATABASE_URL": ""}, "QINGLIAN_DATABASE_URL", "必须设置"),
        (SOUND | {"QINGLIAN_REDIS_URL": ""}, "QINGLIAN_REDIS_URL", "必须设置"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_setting_refuses_to_start_and_is_named(
    tmp_path: Path, given: dict[str, str], names: str, says: str
) -> None:
    done = manage(tmp_path, "check", **given)
    assert done.returncode != 0
    assert names in done.stderr and says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and "should be" not in done.stderr


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = manage(tmp_path / "file" / "home", "check")
    assert done.returncode != 0 and "QINGLIAN_HOME" in done.stderr and "Traceback" not in done.stderr


def test_production_settings_pass_djangos_deployment_check(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **SOUND)
    assert done.returncode == 0, done.stderr
    assert "0 silenced" in done.stdout + done.stderr


def test_the_data_folder_and_its_key_are_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert manage(home, "check").returncode == 0
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "keys" / "secret_key").stat().st_mode & 0o077 == 0
