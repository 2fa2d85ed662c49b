"""What a bank's application tells about itself, its holder and its money (ref 14 §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.logs import LoadEntry, LogEntry
from sscard_ic.card.financial.records import ApplicationData, mask_pan
from sscard_ic.card.financial.selection import ApplicationInfo
from sscard_ic.codec.pboc.elements import number
from sscard_ic.codec.text import decode_an
from sscard_ic.crypto.suites import Algorithm

DOCUMENTS: Mapping[str, Text] = {
    "00": Text("身份证", "identity card"),
    "01": Text("军官证", "officer's card"),
    "02": Text("护照", "passport"),
    "03": Text("入境证", "entry permit"),
    "04": Text("临时身份证", "temporary identity card"),
    "05": Text("其它证件", "another document"),
}
"""9F62, type of the holder's document."""

PRODUCTS: Mapping[int, Text] = {
    0x80: Text("市民卡", "citizen card"),
    0x40: Text("军人卡", "military card"),
    0x20: Text("积分卡", "points card"),
    0x10: Text("交通卡", "transport card"),
    0x08: Text("社保卡", "social security card"),
    0x04: Text("学生卡", "student card"),
    0x02: Text("航空卡", "airline card"),
    0x01: Text("公共缴费卡", "utilities card"),
}
"""Bits of byte 9 of 9F63 (ref 14 §2.5)."""

READABLE = (0x9F36, 0x9F13, 0x9F17, 0x9F79, 0x9F77, 0x9F78, 0x9F6D, 0x9F5D)
"""What is asked by GET DATA; a card may refuse any."""


@dataclass(frozen=True, slots=True)
class FinancialData:
    """Everything that was read; personal data is not shown by ``repr``."""

    application: ApplicationInfo
    data: ApplicationData = field(repr=False)
    elements: Mapping[int, bytes] = field(repr=False)
    """By GET DATA, as far as the card answers."""
    transactions: tuple[LogEntry, ...] = field(default=(), repr=False)
    """The newest first."""
    loads: tuple[LoadEntry, ...] = field(default=(), repr=False)
    algorithm: Algorithm = "3des"
    """That of the set that was read: DF69 of the PDOL."""

    @property
    def pan(self) -> str:
        """Account number, digits."""
        return self.data.pan

    @property
    def masked_pan(self) -> str:
        """First six and last four digits of it."""
        return mask_pan(self.pan)

    @property
    def sequence(self) -> int | None:
        """PAN sequence number."""
        return self.data.sequence

    @property
    def holder(self) -> str:
        """Name; the longer field where the card has it (ref 14 §2.1, 04 §1.3).

        9F0B of up to 19 bytes goes on where 5F20 ends, a longer one is the whole name.
        """
        name, more = self.data.get(0x5F20), self.data.get(0x9F0B)
        return decode_an(name + more if len(more) <= 19 else more)

    @property
    def identity_number(self) -> str:
        """Number of the holder's document, 9F61."""
        return decode_an(self.data.get(0x9F61))

    @property
    def document(self) -> Text | None:
        """Type of that document."""
        return DOCUMENTS.get(self.data.get(0x9F62).hex())

    @property
    def expires(self) -> date | None:
        """Last day of validity."""
        return self.data.expires

    @property
    def effective(self) -> date | None:
        """First day of validity."""
        return self.data.effective

    @property
    def products(self) -> tuple[Text, ...]:
        """What the card is for, by 9F63."""
        value = self.data.get(0x9F63)
        bits = value[8] if len(value) == 16 else 0
        return tuple(name for bit, name in PRODUCTS.items() if bits & bit)

    @property
    def counter(self) -> int | None:
        """ATC."""
        value = self.elements.get(0x9F36, self.data.get(0x9F36))
        return int.from_bytes(value, "big") if value else None

    @property
    def last_online(self) -> int | None:
        """ATC of the last online transaction; 0 for a new card."""
        value = self.elements.get(0x9F13)
        return int.from_bytes(value, "big") if value else None

    @property
    def pin_tries(self) -> int | None:
        """Tries left of the offline PIN; None where the card does not tell."""
        value = self.elements.get(0x9F17)
        return value[0] if value else None

    @property
    def balance(self) -> int | None:
        """Electronic cash in fen; None where the card does not tell."""
        return self.amount(0x9F79)

    def amount(self, tag: int) -> int | None:
        """An amount among the elements, in fen."""
        value = self.elements.get(tag)
        try:
            return None if value is None else number(value)
        except ValueError:
            return None
