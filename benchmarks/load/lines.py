"""Made-up prescription lines as a hospital's CSV: enough to keep an import busy."""

import random

HEAD = "明细编号,处方号,日期,科室,医师,患者,就诊类型,药品耗材,类别,数量,单价,金额"
DEPARTMENTS = ("骨科", "心内科", "药学部")


def lines_of(count: int, dice: random.Random) -> str:
    """`count` lines of six months, each with numbers of its own."""
    mark = dice.randrange(10**9)
    found = [HEAD]
    for number in range(count):
        quantity, price = dice.randint(1, 9), dice.randint(100, 9900)
        amount = quantity * price
        found.append(
            f"{mark}-{number},R{mark}-{number // 3},2024-{dice.randint(1, 6):02d}-{dice.randint(1, 28):02d},"
            f"{dice.choice(DEPARTMENTS)},D{dice.randint(1, 60)},P{dice.randint(1, 4000)},门诊,I{dice.randint(1, 300)},"
            f"药品,{quantity},{price // 100}.{price % 100:02d},{amount // 100}.{amount % 100:02d}"
        )
    return "\n".join(found) + "\n"
