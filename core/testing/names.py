"""Plainly invented names: readable, unique, and nobody's.

A given name pairs a heavenly stem with an earthly branch that never meet in the sexagenary cycle (甲丑, 乙寅 …), so
that no calendar and hardly a family register has it. Drugs carry a character for "sample" and a common stem.
"""

from collections.abc import Iterator

STEMS = "甲乙丙丁戊己庚辛壬癸"
BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
SURNAMES = (
    "赵钱孙李周吴郑王冯陈蒋沈韩杨朱秦许何吕张孔曹严华金魏陶姜戚谢邹章苏潘葛范彭鲁韦马苗方俞任袁柳唐薛雷贺倪汤"
)

SAMPLE = "示样拟例试仿"
NATURE = "青禾兰川松槐溪岚杉露苇枫"
DRUG_STEMS = (
    "地平片", "沙坦胶囊", "普利片", "洛尔缓释片", "他汀片", "格雷片", "双胍片", "列净片", "格列汀片", "拉唑肠溶片",
    "司琼注射液", "必利片", "昔布胶囊", "洛芬片", "司特片", "茶碱缓释片", "西汀片", "唑仑片", "单抗注射液", "替尼片",
)  # fmt: skip
ANTIBACTERIAL_STEMS = ("西林胶囊", "头孢片", "沙星片", "霉素片", "培南注射剂", "环素胶囊", "唑酮片")
CONSUMABLES = (
    "一次性导管", "可吸收缝线", "吻合器组件", "固定钉板", "髓内钉组件", "止血材料", "防粘连膜", "引流装置", "穿刺套件",
    "球囊扩张件", "支架组件", "人工晶体", "透析管路", "呼吸回路", "敷料贴", "输注泵管",
)  # fmt: skip

#: Stem and branch of unlike parity: the sixty pairs that the cycle does not have.
GIVEN = tuple(
    stem + branch
    for shift in range(0, 12, 2)
    for i, stem in enumerate(STEMS)
    for branch in [BRANCHES[(i + 1 + shift) % 12]]
)


def people() -> Iterator[str]:
    """Different names of persons, always in the same order; more than three thousand."""
    for shift in range(len(GIVEN)):
        for i, surname in enumerate(SURNAMES):
            yield surname + GIVEN[(i + shift) % len(GIVEN)]


def suppliers(count: int) -> list[str]:
    """Names of invented companies; at most 60."""
    return [f"{pair}医药公司" for pair in GIVEN[:count]]


def drugs(count: int, stems: tuple[str, ...] = DRUG_STEMS) -> list[str]:
    """Names of invented drugs; at most 72 for each stem."""
    return [f"{prefix}{stem}" for prefix in _prefixes() for stem in stems][:count]


def consumables(count: int) -> list[str]:
    """Names of invented consumables; at most 72 for each kind."""
    return [f"{prefix}{kind}" for prefix in _prefixes() for kind in CONSUMABLES][:count]


def _prefixes() -> list[str]:
    return [a + b for b in NATURE for a in SAMPLE]
