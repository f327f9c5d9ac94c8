"""The child of `plugins doctor`: starts the core with the named plugins and writes what went wrong into a file.

`python -m core.plugin_host.trial FILE JUDGED PLUGIN…`; the file is written in every case except a killed process.
"""

import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from core.plugin_host.lock import AGAIN
from core.plugin_host.manifest import Manifest


def main(file: str, judged: str, plugins: list[str]) -> None:
    """Boot and tell; ends without waiting for threads that a plugin may have left."""
    from core.settings import plugins as chosen

    chosen.only = frozenset(plugins)
    stage = ["导入"]
    answer = {"reason": "", "cure": ""}
    try:
        _boot(judged, stage)
    except BaseException as error:  # SystemExit and the like included: that is what is being looked for
        answer = _say(stage[0], error, judged)
    Path(file).write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)


class Unsound(Exception):
    """Something is missing that the core needs of a plugin; the text is Chinese."""


def _boot(judged: str, stage: list[str]) -> None:
    import django
    from django.conf import settings

    from core.plugin_host.manifest import manifests

    if judged:
        import_module(next(m.package for m in _chosen() if m.id == judged))
    django.setup()
    stage[0] = "读取声明与权限"
    from core.plugin_host.start import check_policy

    check_policy()
    stage[0] = "读取网址"
    import_module(settings.ROOT_URLCONF)
    stage[0] = "系统检查"
    from django.apps import apps
    from django.core import checks

    if not judged:
        return
    package = manifests()[judged].package
    config = next(c for c in apps.get_app_configs() if c.name == package)
    errors = [e for e in checks.run_checks(app_configs=[config]) if e.level >= checks.ERROR]
    if errors:
        raise Unsound("；".join(f"{e.id}：{e.msg}" for e in errors[:3]))
    stage[0] = "检查迁移"
    _migrations(config.label)


def _chosen() -> list[Manifest]:
    from django.conf import settings

    from core.plugin_host.discover import survey

    return list(survey(settings.PLUGIN_FOLDERS).sound.values())


def _migrations(label: str) -> None:
    """The plugin's models and its migrations say the same."""
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None)
    if label not in loader.migrated_apps and not list(apps.get_app_config(label).get_models()):
        return
    found = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(
        graph=loader.graph, trim_to_apps={label}
    )
    if label in found or label not in loader.migrated_apps:
        raise Unsound("数据表的定义与迁移文件不一致，或缺少迁移文件")


def _say(stage: str, error: BaseException, judged: str) -> dict[str, str]:
    cure = f"请修好或移除这个插件。{AGAIN}"
    if isinstance(error, ModuleNotFoundError):
        said, cure = f"缺少模块 {error.name}", f"请安装这个模块，或移除这个插件。{AGAIN}"
    elif isinstance(error, SystemExit):
        said = "代码要求结束进程（SystemExit）"
    elif isinstance(error, SyntaxError):
        said = f"代码有语法错误：{error.msg}（{Path(error.filename or '').name} 第 {error.lineno} 行）"
    elif isinstance(error, Unsound):
        return {"reason": f"{stage}时发现：{error}", "cure": cure}
    else:
        said = f"{type(error).__name__}：{str(error)[:300]}"
    return {"reason": f"{stage}时出错：{said}{_place(error, judged)}", "cure": cure}


def _place(error: BaseException, judged: str) -> str:
    folders = [str(m.folder) for m in _chosen() if m.id == judged]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(frame.filename.startswith(folder) for folder in folders):
            return f"（{Path(frame.filename).name} 第 {frame.lineno} 行）"
    return ""


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
