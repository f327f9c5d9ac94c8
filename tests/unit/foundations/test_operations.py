"""What docs/operations, the README and deploy/ name exists in the code, and every setting is named there."""

import re
from pathlib import Path

import pytest

from core.settings.values import Values
from tests.unit.foundations.code import ROOT

PAGES = sorted([*(ROOT / "docs" / "operations").glob("*.md"), ROOT / "README.md", ROOT / "docs" / "house.md"])
PLACES = ("core", "scripts", "search", "plugins", "tests")
COMMANDS = {
    path.stem: path.read_text(encoding="utf-8")
    for room in ("core", "search", "plugins")
    for path in (ROOT / room).rglob("management/commands/*.py")
    if path.stem != "__init__"
}
DJANGO = {"migrate", "check", "shell", "collectstatic"}
#: `manage.py x y`, `bin/qinglian x y`, and lines of cli.md that begin with a command.
CALLED = re.compile(r"(?:manage\.py|bin/qinglian) +([a-z]+)(?: +([a-z][a-z-]+))?")


def settings() -> dict[str, str]:
    """Variable → default as text, from the code."""
    return {f"QINGLIAN_{name.upper()}": str(field.default) for name, field in Values.model_fields.items()}


def test_the_settings_page_has_every_setting_once_and_no_other() -> None:
    text = (ROOT / "docs" / "operations" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(QINGLIAN_\w+)` \|", text, re.M)
    assert sorted(rows) == sorted(settings())


@pytest.mark.parametrize(
    "page", [path for path in PAGES if path.name != "cli.md"], ids=lambda path: path.name
)
def test_numbers_given_as_defaults_are_the_defaults(page: Path) -> None:
    """Where a table row is of one variable and says a plain number as its default, it is that number."""
    known = settings()
    lines = page.read_text(encoding="utf-8").splitlines()
    for line in (one for one in lines if one.startswith("| `QINGLIAN_")):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"QINGLIAN_\w+", cells[0])
        for cell in cells[1:]:
            if len(names) == 1 and re.fullmatch(r"\d+", cell):
                assert known[names[0]].removesuffix(".0") == cell, line


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "deploy" / "qinglian.env.example"], ids=lambda path: path.name
)
def test_every_variable_that_is_named_is_read_somewhere(page: Path) -> None:
    named = set(re.findall(r"QINGLIAN_[A-Z][A-Z_]*[A-Z]", page.read_text(encoding="utf-8"))) - set(settings())
    if not named:
        return
    code = "".join(
        path.read_text(encoding="utf-8")
        for place in PLACES
        for path in (ROOT / place).rglob("*.py")
        if path != Path(__file__)
    )
    assert [name for name in sorted(named) if f'"{name}' not in code] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_and_target_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"(?:^|`| )make +([a-z][a-z-]*)", text.replace("git make python3", ""), re.M))
    assert named - targets == set()
    called = CALLED.findall(text)
    if page.name == "cli.md":
        blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
        for line in "".join(blocks).splitlines():
            if begin := re.match(r"([a-z]+) +([a-z][a-z-]+)", line):
                called.append((begin[1], begin[2]))
    for command, verb in called:
        assert command in COMMANDS or command in DJANGO, f"{page.name}: manage.py {command}"
        if verb and command in COMMANDS:
            assert re.search(rf'["\']{verb}["\']', COMMANDS[command]), f"{page.name}: {command} {verb}"
