"""Digits and how people write them: days, months, years, moments, amounts (ref 01 §3).

====================== ========================= ==================== ==================
form                   digits on the card        written              accepted as well
====================== ========================= ==================== ==================
date                   YYYYMMDD                  2024-01-15           20240115
month                  YYYYMM                    2024-01              202401
year                   YYYY                      2024
timestamp              YYYYMMDDhhmmss            2024-01-15 09:30:00  20240115093000
amount                 fen                       150.00               150, 150.5
number                 as they are               17
====================== ========================= ==================== ==================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sscard_ic.base.errors import Text


@dataclass(frozen=True, slots=True)
class _Calendar:
    """A calendar form: ``pattern`` takes both ways of writing, ``written`` makes the first."""

    pattern: re.Pattern[str]
    written: str
    expected: Text
    not_one: Text


def _calendar(pattern: str, written: str, expected: Text, not_one: Text) -> _Calendar:
    return _Calendar(re.compile(pattern, re.ASCII), written, expected, not_one)


_CALENDARS = {
    "date": _calendar(
        r"(\d{4})-?(\d\d)-?(\d\d)",
        "{}-{}-{}",
        Text("应为日期 YYYY-MM-DD 或 YYYYMMDD", "a date YYYY-MM-DD or YYYYMMDD is expected"),
        Text("不是有效日期", "not a date"),
    ),
    "month": _calendar(
        r"(\d{4})-?(\d\d)",
        "{}-{}",
        Text("应为年月 YYYY-MM 或 YYYYMM", "a month YYYY-MM or YYYYMM is expected"),
        Text("不是有效年月", "not a month"),
    ),
    "year": _calendar(
        r"(\d{4})",
        "{}",
        Text("应为年份 YYYY", "a year YYYY is expected"),
        Text("不是有效年份", "not a year"),
    ),
    "timestamp": _calendar(
        r"(\d{4})-?(\d\d)-?(\d\d)[ T]?(\d\d):?(\d\d):?(\d\d)",
        "{}-{}-{} {}:{}:{}",
        Text(
            "应为时间 YYYY-MM-DD hh:mm:ss 或 YYYYMMDDhhmmss",
            "a time YYYY-MM-DD hh:mm:ss or YYYYMMDDhhmmss is expected",
        ),
        Text("不是有效时间", "not a time"),
    ),
}
CALENDAR_FORMS = frozenset(_CALENDARS)
CALENDAR_LENGTHS = {"date": 4, "month": 3, "year": 2, "timestamp": 7}
"""Bytes of BCD digits."""

_BEGINNING = [1, 1, 1, 0, 0, 0]
"""What a year, month or day begins with."""
_AMOUNT = re.compile(r"0*(\d{1,40})(?:\.(\d{1,2}))?", re.ASCII)
_NUMBER = re.compile(r"0*(\d{1,40})", re.ASCII)
_AMOUNT_EXPECTED = Text(
    "应为金额（元），如 150.00", "an amount in yuan is expected, such as 150.00"
)
_NUMBER_EXPECTED = Text("应为数字", "a number is expected")


class FormError(ValueError):
    """A value that is not of its form; ``text`` says what is expected, or what it is not."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def calendar_digits(form: str, text: str) -> str:
    """The digits of a written day, month, year or moment; raises :class:`FormError`."""
    calendar = _CALENDARS[form]
    found = calendar.pattern.fullmatch(text)
    if found is None or not _exists(found.groups()):
        raise FormError(calendar.expected)
    return "".join(found.groups())


def written_calendar(form: str, digits: str) -> str:
    """How the digits of a day, month, year or moment are written; raises :class:`FormError`."""
    calendar = _CALENDARS[form]
    found = calendar.pattern.fullmatch(digits)
    if found is None or not digits.isdigit() or not _exists(found.groups()):
        raise FormError(calendar.not_one)
    return calendar.written.format(*found.groups())


def _exists(parts: Sequence[str]) -> bool:
    """Whether there is such a day or moment; a year or month has a first day."""
    numbers = [int(part) for part in parts]
    year, month, day, hour, minute, second = numbers + _BEGINNING[len(numbers) :]
    try:
        datetime(year, month, day, hour, minute, second)
    except ValueError:
        return False
    return True


def parse_number(form: str, text: str) -> int:
    """The number that ``text`` writes, an amount in fen; raises :class:`FormError`."""
    if form == "amount":
        found = _AMOUNT.fullmatch(text)
        if found is None:
            raise FormError(_AMOUNT_EXPECTED)
        yuan, fen = found.groups()
        return int(yuan) * 100 + int((fen or "").ljust(2, "0"))
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise FormError(_NUMBER_EXPECTED)
    return int(found.group(1))  # zeros before it count against Python's limit of digits


def written_number(form: str, number: int) -> str:
    """How a number is written; an amount is given in fen."""
    return f"{number // 100}.{number % 100:02d}" if form == "amount" else str(number)
