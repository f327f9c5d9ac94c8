"""Plugins that cannot be imported are put aside: the core, its commands and its web process start without them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.plugin_host import lock
from core.plugin_host.discover import survey
from scripts.stack import Stack, free_port

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[3]
SOUND = ROOT / "tests" / "dummy_plugins" / "sound"
SETTINGS = "tests.dummy_plugins.bad_settings"
LIMIT = 40  # seconds: a sound plugin needs four on an idle machine


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A data folder and address under the settings that install the bad plugins."""
    extra = dict.fromkeys(("QINGLIAN_DATABASE_URL", "QINGLIAN_REDIS_URL"), "")
    extra |= {"DJANGO_SETTINGS_MODULE": SETTINGS, "QINGLIAN_PLUGIN_CHECKSUMS": "true"}
    made = Stack(tmp_path_factory.mktemp("home"), free_port(), extra=extra, python=Path(sys.executable))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def examined(stack: Stack) -> dict[str, Any]:
    """What the doctor says, by plugin id."""
    done = stack.manage("plugins", "doctor", "--json", "--limit", str(LIMIT))
    assert done.returncode == 0, done.stderr
    return {one["id"]: one for one in json.loads(done.stdout.splitlines()[-1])["plugins"]}


@pytest.fixture(scope="module")
def seen(stack: Stack, examined: dict[str, Any]) -> dict[str, Any]:
    """What a person sees of a core that runs with the bad plugins installed."""
    command = [sys.executable, "-m", "tests.dummy_plugins.drive"]
    done = subprocess.run(command, cwd=ROOT, env=stack.env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(x for x in done.stdout.splitlines() if x.startswith("ANSWER "))
    return dict(json.loads(line.removeprefix("ANSWER ")))


def test_each_bad_plugin_is_quarantined_with_its_reason_in_the_lock(
    stack: Stack, examined: dict[str, Any]
) -> None:
    verdicts = {code: one["verdict"] for code, one in examined.items()}
    assert verdicts == {
        "dummy_exiting": "ok",  # exits when asked, not when imported
        "dummy_hanging": "quarantined",
        "dummy_leaving": "quarantined",
        "dummy_raising": "quarantined",
        "dummy_sound": "ok",
    }
    assert "a_module_that_nobody_has" in examined["dummy_raising"]["reason"]
    assert "SystemExit" in examined["dummy_leaving"]["reason"]
    assert f"{LIMIT} 秒" in examined["dummy_hanging"]["reason"]
    kept = json.loads((stack.home / "plugins.lock").read_text(encoding="utf-8"))
    assert {one["id"]: one for one in kept["plugins"]} == examined
    assert all(len(one["checksum"]) == 64 and one["version"] == "0.1.0" for one in examined.values())
    assert [path.name for path in stack.home.glob(".plugins.lock*")] == []


def test_commands_start_and_say_what_was_left_out(stack: Stack, examined: dict[str, Any]) -> None:
    done = stack.manage("check")
    assert done.returncode == 0, done.stderr
    for name in ("坏插件甲", "坏插件乙", "坏插件丙"):
        assert name in done.stderr


def test_the_page_and_the_list_name_them_with_reason_and_cure(seen: dict[str, Any]) -> None:
    shown = {one["id"]: one for one in seen["page"]}
    assert shown["dummy_sound"]["state"] == "enabled"
    for code in ("dummy_raising", "dummy_leaving", "dummy_hanging"):
        one = shown[code]
        assert (one["state"], one["enabled"]) == ("quarantined", False)
        assert one["reason"] in one["description"]
        assert "plugins doctor" in one["cure"]
    assert seen["refused"]["status"] == 409
    assert "已被隔离" in seen["refused"]["detail"]
    held = {one["id"] for one in seen["plugins"]["quarantined"]}
    assert held == {"dummy_raising", "dummy_leaving", "dummy_hanging"}


def test_web_and_worker_start(stack: Stack, seen: dict[str, Any]) -> None:
    stack.start()
    assert stack.health() == 200


def _copied(folder: Path, code: str = "dummy_sound") -> Path:
    """A folder of plugins that holds a copy of the sound one."""
    shutil.copytree(SOUND, folder / "sound")
    toml = folder / "sound" / "plugin.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("dummy_sound", code), encoding="utf-8")
    return folder


def test_a_changed_file_is_refused_only_where_checksums_are_asked_for(tmp_path: Path) -> None:
    folders, home = [_copied(tmp_path / "plugins")], tmp_path
    lock.write(home, [lock.standing(one) for one in survey(folders).sound.values()], "now")
    assert lock.standings(folders, home, checksums=True)["dummy_sound"].usable
    (folders[0] / "sound" / "hooks.py").write_text("x = 1\n", encoding="utf-8")
    assert lock.standings(folders, home, checksums=False)["dummy_sound"].usable
    refused = lock.standings(folders, home, checksums=True)["dummy_sound"]
    assert not refused.usable
    assert "改动" in refused.reason
    assert "plugins doctor" in refused.cure


def test_settings_follow_the_lock_alone(tmp_path: Path) -> None:
    folders = [_copied(tmp_path / "plugins")]
    assert lock.standings(folders, tmp_path, checksums=False)["dummy_sound"].usable  # no lock: development
    assert not lock.standings(folders, tmp_path, checksums=True)["dummy_sound"].usable  # nobody examined it
    lock.write(tmp_path, [], "now")
    assert lock.standings(folders, tmp_path, checksums=False) == {}
    assert [one.id for one in lock.unexamined(folders, [])] == ["dummy_sound"]
    (tmp_path / lock.NAME).write_text("{", encoding="utf-8")
    assert (
        lock.standings(folders, tmp_path, checksums=False) == {}
    )  # damaged: nobody is trusted, the core starts


def test_an_installed_package_is_found_by_its_entry_point_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, about = tmp_path / "outsider_pkg", tmp_path / "outsider_pkg-1.0.dist-info"
    shutil.copytree(SOUND, package)
    toml = (SOUND / "plugin.toml").read_text(encoding="utf-8")
    toml = toml.replace("dummy_sound", "outsider").replace("tests.dummy_plugins.sound", "outsider_pkg")
    (package / "plugin.toml").write_text(toml, encoding="utf-8")
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n", encoding="utf-8")
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider-pkg\nVersion: 1.0\n")
    lines = "[qinglian.plugins]\noutsider = outsider_pkg\ngone = nowhere_at_all\n"
    (about / "entry_points.txt").write_text(lines)
    monkeypatch.syspath_prepend(str(tmp_path))
    for record in (
        "outsider_pkg/plugin.toml,,\n",
        "",
    ):  # installed; then for editing, without a list of files
        (about / "RECORD").write_text(record)
        found = survey([])
        assert found.sound["outsider"].folder == package
        [(place, reason)] = found.broken.items()
        assert "gone" in place
        assert "plugin.toml" in reason
    assert "outsider_pkg" not in sys.modules


def test_two_plugins_of_one_id_are_told_apart(tmp_path: Path) -> None:
    found = survey([_copied(tmp_path / "a"), _copied(tmp_path / "b")])
    assert found.sound["dummy_sound"].folder == tmp_path / "a" / "sound"
    assert "dummy_sound" in next(iter(found.broken.values()))
