"""Compiles site/locale/**/*.po to .mo without gettext's tools; `--check` says whether the committed files are current.

Only what our catalogues use: msgid, msgid_plural, msgstr, msgstr[0], comments. Raises ValueError with file and line.
"""

import ast
import re
import struct
import sys
from pathlib import Path

from scripts.environment import ROOT
from scripts.say import run, say

FOLDER = ROOT / "site" / "locale"
_LINE = re.compile(r'(msgid_plural|msgid|msgstr(?:\[0\])?)\s+(".*")$')
#: Places in a text: %(name)s, {name}, and HTML tags. A translation has the same ones.
_PLACES = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def read(text: str, name: str = "") -> dict[str, str]:
    """msgid (with its plural after a zero byte) → msgstr."""
    found: dict[str, str] = {}
    entry: dict[str, str] = {}
    key = ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        line = line.strip()
        if line.startswith("#"):
            continue
        if match := _LINE.match(line):
            key = match[1]
            if key == "msgid":
                _keep(found, entry, f"{name}:{number}")
                entry = {}
            entry[key] = _string(match[2], f"{name}:{number}")
        elif line.startswith('"'):
            entry[key] += _string(line, f"{name}:{number}")
        elif line:
            raise ValueError(f"{name}:{number}: {line}")
    _keep(found, entry, name)
    return found


def compile_text(text: str, name: str = "") -> bytes:
    """The .mo file of a .po file: sorted, without a hash table, the same bytes every time."""
    pairs = sorted((key.encode(), value.encode()) for key, value in read(text, name).items())
    table = 7 * 4
    at = table + 16 * len(pairs)
    originals, translations, data = b"", b"", b""
    for column in (0, 1):
        for pair in pairs:
            place = struct.pack("<II", len(pair[column]), at + len(data))
            data += pair[column] + b"\0"
            if column:
                translations += place
            else:
                originals += place
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), table, table + 8 * len(pairs), 0, at)
    return head + originals + translations + data


def stale() -> list[Path]:
    """Compiled files that are missing or not what their source says."""
    return [
        path.with_suffix(".mo")
        for path in sorted(FOLDER.rglob("*.po"))
        if not path.with_suffix(".mo").exists() or path.with_suffix(".mo").read_bytes() != _compiled(path)
    ]


def main() -> int:
    """Compile, or with `--check` only compare: 1 where something is stale."""
    if "--check" in sys.argv:
        for path in stale():
            say(f"不是最新：{path.relative_to(ROOT)}；请执行 python -m scripts.catalogue")
        return 1 if stale() else 0
    for path in sorted(FOLDER.rglob("*.po")):
        path.with_suffix(".mo").write_bytes(_compiled(path))
    return 0


def _compiled(path: Path) -> bytes:
    return compile_text(path.read_text(encoding="utf-8"), path.name)


def _keep(found: dict[str, str], entry: dict[str, str], where: str) -> None:
    if "msgid" not in entry:
        return
    key, value = entry["msgid"], entry.get("msgstr", entry.get("msgstr[0]", ""))
    if not value:
        raise ValueError(f"{where}: no translation of {key!r}")
    if wrong := set(_PLACES.findall(value)) - set(_PLACES.findall(key + entry.get("msgid_plural", ""))):
        raise ValueError(f"{where}: places that the original lacks: {sorted(wrong)}")
    full = f"{key}\0{entry['msgid_plural']}" if "msgid_plural" in entry else key
    if full in found:
        raise ValueError(f"{where}: twice: {key!r}")
    found[full] = value


def _string(quoted: str, where: str) -> str:
    try:
        return str(ast.literal_eval(quoted))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{where}: {quoted}") from error


if __name__ == "__main__":
    run(main)
