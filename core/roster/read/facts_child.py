"""What the lake's readers do not tell of a workbook: hidden sheets, formulas, hidden rows, merged cells everywhere.

`python facts_child.py IN` prints JSON {"sheets": [{name, hidden, merged, formulas, formula_count, hidden_rows}]}. A
process of its own, with limits: a hostile file can exhaust this one, never the server. No Django here.
"""

import json
import re
import resource
import sys
import zipfile
from typing import Any
from xml.etree import ElementTree as ET

MEMORY = 2 * 1024**3
SECONDS = 120
KEPT = 2000
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def main(source: str) -> None:
    """Look at every sheet."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_path(source)
    visible = python_calamine.SheetVisibleEnum.Visible
    found: list[dict[str, Any]] = []
    for meta in book.sheets_metadata:
        sheet = book.get_sheet_by_name(meta.name)
        found.append(
            {
                "name": meta.name,
                "hidden": meta.visible != visible,
                "merged": _merged(sheet),
                "formulas": [],
                "formula_count": 0,
                "hidden_rows": 0,
            }
        )
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            parts = _parts(archive)
            for about in found:
                if about["name"] in parts:
                    _walk(archive, parts[about["name"]], about)
    sys.stdout.write(json.dumps({"sheets": found}))


def _merged(sheet: Any) -> list[list[int]]:
    try:
        ranges = sheet.merged_cell_ranges or []
    except Exception:
        return []
    return [[a[0], a[1], b[0], b[1]] for a, b in ranges][:KEPT]


def _parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name → its part in the archive."""
    rels = {r.get("Id"): r.get("Target", "") for r in _root(archive, "xl/_rels/workbook.xml.rels")}
    found = {}
    for sheet in _root(archive, "xl/workbook.xml").iter(f"{MAIN}sheet"):
        target = rels.get(sheet.get(REL), "")
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if path in archive.namelist():
            found[sheet.get("name", "")] = path
    return found


def _root(archive: zipfile.ZipFile, part: str) -> Any:
    text = archive.read(part)
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise SystemExit("declared entities")
    return ET.fromstring(text)


def _walk(archive: zipfile.ZipFile, part: str, about: dict[str, Any]) -> None:
    with archive.open(part) as head:
        if b"<!DOCTYPE" in head.read(4096):
            raise SystemExit("declared entities")
    cell = ""
    with archive.open(part) as stream:
        for event, node in ET.iterparse(stream, events=("start", "end")):
            if event == "start":
                if node.tag == f"{MAIN}c":
                    cell = node.get("r", "")
                elif node.tag == f"{MAIN}row" and node.get("hidden") in ("1", "true"):
                    about["hidden_rows"] += 1
                elif node.tag == f"{MAIN}f":
                    about["formula_count"] += 1
                    if len(about["formulas"]) < KEPT and (place := _place(cell)):
                        about["formulas"].append(place)
            elif node.tag == f"{MAIN}row":
                node.clear()


def _place(cell: str) -> list[int] | None:
    """B7 → [6, 1], counted from nought."""
    read = re.fullmatch(r"([A-Z]{1,3})([0-9]{1,7})", cell)
    if read is None:
        return None
    column = 0
    for letter in read[1]:
        column = column * 26 + ord(letter) - 64
    return [int(read[2]) - 1, column - 1]


if __name__ == "__main__":
    main(sys.argv[1])
