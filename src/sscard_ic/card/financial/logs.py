"""The logs that a card keeps: transactions (交易明细) and loads (圈存明细).

Source: ref 14 §5.8, 04 §3.1, §4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.elements import number
from sscard_ic.codec.text import decode_an
from sscard_ic.codec.tlv import TlvError

_LOAD_HEAD = 14
"""Bytes before the fields of a load: tag 2, balance before 6 and after 6."""
_CENTURY = 2000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One transaction, as the log format (9F4F, DF4F) takes it apart."""

    values: Mapping[int, bytes] = field(repr=False)

    @property
    def at(self) -> datetime | None:
        """Date and time of the terminal; midnight without a time; None where it is none."""
        text = self.values.get(0x9A, b"").hex() + (self.values.get(0x9F21) or bytes(3)).hex()
        try:
            return datetime.strptime(f"{_CENTURY // 100}{text}", "%Y%m%d%H%M%S")
        except ValueError:
            return None

    @property
    def amount(self) -> int | None:
        """In fen."""
        return _number(self.values.get(0x9F02))

    @property
    def counter(self) -> int | None:
        """ATC of the transaction."""
        value = self.values.get(0x9F36)
        return int.from_bytes(value, "big") if value else None

    @property
    def kind(self) -> str:
        """Transaction type 9C, two digits; empty where it is not logged."""
        return self.values.get(0x9C, b"").hex()

    @property
    def currency(self) -> str:
        """Currency code, three digits; empty where it is not logged."""
        return self.values.get(0x5F2A, b"").hex()[-3:]

    @property
    def merchant(self) -> str:
        """Name and place of the merchant."""
        return decode_an(self.values.get(0x9F4E, b""))


@dataclass(frozen=True, slots=True)
class LoadEntry(LogEntry):
    """One change of an amount by its bank: what changed, from what, to what."""

    tag: int = 0x9F79
    before: int | None = None
    """In fen."""
    after: int | None = None


def transaction(record: bytes, log_format: Dol) -> LogEntry | None:
    """The entry in a record; None for one that does not have the format."""
    try:
        return LogEntry(log_format.split(record))
    except TlvError:
        return None


def load(record: bytes, log_format: Dol) -> LoadEntry | None:
    """The same of a load."""
    try:
        values = log_format.split(record[_LOAD_HEAD:])
    except TlvError:
        return None
    tag = int.from_bytes(record[:2], "big")
    return LoadEntry(values, tag, _number(record[2:8]), _number(record[8:_LOAD_HEAD]))


def _number(value: bytes | None) -> int | None:
    try:
        return None if value is None else number(value)
    except ValueError:
        return None
