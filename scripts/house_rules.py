"""Rules of the house that no tool knows: layers inside a room, no model in the kernel, nothing of one machine in the files."""

import ast
import re
import subprocess
from pathlib import Path

from scripts.environment import ROOT

LONG = 500
#: Paths and hosts that only one machine or one network has. Split, so that this file does not find itself.
FOREIGN = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:work|root|mnt|opt/wheels)/" + r"[\w.]",
            r"\.\./" + "shared",
            r"\.pyenv" + "/",
            "pypi" + r"\.org|python" + r"hosted\.org|registry\.npm" + r"js|npm" + "mirror",
            "repo1?" + r"\.maven\.|proxy\.go" + r"lang|deb\.deb" + "ian",
        )
    )
)
#: What the same room's lower part must not import.
ABOVE = {"models": ("domain", "interfaces", "api", "admin"), "domain": ("interfaces", "api", "admin")}


def check() -> tuple[int, str]:
    """Exit code and findings, errors first; a long file is only a warning."""
    errors, warnings = [], []
    for path in _files():
        name = path.relative_to(ROOT).as_posix()
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        lines = text.splitlines()
        errors += [f"{name}:{n}: 含有某台机器的路径或某个网络的地址" for n, line in _foreign(name, lines)]
        if path.suffix == ".py":
            try:
                errors += _layers(name, text)
            except SyntaxError as error:
                errors.append(f"{name}:{error.lineno}: 这台机器的 Python 读不懂：{error.msg}")
        if len(lines) > LONG and _ours(name):
            warnings.append(f"{name}: {len(lines)} 行，超过 {LONG} 行（提醒）")
    return (1 if errors else 0), "\n".join(errors + warnings)


def _files() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def _foreign(name: str, lines: list[str]) -> list[tuple[int, str]]:
    return [(n, line) for n, line in enumerate(lines, 1) if len(line) < 20_000 and FOREIGN.search(line)]


def _ours(name: str) -> bool:
    if (
        name.startswith(("site/dist/", "tests/upgrade/"))
        or "/migrations/" in name
        or "lock" in name.rpartition("/")[2]
    ):
        return False
    return name.endswith((".py", ".ts", ".vue", ".css", ".js", ".html"))


def _layers(name: str, text: str) -> list[str]:
    parts = name.removesuffix(".py").split("/")
    if parts[0] not in {"core", "plugins"} or len(parts) < 3:
        return []
    room, part = ".".join(parts[:2]), parts[2].split(".")[0]
    found = []
    for line, module in _imports(text, parts):
        if room == "core.kernel" and module in {"django.db.models.Model", "django.db.models.Manager"}:
            found.append(f"{name}:{line}: kernel 里不放 Django 模型（{module}）")
        for above in ABOVE.get(part, ()):
            if module == f"{room}.{above}" or module.startswith(f"{room}.{above}."):
                found.append(
                    f"{name}:{line}: {part} 不应导入 {module}（顺序是 models ← domain ← interfaces）"
                )
    return found


def _imports(text: str, parts: list[str]) -> list[tuple[int, str]]:
    """Line and full name of everything imported, relative imports resolved."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = parts[: -node.level] if node.level else []
            base = ".".join([*package, node.module] if node.module else package)
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return found
