"""Whose card it is: the holder and the account, in the form in which the bank's card has them."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.codec.dates import add_years
from sscard_ic.codec.text import ENCODING, cut_text
from sscard_ic.issuance.fields import title
from sscard_ic.profile.data_groups import Holding

NAME_ROOM, LONG_NAME_ROOM = 26, 45
"""Bytes of 5F20; of 9F0B, or of both together (ref 04 §3.2, 15 §3.5)."""
NO_NAME = b" /"
"""5F20 of a card without a name (ref 04 §3.2)."""
ID_NUMBER_ROOM = 40
TRACK2_DIGITS = 37
"""19 bytes, of which the last digit is filling."""

_PAN = re.compile(r"[0-9]{12,19}")
_LATIN = re.compile(r"[A-Z0-9 .'-]*/[A-Z0-9 .'-]*")


@dataclass(frozen=True, slots=True)
class BankHolder:
    """What data preparation is told about one card."""

    pan: str = field(repr=False)
    """12-19 digits."""
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    """1-40 ASCII characters."""
    effective: date
    expiry: date
    """Last day of validity."""
    latin_name: str = field(default="", repr=False)
    """``SURNAME/GIVEN``, for cards that bear the name in Latin letters."""
    document_type: str = "01"
    """AAC058 of the document with the number."""
    sequence: int = 1
    """PAN sequence number."""
    balance: int = 0
    """Electronic cash on the card from the start, in fen."""
    pin: Secret | None = None
    """Offline PIN as ASCII digits, 4-12 of them."""
    discretionary: str = field(default="", repr=False)
    """Digits of the bank behind the service code of track 2; none: zeros."""
    certificate_serial: int = 1
    """Number of the card's certificates, 3 bytes."""

    @classmethod
    def of(cls, fields: Mapping[str, str], holding: Holding, day: date) -> BankHolder:
        """The holder of a row, by the codes of its fields, of a card prepared on ``day``.

        The application is valid until the end of the month ``holding.years`` later.
        """
        last = add_years(day, holding.years)
        return cls(
            pan=fields.get("PAN", ""),
            name=fields.get("AAC003", ""),
            id_number=fields.get("AAC147") or fields.get("AAC002", ""),
            effective=day,
            expiry=last.replace(day=calendar.monthrange(last.year, last.month)[1]),
            latin_name=fields.get("LATIN_NAME", ""),
            document_type=fields.get("AAC058", "01"),
            sequence=holding.sequence,
        )

    @property
    def padded_pan(self) -> bytes:
        """PAN as tag 5A has it: digits, and F behind an odd number of them."""
        return bytes.fromhex(self.pan + "F" * (len(self.pan) % 2))

    def require_usable(self) -> None:
        """Raise :class:`InputError` for an account or number that no card can hold."""
        if not _PAN.fullmatch(self.pan):
            raise _wrong("PAN", Text("应为 12–19 位数字", "12 to 19 digits are expected"))
        number = self.id_number
        if not number.isascii() or not 1 <= len(number) <= ID_NUMBER_ROOM:
            raise _wrong(
                "AAC002",
                Text(
                    f"银行应用只能存 1–{ID_NUMBER_ROOM} 个 ASCII 字符",
                    f"the bank's application holds 1 to {ID_NUMBER_ROOM} ASCII characters",
                ),
            )
        if self.expiry < self.effective:
            raise InputError(
                Text("失效日期早于生效日期", "the card expires before it becomes effective")
            )

    def names(self, holding: Holding) -> tuple[bytes, bytes]:
        """5F20 and 9F0B; an empty one is left out. Raises :class:`InputError` for a longer name."""
        text = self._latin() if holding.name_form == "latin" else self.name
        raw = text.encode(ENCODING)
        if not raw:
            return NO_NAME, b""
        if len(raw) <= NAME_ROOM:
            return raw.ljust(2), b""
        if holding.long_name == "whole":
            first, rest = b"", raw
        else:
            first = cut_text(text, NAME_ROOM).encode(ENCODING)
            rest = raw[len(first) :]
        room = LONG_NAME_ROOM if holding.long_name == "whole" else LONG_NAME_ROOM - NAME_ROOM
        if len(rest) > room:
            raise _wrong(
                "AAC003",
                Text(
                    f"超过银行应用的 {LONG_NAME_ROOM} 字节",
                    f"longer than the {LONG_NAME_ROOM} bytes of the bank's application",
                ),
            )
        return first, rest

    def track2(self, holding: Holding) -> bytes:
        """Track 2 equivalent data, tag 57; raises :class:`InputError` where it is too long."""
        head = f"{self.pan}D{self.expiry:%y%m}{holding.service_code}"
        text = head + self.discretionary if self.discretionary else head
        if not self.discretionary:
            text = head.ljust(holding.track2_digits, "0")
        if len(text) > TRACK2_DIGITS or not (self.discretionary or "0").isdecimal():
            raise InputError(
                Text(
                    f"二磁道数据应为数字，且不超过 {TRACK2_DIGITS} 位",
                    f"track 2 has digits, and no more than {TRACK2_DIGITS}",
                )
            )
        return bytes.fromhex(text + "F" * (len(text) % 2))

    def _latin(self) -> str:
        name = self.latin_name.upper()
        if not name and not self.name:
            return ""
        if _LATIN.fullmatch(name):
            return name
        raise _wrong(
            "LATIN_NAME",
            Text("应为 SURNAME/GIVEN 形式的拉丁字母", "Latin letters SURNAME/GIVEN are expected"),
            Text(
                "在持卡人文件中补充 LATIN_NAME，或把 name_form 设为 gbk",
                "add LATIN_NAME to the holder file, or set name_form to gbk",
            ),
        )


def _wrong(code: str, what: Text, hint: Text | None = None) -> InputError:
    """A field that cannot be used; its value is not told."""
    name = title(code)
    message = Text(f"{name.zh}（{code}）{what.zh}", f"{name.en} ({code}): {what.en}")
    return InputError(message, hint=hint or Text("更正后重试", "correct it and try again"))
