"""The folder of wheels is looked at before pip is let loose on it: a wrong or damaged one is named with the cure."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import environment, wheels
from scripts.say import Stop

pytestmark = pytest.mark.once


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder as `make wheels` leaves it, with one file; `changes` go into wheels.json."""

    def make(**changes: Any) -> Path:
        content = b"a wheel"
        (tmp_path / "one-1.0-py3-none-any.whl").write_bytes(content)
        about = {**wheels.made_for(), "pins": wheels.pins()}
        about["files"] = {"one-1.0-py3-none-any.whl": hashlib.sha256(content).hexdigest()}
        (tmp_path / "wheels.json").write_text(json.dumps({**about, **changes}))
        return tmp_path

    return make


def test_a_sound_folder_is_all_that_pip_may_look_at(
    folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder()
    monkeypatch.setenv("QINGLIAN_WHEELS", str(place))
    assert environment._from_folder() == ["--no-index", "--find-links", place]
    monkeypatch.setenv("QINGLIAN_WHEELS", "")
    assert environment._from_folder() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python": "3.9"}, "Python 版本是 3.9"),
        ({"machine": "linux-aarch64 glibc"}, "机器种类是 linux-aarch64 glibc"),
        ({"pins": "0" * 64}, "另一版代码"),
        ({"files": {"one-1.0-py3-none-any.whl": "0" * 64}}, "one-1.0-py3-none-any.whl 缺失或拷贝时损坏"),
        ({"files": {"two-1.0-py3-none-any.whl": "0" * 64}}, "two-1.0-py3-none-any.whl 缺失或拷贝时损坏"),
    ],
)
def test_a_folder_that_does_not_fit_is_named_before_anything_is_installed(
    folder: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(Stop, match=said):
        wheels.check(folder(**changes))


def test_a_folder_that_is_none_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stop, match="make wheels TO="):
        wheels.check(tmp_path)
    for text in ("[]", "{}", '{"files": 3}', "cut"):
        (tmp_path / "wheels.json").write_text(text)
        with pytest.raises(Stop, match="make wheels TO="):
            wheels.check(tmp_path)
    monkeypatch.setenv("QINGLIAN_WHEELS", str(tmp_path / "absent"))
    with pytest.raises(Stop, match="没有找到安装包文件夹"):
        environment._from_folder()
