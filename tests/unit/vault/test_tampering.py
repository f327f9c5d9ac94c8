"""Flipped, cut, lengthened, swapped cells: every one is refused. QINGLIAN_VAULT_CELLS=100000 tries that many."""

import os
import random
from typing import Any

import pytest

from core.vault.cells import CellError, open_cell, seal
from core.vault.keys import KeyUnavailable, make_next

CELLS = int(os.environ.get("QINGLIAN_VAULT_CELLS") or 4000)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:=. 密"


def test_no_damaged_cell_opens(settings: Any, tmp_path: Any) -> None:
    settings.HOME = tmp_path
    dice = random.Random(20261122)
    places = [
        {"table": t, "column": c, "row": str(r)} for t in ("a", "b") for c in ("x", "y") for r in range(25)
    ]
    cells = []
    for number, place in enumerate(places):
        if number == 50:
            make_next("cells")
        text = "".join(dice.choice(ALPHABET) for _ in range(dice.choice((0, 1, 11, 18, 200))))
        cells.append((seal(text, **place), place, text))
    for cell, place, text in cells:
        assert open_cell(cell, **place) == text
    tried = dict.fromkeys(DAMAGE, 0)
    while sum(tried.values()) < CELLS:
        cell, place, _ = dice.choice(cells)
        name = dice.choice(list(DAMAGE))
        bad = DAMAGE[name](dice, cell, cells)
        if bad == cell:
            continue
        tried[name] += 1
        with pytest.raises((CellError, KeyUnavailable)):
            open_cell(bad, **place)
    assert min(tried.values()) > CELLS / len(DAMAGE) / 2, tried


def flipped(dice: random.Random, cell: str, cells: Any) -> str:
    at = dice.randrange(len(cell))
    return cell[:at] + dice.choice(ALPHABET) + cell[at + 1 :]


def cut(dice: random.Random, cell: str, cells: Any) -> str:
    at = dice.randrange(len(cell))
    return dice.choice((cell[:at], cell[at + 1 :], cell[:at] + cell[at + dice.randint(1, 9) :]))


def lengthened(dice: random.Random, cell: str, cells: Any) -> str:
    at = dice.randrange(len(cell) + 1)
    return cell[:at] + dice.choice(ALPHABET) * dice.randint(1, 4) + cell[at:]


def swapped(dice: random.Random, cell: str, cells: Any) -> str:
    """Another row's, or parts of two."""
    mine, other = cell.split(":"), dice.choice(cells)[0].split(":")
    part = dice.randrange(2, 6)
    return ":".join(other) if part == 5 else ":".join([*mine[:part], other[part], *mine[part + 1 :]])


DAMAGE = {"flipped": flipped, "cut": cut, "lengthened": lengthened, "swapped": swapped}
