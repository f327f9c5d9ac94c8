"""Invented names of people and organisations in invented sentences: what must be found whole, and nothing beside it.

Decoys hold the same characters in another order, broken by a mark, or as the inside of a longer name.
"""

import random

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕欧阳司马"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国志文海燕晓云鹏宇浩然子涵梓轩雨桐"
_PLACES = ("云岭", "清河", "望江", "松泉", "临湖", "安阜", "广济", "永平", "东陵", "西泽")
_KINDS = (
    "市第一人民医院",
    "县中医院",
    "医疗器械有限公司",
    "药业股份有限公司",
    "区卫生健康局",
    "生物科技有限公司",
)
_SENTENCES = (
    "{who}在科室例会上介绍了{org}的来访登记情况。",
    "根据谈话记录，{who}与{org}没有业务往来。",
    "{org}的采购合同由{who}经办，已完成备案。",
    "关于{who}同志的任职通知已发送各科室，抄送{org}。",
)
COUNT = 150


def queries() -> list[str]:
    """The names and organisations that are asked for."""
    people, organisations = _made()
    return [*people, *organisations]


def texts() -> dict[str, str]:
    """Id → text. A name belongs to exactly the texts that hold it as a piece."""
    people, organisations = _made()
    dice = random.Random(20)
    found: dict[str, str] = {}
    for number, who in enumerate(people):
        org = organisations[number % len(organisations)]
        found[f"n{number}"] = dice.choice(_SENTENCES).format(who=who, org=org)
        found[f"r{number}"] = f"记录显示，{who[0]}、{who[1:]}等人参加；{who[::-1]}请假。"
        found[f"m{number}"] = f"{who[:2]}，{who[1:]}分别签到。参加单位：{org[:3]}某{org[3:]}。"
    return found


def _made() -> tuple[list[str], list[str]]:
    dice = random.Random(7)
    people: dict[str, None] = {}
    while len(people) < COUNT:
        people[dice.choice(_SURNAMES) + "".join(dice.choices(_GIVEN, k=dice.choice((1, 2, 2))))] = None
    organisations = [place + kind for place in _PLACES for kind in _KINDS]
    return list(people), organisations
