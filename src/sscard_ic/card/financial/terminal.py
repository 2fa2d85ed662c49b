"""What a terminal is and may do, and what it is asked to do (ref 14 §2.6, §3, §11, 04 §3.6)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.authorisation import Service
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.codec.text import ENCODING, cut_text
from sscard_ic.crypto.suites import Algorithm

if TYPE_CHECKING:
    from sscard_ic.crypto.pboc.authorities import AuthorityKey

CHINA, RENMINBI = 0x0156, 0x0156
_LARGEST = 10**12 - 1
"""What twelve digits hold, in fen."""
_MERCHANT_LENGTH = 20
_OFFLINE_ONLY, _ONLINE_ONLY = (3, 6), (1, 4)


@dataclass(frozen=True, slots=True)
class ActionCodes:
    """Terminal action codes, 5 bytes each, as numbers: those of an acquirer in ref 04 §3.6, and a
    failed CDA, which they know nothing of."""

    default: int = 0xDC4000A800
    denial: int = 0x0010000000
    online: int = 0xDC4004F800


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Terminal capabilities, tag 9F33, bit by bit (ref 14 §3)."""

    plain_pin: bool = True
    online_pin: bool = True
    signature: bool = True
    no_cvm: bool = True
    document: bool = True
    sda: bool = True
    dda: bool = True
    cda: bool = True

    def __bytes__(self) -> bytes:
        second = 0x80 * self.plain_pin | 0x40 * self.online_pin | 0x20 * self.signature
        second |= 0x08 * self.no_cvm | 0x01 * self.document
        third = 0x80 * self.sda | 0x40 * self.dda | 0x08 * self.cda
        return bytes((0xE0, second, third))


@dataclass(frozen=True, slots=True)
class TerminalSettings:
    """A terminal for tests: attended, of a merchant, in China.

    Amounts are fen.
    """

    type: int = 0x22
    """Tag 9F35: 22 attended by a merchant, offline with online capability; 21 online only, 23
    offline only."""
    capabilities: Capabilities = Capabilities()
    country: int = CHINA
    currency: int = RENMINBI
    version: int = 0x0030
    """Application version that the terminal knows, 9F09."""
    action_codes: ActionCodes = ActionCodes()
    floor_limit: int = 0
    """9F1B: from this amount on contact transactions go online."""
    random_percent: int = 0
    """Of the transactions below the floor limit so many are chosen for online processing."""
    cash_limit: int | None = 100_000
    """9F7B: below it electronic cash is asked for; None: below the floor limit."""
    contactless_limit: int = 999_999_999_999
    """From this amount on contactless payments are sent to the other interface."""
    contactless_floor_limit: int = 100_000
    """Above it contactless payments go online."""
    contactless_cvm_limit: int = 100_000
    """From this amount on contactless payments want the holder verified."""
    status_check: bool = False
    """Whether a contactless payment of one yuan goes online (ref 14 §9.2)."""
    algorithm: Algorithm = "3des"
    """What is told in DF69: SM algorithms, or the international ones."""
    default_ddol: bytes = bytes.fromhex("9F3704")
    authorities: Mapping[tuple[bytes, int], AuthorityKey] = field(default_factory=dict)
    """Keys of payment authorities by RID and index."""
    revoked: frozenset[tuple[bytes, int, bytes]] = frozenset()
    """Certificates of issuers that are believed no more: RID, index of the authority's key, serial
    number of 3 bytes (ref 14 §7.3)."""
    refused: frozenset[str] = field(default=frozenset(), repr=False)
    """Exception file: account numbers that are not accepted."""
    serial: bytes = b"SSCARDIC"
    """9F1E, 8 characters."""
    terminal: bytes = b"00000001"
    """9F1C, 8 characters."""
    merchant_code: bytes = b"000000000000001"
    """9F16, 15 characters."""
    random: Callable[[int], bytes] = secrets.token_bytes
    """Gives so many random bytes."""

    @property
    def online_capable(self) -> bool:
        """Whether the terminal can go online."""
        return self.type & 0x0F not in _OFFLINE_ONLY

    @property
    def online_only(self) -> bool:
        """Whether it always goes online."""
        return self.type & 0x0F in _ONLINE_ONLY

    def revoked_serials(self, provider: bytes, index: int) -> frozenset[bytes]:
        """Serial numbers of the revoked certificates under one key of an authority."""
        under = (provider, index)
        return frozenset(serial for rid, at, serial in self.revoked if (rid, at) == under)

    def values(self) -> dict[int, bytes]:
        """Its data objects by tag."""
        return {
            0x9F09: self.version.to_bytes(2, "big"),
            0x9F16: self.merchant_code,
            0x9F1A: self.country.to_bytes(2, "big"),
            0x9F1B: min(self.floor_limit, 0xFFFFFFFF).to_bytes(4, "big"),
            0x9F1C: self.terminal,
            0x9F1E: self.serial,
            0x9F33: bytes(self.capabilities),
            0x9F35: bytes((self.type,)),
            0x9F40: bytes.fromhex("EF80F03000"),
            0x5F2A: self.currency.to_bytes(2, "big"),
            0x5F36: b"\x02",
            0xDF60: b"\x00",
            0xDF69: b"\x01" if self.algorithm == "sm4" else b"\x00",
        }


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is to be done: a payment, or something that the bank does to the card.

    Raises :class:`InputError` for amounts that no card takes.
    """

    amount: int
    """9F02 in fen, the cashback included."""
    at: datetime
    """Local date and time."""
    other: int = 0
    """9F03: cashback."""
    service: Service = "purchase"
    """Whatever is no payment goes online on a terminal of the bank."""
    cash: bool = False
    """Whether cash is drawn instead of goods bought."""
    online: bool = False
    """Whether the merchant wants it online."""
    electronic_cash: bool = True
    """Whether a payment may be made with electronic cash."""
    type_code: int | None = None
    """9C; None: as the service has it."""
    merchant: str = "SSCARD TEST MERCHANT"
    """9F4E, at most 20 bytes in GB18030."""
    pin: Secret | None = None
    """PIN of the holder, ASCII digits: for whichever way the card asks for it."""

    def __post_init__(self) -> None:
        if not 0 <= self.other <= self.amount <= _LARGEST:
            raise InputError(
                Text(
                    "金额应为 0 至 9999999999.99 元，返现不大于金额",
                    "an amount is 0 to 9999999999.99 yuan, the cashback not more than that",
                )
            )

    @property
    def forced(self) -> bool:
        """Whether the bank must be asked."""
        return self.online or self.service != "purchase"

    def values(self, load_type: int) -> dict[int, bytes]:
        """Its data objects by tag; ``load_type`` is 9C of a load."""
        kind = self.type_code
        if kind is None:
            kind = load_type if self.service == "load" else (0x01 if self.cash else 0x00)
        return {
            0x9F02: amount(self.amount),
            0x9F03: amount(self.other),
            0x81: self.amount.to_bytes(4, "big") if self.amount < 1 << 32 else bytes(4),
            0x9A: bytes.fromhex(f"{self.at:%y%m%d}"),
            0x9F21: bytes.fromhex(f"{self.at:%H%M%S}"),
            0x9C: bytes((kind,)),
            0x9F4E: cut_text(self.merchant, _MERCHANT_LENGTH).encode(ENCODING),
        }
