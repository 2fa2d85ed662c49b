"""What offline authentication signs and names, whatever the algorithm (ref 14 §7, 04 §6.9, §6.11).

Static data of the card, dynamic data of card and terminal, and the fields of certificates.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, TypeVar

from sscard_ic.base.errors import Text
from sscard_ic.codec.pboc.elements import fitted
from sscard_ic.codec.tlv import TlvError, parse_ber
from sscard_ic.crypto.rsa import RsaPublic

Key = TypeVar("Key", RsaPublic, bytes)
"""A public key: of RSA, or the 64 bytes X‖Y of SM2."""

CRYPTOGRAM_LENGTH = 8
SERIAL_LENGTH = 3
DAC_LENGTH = 2
IDENTIFIER_LENGTH = 4
PAN_LENGTH = 10
EXPIRY_LENGTH = 2
DYNAMIC_NUMBER = range(2, 9)
"""Bytes that the dynamic number of a card may have."""

_LAST_CODED_FILE = 10
"""Records of files above it are authenticated with tag and length."""
_TEMPLATE = 0x70
_PROFILE_TAG = b"\x82"
_CENTURY = 2000


class OfflineError(ValueError):
    """Offline authentication failed, or data do not fit; ``reason`` says why and names nobody."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.reason = Text(zh, en)


@dataclass(frozen=True, slots=True)
class PublicKeyCertificate:
    """A certificate as a card holds it: tags 90, 92, 9F32, or 9F46, 9F48, 9F47."""

    certificate: bytes = field(repr=False)
    remainder: bytes = field(default=b"", repr=False)
    """What of the modulus found no room in the certificate; SM2 has none."""
    exponent: bytes = b""
    """SM2 has none."""


@dataclass(frozen=True, slots=True)
class OpenedCertificate(Generic[Key]):
    """What a certificate says, after its signature proved right."""

    subject: str = field(repr=False)
    """Digits: of an issuer the first 3 to 8 of its PANs, of a card its PAN."""
    expiry: date
    """The last day of its month."""
    serial: bytes
    """3 bytes."""
    key: Key = field(repr=False)

    def require_valid(self, at: date) -> None:
        """Raise :class:`OfflineError` when it has expired."""
        if at > self.expiry:
            month = f"{self.expiry:%Y-%m}"
            raise OfflineError(
                f"证书有效期至 {month}，已过期", f"the certificate expired at the end of {month}"
            )

    def require_issuer_of(self, pan: str) -> None:
        """Raise :class:`OfflineError` unless ``pan`` begins with the subject."""
        if not pan.startswith(self.subject):
            raise OfflineError(
                "发卡行证书中的标识与主账号不符", "the certificate is that of another issuer"
            )

    def require_card(self, pan: str) -> None:
        """Raise :class:`OfflineError` unless the subject is ``pan``."""
        if pan != self.subject:
            raise OfflineError(
                "IC 卡证书中的主账号与卡片不符", "the certificate is that of another card"
            )

    def require_unrevoked(self, revoked: Collection[bytes]) -> None:
        """Raise :class:`OfflineError` when its serial number is among the revoked ones."""
        if self.serial in revoked:
            raise OfflineError("证书已被撤销", "the certificate is revoked")


@dataclass(frozen=True, slots=True)
class CombinedDynamic:
    """Dynamic data of a card that signs its cryptogram along (CDA; ref 14 §7.5)."""

    number: bytes
    """Dynamic number of the card, 2-8 bytes."""
    cid: int
    cryptogram: bytes
    """8 bytes."""
    transaction_hash: bytes
    """20 bytes of SHA-1, 32 of SM3."""

    def __bytes__(self) -> bytes:
        return combined_dynamic(self.number, self.cid, self.cryptogram, self.transaction_hash)


def static_data(records: Iterable[tuple[int, bytes]], aip: bytes | None) -> bytes:
    """The static data to be authenticated: signed records in the order of the AFL, then the AIP.

    ``records``: SFI and whole record, template 70 included; of files 1-10 its value counts, of
    11-30 all of it. ``aip``: see :func:`signed_profile`. Raises :class:`OfflineError` for a record
    of another template, which counts as a failed authentication (ref 14 §7.1).
    """
    signed = b"".join(_signed_part(sfi, record) for sfi, record in records)
    return signed + (aip or b"")


def signed_profile(tag_list: bytes | None, aip: bytes) -> bytes | None:
    """The AIP where the static data authentication tag list (9F4A) names it; None without one.

    Raises :class:`OfflineError` for a list that names anything else (ref 14 §7.1).
    """
    if tag_list is None:
        return None
    if tag_list != _PROFILE_TAG:
        raise OfflineError(
            "静态数据认证标签列表（9F4A）只允许 82", "the tag list 9F4A may name 82 only"
        )
    return aip


def dynamic_number(atc: int) -> bytes:
    """ICC dynamic data of the standard: ``02 ‖ ATC`` (ref 14 §7.2)."""
    return b"\x02" + atc.to_bytes(2, "big")


def combined_dynamic(number: bytes, cid: int, cryptogram: bytes, transaction_hash: bytes) -> bytes:
    """ICC dynamic data of CDA: number with its length, CID, cryptogram, hash of the transaction.

    Raises ``ValueError`` for a number that has not 2-8 bytes or a cryptogram that has not 8.
    """
    if len(number) not in DYNAMIC_NUMBER or len(cryptogram) != CRYPTOGRAM_LENGTH:
        raise ValueError("dynamic number or cryptogram of another length")
    return bytes((len(number),)) + number + bytes((cid,)) + cryptogram + transaction_hash


