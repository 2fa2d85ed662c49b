"""Dates YYYYMMDD as the card and the batch files write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta


def parse_date(text: str) -> date:
    """The day of eight digits; raises ``ValueError`` when it is not one."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        raise ValueError("not eight digits")
    return datetime.strptime(text, "%Y%m%d").date()


def format_date(day: date) -> str:
    """Eight digits."""
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def add_years(day: date, years: int) -> date:
    """The same day ``years`` later; 29 February becomes 28 February where needed."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def day_before(day: date) -> date:
    """Yesterday of ``day``."""
    return day - timedelta(days=1)


def age_on(birth: date, day: date) -> int:
    """Completed years on ``day``; negative when not yet born."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
