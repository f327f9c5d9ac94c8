"""Rules that hold over the whole code: the raw manager, no floats for money, plugins import the contract, known codes."""

import ast
import importlib
import sys
from pathlib import Path

from core.kernel.errors import CATALOGUE
from tests.unit.foundations.code import ROOT, modules

ALLOWED = ROOT / "tests" / "unit" / "unscoped_allowed.txt"

#: Files in domain folders where floating point is meant, and why. Amounts never pass through them as floats.
FLOATS = {
    "core/cms/domain/rankings.py": "lengths of bars in a drawing; the table beside it has the frozen texts",
    "plugins/warning/domain/statistics.py": "medians, deviations and CUSUM are real numbers, rounded to 9 digits",
    "plugins/warning/domain/evaluate.py": "compares such statistics with bands",
    "plugins/warning/domain/measured.py": "feeds the statistics",
    "plugins/warning/domain/measures.py": "a divisor of an NHS measure definition",
    "plugins/warning/domain/compile.py": "the share of a supply that is left, compared with a share",
    "plugins/warning/domain/tuning.py": "a parameter of a rule file is a YAML number; sums and prices are not parameters",
    "plugins/warning/domain/wording.py": "writes a statistic of 9 significant digits as text",
}

#: Files that need real time whatever a test says the clock is, and why.
REAL_TIME = {
    "core/kernel/clock.py": "is the clock",
    "core/audit/sealer.py": "the sealer's lease is real time",
    "core/audit/verify.py": "the age of unsealed rows is real time",
}


def _allowed() -> dict[str, str]:
    lines = [line.strip() for line in ALLOWED.read_text(encoding="utf-8").splitlines()]
    pairs = [line.split(" – ", 1) for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 and len(pair[1]) >= 10 for pair in pairs), "each line: file – reason"
    return {pair[0]: pair[1] for pair in pairs}


def test_the_raw_manager_is_named_only_where_it_was_reviewed() -> None:
    users = {
        name
        for name, tree in modules("core/**/*.py", "plugins/**/*.py", "search/**/*.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"unscoped", "_base_manager", "_default_manager"}
    }
    assert sorted(users - set(_allowed())) == [], (
        "new users of `unscoped`: use `objects`, or review and list them"
    )
    assert sorted(set(_allowed()) - users) == [], "listed, but no longer needed"


def test_no_floats_in_domain_code() -> None:
    users = {
        name
        for name, tree in modules(
            "core/*/domain/**/*.py", "core/*/domain.py", "plugins/*/domain/**/*.py", "core/kernel/money.py"
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    }
    assert users == set(FLOATS)


def test_plugins_import_the_contract_their_own_modules_and_installed_libraries() -> None:
    wrong = []
    libraries = set(sys.stdlib_module_names)
    for name, tree in modules("plugins/**/*.py"):
        own = ".".join(Path(name).parts[:2])
        for module in _imported(tree, name):
            top = module.split(".")[0]
            if top in ("core", "plugins", "search", "tests", "scripts", "benchmarks"):
                if not (_is_below(module, "core.plugin_api") or _is_below(module, own)):
                    wrong.append((name, module))
            elif top not in libraries:
                importlib.import_module(top)
    assert wrong == []


def test_no_module_reaches_another_by_its_name_in_a_string() -> None:
    """`import_module("core.x")` would pass by the import rule."""
    wrong = [
        (name, node.lineno)
        for name, tree in modules("plugins/**/*.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__", "find_spec")
    ]
    assert wrong == []


def test_core_never_names_a_plugin_in_an_import() -> None:
    wrong = [
        (name, module)
        for name, tree in modules("core/**/*.py", "search/**/*.py")
        for module in _imported(tree, name)
        if _is_below(module, "plugins")
    ]
    assert wrong == []


def test_every_code_of_a_problem_is_in_the_catalogue_and_used() -> None:
    used = set()
    for _, tree in modules("core/**/*.py", "plugins/**/*.py"):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).split(".")[-1] == "Problem"
                and node.args
            ):
                used |= {
                    c.value
                    for c in ast.walk(node.args[0])
                    if isinstance(c, ast.Constant) and isinstance(c.value, str)
                }
    assert sorted(used - set(CATALOGUE)) == []
    assert sorted(set(CATALOGUE) - used) == []


def test_no_clock_but_the_one_that_tests_turn() -> None:
    wrong = []
    for name, tree in modules("core/**/*.py", "plugins/**/*.py"):
        if name in REAL_TIME:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in (
                    "datetime.now",
                    "date.today",
                    "datetime.utcnow",
                    "timezone.now",
                    "datetime.datetime.now",
                ):
                    wrong.append(f"{name}:{node.lineno} {called}")
    assert wrong == []


def _imported(tree: ast.Module, name: str) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(Path(name).parts[: -node.level]) if node.level else []
            found.append(".".join([*base, node.module] if node.module else base))
    return found


def _is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")
