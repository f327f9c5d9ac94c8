"""Holidays and worked weekends of the years that the library `chinesecalendar` knows, from 2023 on."""

from datetime import date

import chinese_calendar.constants as source

FIRST = 2023


def known_days() -> list[tuple[date, bool, str]]:
    """(day, worked, name in Chinese), by day."""
    off = [(day, False, _chinese(name)) for day, name in source.holidays.items()]
    on = [(day, True, f"{_chinese(name)}调休上班") for day, name in source.workdays.items()]
    return sorted(row for row in off + on if row[0].year >= FIRST)


def _chinese(name: str) -> str:
    return next((holiday.chinese for holiday in source.Holiday if holiday.value == name), name)
