"""`make bench [DATA=folder]`: runs each module in a process of its own (so that peak memory is its own) and prints one table.

A module is run as `python -m benchmarks.<name>` with the arguments below and prints rows with `benchmarks.row`; other lines pass through.
It fails the bench by a row that is not ok or by its exit code.
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
#: Module below `benchmarks` → title and arguments. `{data}` is the folder named on the command line, `{planted}` that or its
#: folder `planted`, whichever holds truth.csv; a module that asks for one of them runs only when a folder is named.
MODULES: dict[str, tuple[str, list[str]]] = {
    "warning.engine": ("规则与手写 SQL 之比，两千万行", ["--lines", "20000000"]),
    "warning.planted": ("预警：埋设的问题", ["{planted}"]),
    "lake": ("数据导入", ["{data}"]),
    "gateway": ("列表网关", []),
    "jobs": ("后台作业", []),
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
    return argument.format(data=data, planted=planted)


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
    print(f"  （{time.monotonic() - began:.0f} 秒）")
    return sum(one[3] == "no" for one in rows) + (
        1 if child.returncode and all(r[3] != "no" for r in rows) else 0
    )


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
