"""What a card gives for one transaction: answer to GPO, records, and what must be among them.

Source: ref 14 §4, §7.1, §11, 04 §9.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.commands import UnusableCard
from sscard_ic.codec.pboc.bits import Aip
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.locator import Range, parse_locator
from sscard_ic.codec.tlv import BerTlv, TlvError, parse_ber
from sscard_ic.crypto.pboc.offline_data import OfflineError, expiry_of

_FORMAT_1, _FORMAT_2 = 0x80, 0x77
_RECORD = 0x70
_LAST_CODED_FILE = 10
"""SFI 1-10 hold templates 70; others content of their own."""
_DIGITS = (11, 19)
_CENTURY = 2000

MANDATORY_CONTACT = (0x5A, 0x5F24, 0x8C, 0x8D)
"""Without these no contact transaction goes on (ref 14 §11)."""
CASH_CODE = 0x9F74
"""EC issuer authorisation code: the card takes the EC path that it was asked for."""
_AIP, _CRYPTOGRAM = 0x82, 0x9F26
_REPEATED = (0x57, 0x5F34)
"""A contactless answer may have them besides its signed records (ref 14 §9.8)."""
_LENGTHS = {
    **dict.fromkeys((0x5F34, 0x8F, 0x9F14, 0x9F23), 1),
    **dict.fromkeys((0x5F28, 0x9F07, 0x9F08, 0x9F36, 0x9F42, 0x9F6C), 2),
    **dict.fromkeys((0x5F24, 0x5F25), 3),
    **dict.fromkeys((0x9F0D, 0x9F0E, 0x9F0F), 5),
    **{0x9F5D: 6, _CRYPTOGRAM: 8},
}
"""Bytes of what a terminal works with (ref 14 §2)."""
_DECIMAL = (0x5F24, 0x5F25, 0x5F34, 0x9F5D)


@dataclass(frozen=True, slots=True)
class Options:
    """The answer to GPO."""

    aip: Aip
    locator: tuple[Range, ...]
    """Empty where the answer has none (contactless ARQC and AAC)."""
    values: Mapping[int, bytes] = field(repr=False)
    """Every object of the answer by tag; 82 and 94 in either format."""

    @classmethod
    def parse(cls, data: bytes) -> Options:
        """Format 1 (80) or 2 (77); raises :class:`UnusableCard` for anything else."""
        try:
            (answer,) = parse_ber(data)
            values = _options(answer)
            locator = parse_locator(values[0x94]) if 0x94 in values else ()
        except (TlvError, ValueError, KeyError):
            raise _odd_answer() from None
        return cls(Aip(int.from_bytes(values[_AIP], "big")), locator, values)


def _options(answer: BerTlv) -> dict[int, bytes]:
    if answer.tag == _FORMAT_1:
        if len(answer.value) < 6:
            raise TlvError("too short")
        return {_AIP: answer.value[:2], 0x94: answer.value[2:]}
    if answer.tag != _FORMAT_2:
        raise TlvError("another template")
    values = unique_objects(answer)
    if len(values[_AIP]) != 2:
        raise TlvError("AIP of another length")
    return values


@dataclass(frozen=True, slots=True)
class ApplicationData:
    """Everything that the card has given for a transaction, by tag."""

    aid: bytes
    options: Options
    values: Mapping[int, bytes] = field(repr=False)
    """Objects of the answer to GPO and of all records."""
    signed: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    """SFI and whole answer of the records that are signed, in order."""

    def __getitem__(self, tag: int) -> bytes:
        return self.values[tag]

    def __contains__(self, tag: int) -> bool:
        return tag in self.values

    def get(self, tag: int, default: bytes = b"") -> bytes:
        """An object; ``default`` where the card gave none."""
        return self.values.get(tag, default)

    @property
    def aip(self) -> Aip:
        """Application interchange profile."""
        return self.options.aip

    def list_of(self, tag: int) -> Dol:
        """A list (8C, 8D, 9F49, 97); empty where there is none.

        Raises :class:`UnusableCard` for a damaged one.
        """
        try:
            return Dol.parse(self.get(tag))
        except TlvError:
            raise _damaged(tag) from None

    @property
    def pan(self) -> str:
        """Digits without filling, of 5A or else of track 2; raises :class:`UnusableCard`."""
        digits = self.get(0x5A).hex().upper().rstrip("F")
        digits = digits or self.get(0x57).hex().upper().partition("D")[0]
        if not (_DIGITS[0] <= len(digits) <= _DIGITS[1] and digits.isdecimal()):
            raise _damaged(0x5A)
        return digits

    @property
    def sequence(self) -> int | None:
        """PAN sequence number."""
        value = self.get(0x5F34)
        return int(value.hex()) if value and value.hex().isdecimal() else None

    @property
    def expires(self) -> date | None:
        """Last day of the application; of track 2 where 5F24 is not there (its month's last)."""
        if 0x5F24 in self:
            return day(self[0x5F24], 0x5F24)
        month = self.get(0x57).hex().upper().partition("D")[2][:4]
        if len(month) < 4:
            return None
        try:
            return expiry_of(bytes.fromhex(month[2:] + month[:2]))
        except OfflineError:
            return None

    @property
    def effective(self) -> date | None:
        """First day of the application, 5F25."""
        return day(self[0x5F25], 0x5F25) if 0x5F25 in self else None

    @property
    def cash(self) -> bool:
        """Whether the records are those of the electronic cash path."""
        return CASH_CODE in self

    def require(self, tags: Collection[int]) -> None:
        """Raise :class:`UnusableCard` when one is missing."""
        missing = [tag for tag in tags if tag not in self]
        if missing:
            names = ", ".join(f"{tag:X}" for tag in missing)
            raise UnusableCard(
                Text(f"卡未提供必备数据 {names}", f"the card does not give {names}, as it must")
            )

    def require_formats(self) -> None:
        """Raise :class:`UnusableCard` for an object of another length or with other digits.

        A terminal ends the transaction then (ref 14 §11); whoever only reads does not.
        """
        for tag, length in _LENGTHS.items():
            value = self.values.get(tag)
            if value is None:
                continue
            if len(value) != length or (tag in _DECIMAL and not value.hex().isdecimal()):
                raise _damaged(tag)

    def with_record(self, sfi: int, number: int, raw: bytes, *, signed: bool) -> ApplicationData:
        """The same with one more record; raises :class:`UnusableCard` for what none may be.

        No object may come twice (ref 14 §11); in a contactless payment 57 and 5F34 may, unchanged.
        """
        kept = (*self.signed, (sfi, raw)) if signed else self.signed
        if sfi > _LAST_CODED_FILE:
            return replace(self, signed=kept)
        values = dict(self.values)
        for each in _content(sfi, number, raw):
            if each.tag in values and not self._may_repeat(each):
                raise UnusableCard(
                    Text(
                        f"卡重复提供数据 {each.tag:X}（文件 {sfi} 记录 {number}）",
                        f"the card gives {each.tag:X} twice (file {sfi}, record {number})",
                    )
                )
            values[each.tag] = each.value
        return replace(self, values=values, signed=kept)

    def _may_repeat(self, found: BerTlv) -> bool:
        told = self.options.values
        return (
            _CRYPTOGRAM in told
            and found.tag in _REPEATED
            and self.values.get(found.tag) == told.get(found.tag) == found.value
        )


def unique_objects(template: BerTlv) -> dict[int, bytes]:
    """The objects in a template by tag; raises :class:`TlvError` where one comes twice."""
    found: dict[int, bytes] = {}
    for each in template.children:
        if each.tag in found:
            raise TlvError(f"{each.tag:X} comes twice")
        found[each.tag] = each.value
    return found


def mask_pan(pan: str) -> str:
    """First six and last four digits."""
    return f"{pan[:6]}{'*' * (len(pan) - 10)}{pan[-4:]}"


def day(value: bytes, tag: int) -> date:
    """The day of YYMMDD; raises :class:`UnusableCard`."""
    text = value.hex()
    try:
        return date(_CENTURY + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError:
        raise _damaged(tag) from None


def _content(sfi: int, number: int, raw: bytes) -> tuple[BerTlv, ...]:
    try:
        (template,) = parse_ber(raw)
    except (TlvError, ValueError):
        template = None
    if template is None or template.tag != _RECORD:
        raise UnusableCard(
            Text(
                f"文件 {sfi} 记录 {number} 不是模板 70",
                f"record {number} of file {sfi} is no template 70",
            )
        )
    return template.children


def _damaged(tag: int) -> UnusableCard:
    return UnusableCard(
        Text(f"卡内数据 {tag:X} 格式不符", f"{tag:X} on the card has another format")
    )


def _odd_answer() -> UnusableCard:
    return UnusableCard(
        Text(
            "卡对 GET PROCESSING OPTIONS 的应答格式不符",
            "the card's answer to GET PROCESSING OPTIONS has another structure",
        )
    )