def split_combined(dynamic: bytes) -> CombinedDynamic:
    """The parts of :func:`combined_dynamic`; the hash is all that follows the cryptogram.

    Raises :class:`OfflineError` for other data.
    """
    number = split_number(dynamic)
    rest = dynamic[1 + len(number) :]
    if len(rest) <= 1 + CRYPTOGRAM_LENGTH:
        raise OfflineError("动态数据中没有密文", "the dynamic data hold no cryptogram")
    cryptogram = rest[1 : 1 + CRYPTOGRAM_LENGTH]
    return CombinedDynamic(number, rest[0], cryptogram, rest[1 + CRYPTOGRAM_LENGTH :])


def split_number(dynamic: bytes) -> bytes:
    """The dynamic number that ICC dynamic data begin with, 2-8 bytes (ref 14 §7.2).

    Raises :class:`OfflineError` for other data.
    """
    if not dynamic or dynamic[0] not in DYNAMIC_NUMBER or len(dynamic) <= dynamic[0]:
        raise OfflineError(
            "动态数据中没有 2–8 字节的动态数字",
            "the dynamic data do not begin with a number of 2-8 bytes",
        )
    return dynamic[1 : 1 + dynamic[0]]


def fast_terminal_data(
    values: Mapping[int, bytes], card_data: bytes | None = None, atc: int | None = None
) -> bytes:
    """What of the terminal a fast signature (fDDA) covers (ref 04 §6.9).

    ``values`` are those of the PDOL by tag. Version 00: the unpredictable number 9F37; version 01,
    told by ``card_data`` (9F69): 9F37, 9F02, 5F2A, 9F69; some cards put the ATC before them.
    """
    number = fitted(0x9F37, values.get(0x9F37, b""), 4)
    if card_data is None:
        return number
    amount = fitted(0x9F02, values.get(0x9F02, b""), 6)
    currency = fitted(0x5F2A, values.get(0x5F2A, b""), 2)
    counter = b"" if atc is None else atc.to_bytes(2, "big")
    return counter + number + amount + currency + card_data


def identifier_field(digits: str) -> bytes:
    """Issuer identifier: 3 to 8 digits of the PAN, F behind them, 4 bytes; ``ValueError``."""
    if not 3 <= len(digits) <= 2 * IDENTIFIER_LENGTH:
        raise ValueError("an issuer identifier has 3 to 8 digits")
    return _digits_field(digits, IDENTIFIER_LENGTH)


def pan_field(pan: str) -> bytes:
    """PAN with F behind it, 10 bytes; raises ``ValueError``."""
    return _digits_field(pan, PAN_LENGTH)


def expiry_field(expiry: date) -> bytes:
    """MMYY, 2 bytes; raises ``ValueError`` for a year that is not one of 2000 to 2099."""
    if expiry.year // 100 * 100 != _CENTURY:
        raise ValueError("certificates expire between 2000 and 2099")
    return bytes.fromhex(f"{expiry:%m%y}")


def digits_of(value: bytes) -> str:
    """The digits of a field, without the F behind them; raises :class:`OfflineError`."""
    digits = value.hex().rstrip("f")
    if not digits.isdecimal():
        raise OfflineError("证书中的号码不是数字", "a number in the certificate has other digits")
    return digits


def expiry_of(value: bytes) -> date:
    """The last day of the month MMYY of the years 2000 to 2099; :class:`OfflineError` for none."""
    digits = value.hex()
    if not digits.isdecimal() or not 1 <= int(digits[:2]) <= 12:
        raise OfflineError("证书有效期不是月份", "the expiry date of the certificate is no month")
    month, year = int(digits[:2]), _CENTURY + int(digits[2:])
    return date(year, month, calendar.monthrange(year, month)[1])


def require_serial(serial: bytes) -> bytes:
    """``serial`` when it has 3 bytes; raises ``ValueError``."""
    if len(serial) != SERIAL_LENGTH:
        raise ValueError("the serial number of a certificate has 3 bytes")
    return serial


def require_dac(dac: bytes) -> bytes:
    """``dac`` when it has 2 bytes; raises ``ValueError``."""
    if len(dac) != DAC_LENGTH:
        raise ValueError("a data authentication code has 2 bytes")
    return dac


def _digits_field(digits: str, length: int) -> bytes:
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 2 * length:
        raise ValueError(f"at most {2 * length} digits are expected")
    return bytes.fromhex(digits.ljust(2 * length, "f"))


def _signed_part(sfi: int, record: bytes) -> bytes:
    wrong = OfflineError("需认证的记录不是一个 70 模板", "a signed record is not one template 70")
    if record[:1] != bytes((_TEMPLATE,)):
        raise wrong
    if sfi > _LAST_CODED_FILE:
        return record
    try:
        objects = parse_ber(record)
    except TlvError:
        raise wrong from None
    if len(objects) != 1:
        raise wrong
    return record[_header(record) :]


def _header(record: bytes) -> int:
    """Bytes of tag and length of a record that is one object."""
    return 2 if record[1] < 0x80 else 2 + (record[1] & 0x7F)
