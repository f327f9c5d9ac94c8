"""Invented drugs, consumables, suppliers and which department uses what, as plain arrays for the generator."""

from dataclasses import dataclass

import numpy as np

from core.testing import names

ANTIBACTERIALS = 42
DRUGS = 300
CONSUMABLES = 96
SUPPLIERS = 40
#: Peer group → (share of consumables among picks, share of antibacterials, visit types O/E/I).
PROFILE = {
    "手术科室": (0.30, 0.06, (0.72, 0.03, 0.25)),
    "非手术科室": (0.04, 0.05, (0.74, 0.02, 0.24)),
    "重症": (0.30, 0.10, (0.0, 0.0, 1.0)),
    "急诊": (0.08, 0.08, (0.0, 0.78, 0.22)),
    "儿科": (0.03, 0.10, (0.76, 0.04, 0.20)),
}
#: Department → consumables per 100 of medical income that it should not pass, yuan.
CONTROL = {"手术科室": 32, "非手术科室": 12, "重症": 26, "急诊": 15, "儿科": 9}
#: Where the usual month stands, as a share of that. Few consumables make a jumpy ratio, so these stay far below.
USUAL = {"手术科室": 0.62, "非手术科室": 0.4, "重症": 0.6, "急诊": 0.4, "儿科": 0.35}
#: Defined daily doses of antibacterials per 100 patient-days in a usual month.
DENSITY = {"手术科室": 12.0, "非手术科室": 10.0, "重症": 33.0, "急诊": 16.0, "儿科": 13.0}


@dataclass(frozen=True)
class Catalogue:
    """Columns of the item directory; `price` in fen. Drugs come first, then consumables."""

    code: np.ndarray
    name: list[str]
    drug: np.ndarray
    price: np.ndarray
    ddd: np.ndarray
    level: np.ndarray  # 0 none, 1 unrestricted, 2 restricted, 3 special
    essential: np.ndarray
    watch: np.ndarray
    vbp: np.ndarray
    sex: list[str]
    supplier: list[str]

    @property
    def female_only(self) -> np.ndarray:
        """Indices of items for women only."""
        return np.flatnonzero(np.array(self.sex) == "F")

    @property
    def male_only(self) -> np.ndarray:
        """Indices of items for men only."""
        return np.flatnonzero(np.array(self.sex) == "M")

    def antibacterials(self, level: int) -> np.ndarray:
        """Indices of antibacterials of one level."""
        return np.flatnonzero(self.level == level)


def make_catalogue(dice: np.random.Generator) -> Catalogue:
    """The item directory."""
    titles = [
        *names.drugs(ANTIBACTERIALS, names.ANTIBACTERIAL_STEMS),
        *names.drugs(DRUGS - ANTIBACTERIALS),
        *names.consumables(CONSUMABLES),
    ]
    count = len(titles)
    drug = np.arange(count) < DRUGS
    price = np.where(
        drug,
        np.clip(dice.lognormal(3.1, 0.55, count), 3, 160),
        np.clip(dice.lognormal(4.2, 0.55, count), 8, 420),
    )
    level = np.zeros(count, int)
    level[:ANTIBACTERIALS] = np.repeat([1, 2, 3], [24, 12, 6])
    sex = [""] * count
    for index in range(DRUGS - 5, DRUGS - 2):
        sex[index] = "F"
    for index in range(DRUGS - 2, DRUGS):
        sex[index] = "M"
    companies = names.suppliers(SUPPLIERS)
    return Catalogue(
        code=np.array([f"YP{n:04d}" if n <= DRUGS else f"HC{n - DRUGS:04d}" for n in range(1, count + 1)]),
        name=titles,
        drug=drug,
        price=np.round(price * 100).astype(np.int64),
        ddd=np.where(drug, np.round(dice.uniform(0.6, 2.4, count), 2), 0.0),
        level=level,
        essential=drug & (dice.random(count) < 0.4),
        watch=drug & (level == 0) & (dice.random(count) < 0.06),
        vbp=dice.random(count) < 0.25,
        sex=sex,
        supplier=[companies[i] for i in dice.integers(0, SUPPLIERS, count)],
    )


def formulary(
    catalogue: Catalogue, peers: str, women: bool, dice: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Items that a department uses and how often, as (indices, weights summing to one)."""
    consumables, antibacterials, _ = PROFILE[peers]
    free = [i for i in np.flatnonzero(catalogue.drug & (catalogue.level == 0)) if not catalogue.sex[i]]
    parts = [
        (dice.choice(free, 26, replace=False), 1 - consumables - antibacterials),
        (dice.choice(np.flatnonzero(~catalogue.drug), 12, replace=False), consumables),
        (
            np.concatenate([dice.choice(catalogue.antibacterials(n), 2, replace=False) for n in (1, 2, 3)]),
            antibacterials,
        ),
    ]
    if women:
        parts[0] = (np.concatenate([parts[0][0], catalogue.female_only]), parts[0][1])
    items = np.concatenate([chosen for chosen, _ in parts])
    weights = np.concatenate([_falling(len(chosen), share, dice) for chosen, share in parts])
    return items, weights / weights.sum()


def _falling(count: int, total: float, dice: np.random.Generator) -> np.ndarray:
    """Weights from common to rare, in random order: few items carry most use."""
    weights = dice.permutation(1 / (np.arange(count) + 3.0))
    return weights / weights.sum() * total
