"""Plugins that misbehave cost themselves only: shown by a core started in a process of its own with them installed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.plugin_host.manifest import BadManifest, read_manifest

ROOT = Path(__file__).resolve().parents[3]
DUMMIES = ROOT / "tests" / "dummy_plugins"
SOUND = (DUMMIES / "sound" / "plugin.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `tests.dummy_plugins.drive` reports."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("QINGLIAN_")}
    env |= {
        "QINGLIAN_HOME": str(tmp_path_factory.mktemp("home")),
        "DJANGO_SETTINGS_MODULE": "tests.dummy_plugins.settings",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.dummy_plugins.drive"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(
        json.loads(
            next(x for x in done.stdout.splitlines() if x.startswith("ANSWER ")).removeprefix("ANSWER ")
        )
    )


def test_the_core_starts_and_the_list_names_the_broken_manifest_and_its_fault(seen: dict[str, Any]) -> None:
    [(path, reason)] = seen["plugins"]["broken"].items()
    assert path.endswith("tests/dummy_plugins/broken/plugin.toml")
    assert any(field in reason for field in ("api", "data_class", "description", "removal"))
    listed = {row["id"]: row["enabled"] for row in seen["plugins"]["plugins"]}
    assert listed == {"warning": False, "dummy_sound": True, "dummy_exiting": True}


def test_a_hook_that_exits_costs_its_own_answer_and_the_first_page_says_so(seen: dict[str, Any]) -> None:
    assert seen["status"] == 200
    cards = {card["title"]: card["kind"] for card in seen["home"]["cards"]}
    assert cards == {"试用插件甲的卡片": "list", "“试用插件乙”暂时没有应答": "notice"}


def test_the_first_page_counts_what_it_does_not_show_and_leads_to_it(seen: dict[str, Any]) -> None:
    todo = seen["home"]["todo"]
    assert todo["n"] == 24
    assert [item["title"] for item in todo["items"]] == ["甲事3", "乙事", "甲事5"]
    assert todo["more"] == [{"n": 21, "label": "还有 21 件甲事", "href": "/h/binjiang/r/x?state=open"}]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("data_class = 1", "data_class = 9"), "data_class"),
        (('id = "dummy_sound"', 'id = "Dummy Sound"'), "id"),
        (('api = ">=1,<2"', 'api = ">=2"'), "api"),
        (("removal = ", "remove = "), "remov"),
        (('version = "0.1.0"\n', ""), "version"),
        (('name = "', "name = "), "plugin.toml"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, change: tuple[str, str], field: str
) -> None:
    file = tmp_path / "plugin.toml"
    assert change[0] in SOUND
    file.write_text(SOUND.replace(*change), encoding="utf-8")
    with pytest.raises(BadManifest, match=r"plugin\.toml") as raised:
        read_manifest(file)
    assert field in str(raised.value)


def test_reading_a_manifest_imports_nothing_of_the_plugin() -> None:
    read_manifest(DUMMIES / "sound" / "plugin.toml")
    assert "tests.dummy_plugins.sound.hooks" not in sys.modules
    assert "tests.dummy_plugins.broken.apps" not in sys.modules
