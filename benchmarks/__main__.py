"""`make bench [DATA=folder]`: runs each module in a process of its own (so that peak memory is its own) and prints one table.

A module is run as `python -m benchmarks.<name>` with the arguments below and prints rows with `benchmarks.row`; other lines pass through.
It fails the bench by a row that is not ok, by its exit code, or by printing no row.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Module below `benchmarks` → title and arguments. `{planted}` is the folder named on the command line or its folder
#: `planted`, whichever holds truth.csv; a module that asks for it runs only when a folder is named.
MODULES: dict[str, tuple[str, list[str]]] = {
    "warning.engine": ("规则与手写 SQL 之比，两千万行", ["--lines", "20000000"]),
    "warning.planted": ("预警：埋设的问题", ["{planted}"]),
    "lake.planted": ("数据导入：埋设的三家医院", ["{planted}"]),
    "gateway": ("列表：十万行中的五十行", []),
    "pages": ("页面列表：二十页，与 Wagtail 自带接口相比", []),
    "search": ("检索：保存到可查，空闲五分钟之后", []),
    "jobs": ("后台作业：随时杀死也不丢不重", []),
    "roster": ("入户：科室、1,420 名人员、360 名党员从名册到生效", []),
    "load": ("三分钟，每秒三十次，旁边有导入与重建索引；SQLite", []),
    "load.servers": ("十分钟，每秒六十次；PostgreSQL 与 Redis", []),
    "first_load": ("页面大小，gzip", []),
    "up": ("从零启动，预警页面，页上数值由 pandas 另算", []),
}


def main(arguments: list[str]) -> int:
    """Run all, or those named with `--only a,b`. 1 if a figure misses its limit or a module fails."""
    only = arguments[arguments.index("--only") + 1].split(",") if "--only" in arguments else list(MODULES)
    data = next((Path(one).resolve() for one in arguments if Path(one).is_dir()), None)
    bad = 0
    for name in only:
        title, wanted = MODULES.get(name, (name, []))
        if data is None and any("{" in one for one in wanted):
            print(f"\n== {title}：未给出 DATA=文件夹，没有运行 ==")
            continue
        print(f"\n== {title}（benchmarks.{name}）==", flush=True)
        bad += _run(name, [_fill(one, data) for one in wanted])
    print(f"\n{'都在限度之内' if not bad else f'{bad} 处不在限度之内'}")
    return 1 if bad else 0


def _fill(argument: str, data: Path | None) -> str:
    if data is None:
        return argument
    planted = data if (data / "truth.csv").exists() else data / "planted"
    return argument.format(planted=planted)


def _run(name: str, arguments: list[str]) -> int:
    if not _exists(f"benchmarks.{name}"):
        print("  没有这一项测量")
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="qinglian-bench-") as home:
        env = {**os.environ, "QINGLIAN_HOME": home, "PYTHONPATH": str(ROOT)}
        env.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.embedded")
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
        with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            rows = []
            for line in child.stdout:
                if line.startswith("ROW\t"):
                    rows.append(line.rstrip("\n").split("\t")[1:])
                else:
                    print("  " + line, end="", flush=True)
    if rows:
        _draw(rows)
    else:
        print("  没有得出数值")
    print(f"  （{time.monotonic() - began:.0f} 秒）")
    missed = sum(one[3] == "no" for one in rows)
    return missed or int(bool(child.returncode) or not rows)


def _exists(module: str) -> bool:
    """A module file, or a package that can be run."""
    try:
        found = importlib.util.find_spec(module)
        if found is not None and found.submodule_search_locations is not None:
            found = importlib.util.find_spec(module + ".__main__")
    except ModuleNotFoundError:
        return False
    return found is not None


def _draw(rows: list[list[str]]) -> None:
    words = {"yes": "符合", "no": "不符合", "-": ""}
    table = [["测量", "数值", "限度", ""], *([*one[:3], words[one[3]]] for one in rows)]
    widths = [max(_width(one[column]) for one in table) for column in range(4)]
    for one in table:
        print(
            "  " + "  ".join(text + " " * (widths[n] - _width(text)) for n, text in enumerate(one)).rstrip()
        )


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
