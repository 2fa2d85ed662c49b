"""The PSAM of the scheme: its files, key records and commands (ref 12 §5, 02 §7, 01 §2.5).

A key of a PSAM is told by its *usage* byte and its identifier. The high three bits of the usage
count the derivation steps from the PSAM's root down to the card's key, the low five are its type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Literal

from sscard_ic.apdu.command import Command
from sscard_ic.apdu.medical import Amounts
from sscard_ic.codec.dates import format_date, parse_date
from sscard_ic.codec.digits import decode_cn, encode_cn

AID = bytes.fromhex("D15600000590")
"""Name of the ADF, the same in every environment."""

ADF = 0xDF01
ENVIRONMENTS: Mapping[Literal["3des", "sm4"], bytes] = {
    "3des": bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF"),  # sx1.sh.社会保障
    "sm4": bytes.fromhex("7378332E73682EC9E7BBE1B1A3D5CF"),  # sx3.sh.社会保障
}
"""Names of the directories that hold the ADF for one family of card keys (ref 02 §7.1)."""

PUBLIC_DATA, TERMINAL, NUMBER = 0x0015, 0x0016, 0x0019
TERMINAL_LENGTH, NUMBER_LENGTH = 6, 4
FACTOR_LENGTH = 8
MAX_STEPS = 3
STEP_BITS = 5

Owner = Literal["national", "provincial", "city"]
"""Whose roots a key file holds: those of the nation, of a province or of a city."""

VALIDITY_FILES: Mapping[Owner, int] = {"national": 0x1A, "provincial": 0x1B, "city": 0x1C}
"""Short identifiers of the files 001A, 001B and 001C."""

_OWNED: Mapping[Owner, tuple[range, ...]] = {
    "national": (range(0x08, 0x10), range(0x20, 0x40)),
    "provincial": (range(0x10, 0x18), range(0x40, 0x80)),
    "city": (range(0x18, 0x20), range(0x80, 0xC0)),
}
"""Identifiers by owner: keys of the card's DDF, keys of its applications (ref 01 §10.2)."""


class KeyType(IntEnum):
    """Low five bits of a usage byte (ref 12 §5.2; 0 from ref 02 §7.2)."""

    CONTROL = 0
    PURCHASE = 2
    MAC = 6
    ENCRYPTION = 7
    MAC_AND_ENCRYPTION = 8
    LOAD = 9
    TAC = 12


def steps_of(usage: int) -> int:
    """Derivation steps that a usage byte counts."""
    return usage >> STEP_BITS


def type_of(usage: int) -> int:
    """Key type of a usage byte; see :class:`KeyType`."""
    return usage & ((1 << STEP_BITS) - 1)


def with_steps(usage: int, steps: int) -> int:
    """The same type of key with another number of derivation steps."""
    return steps << STEP_BITS | type_of(usage)


def owner_of(usage: int, key_id: int) -> Owner:
    """Whose key an identifier means; those of DPK are key indexes and the nation's.

    Raises ``ValueError`` for identifiers of the PSAM's own keys and reserved ones.
    """
    if type_of(usage) == KeyType.PURCHASE:
        return "national"
    for owner, ranges in _OWNED.items():
        if any(key_id in each for each in ranges):
            return owner
    raise ValueError(f"{key_id:02X} is no identifier of a card key")


# Files


@dataclass(frozen=True, slots=True)
class PublicData:
    """File 0015, 15 bytes: issuer 1, serial number cn 10, version 1, type 1, FCI data 2."""

    issuer: int
    serial: str
    version: int
    card_type: int
    fci: bytes

    LENGTH = 15

    def __bytes__(self) -> bytes:
        return (
            bytes((self.issuer,))
            + encode_cn(self.serial, 10)
            + bytes((self.version, self.card_type))
            + self.fci
        )

    @classmethod
    def parse(cls, raw: bytes) -> PublicData:
        """The file's content; raises ``ValueError`` for another length."""
        if len(raw) != cls.LENGTH:
            raise ValueError(f"file 0015 has {cls.LENGTH} bytes, not {len(raw)}")
        return cls(raw[0], decode_cn(raw[1:11]), raw[11], raw[12], raw[13:])


@dataclass(frozen=True, slots=True)
class Validity:
    """Files 001A-001C, 10 bytes: DPK index 1, key version 1, first and last day, cn 4 each."""

    dpk_index: int
    key_version: int
    first: date
    last: date

    LENGTH = 10

    def __bytes__(self) -> bytes:
        days = format_date(self.first) + format_date(self.last)
        return bytes((self.dpk_index, self.key_version)) + bytes.fromhex(days)

    @classmethod
    def parse(cls, raw: bytes) -> Validity:
        """The file's content; raises ``ValueError`` for another length or impossible days."""
        if len(raw) != cls.LENGTH:
            raise ValueError(f"files 001A to 001C have {cls.LENGTH} bytes, not {len(raw)}")
        return cls(raw[0], raw[1], parse_date(raw[2:6].hex()), parse_date(raw[6:].hex()))


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """The 8 bytes before the value of a key record (ref 12 §5.2).

    usage ‖ identifier ‖ 00 ‖ algorithm (00 3DES, 01 DES) ‖ use rights 0000 ‖ 0000.
    """

    usage: int
    id: int
    algorithm: int

    LENGTH = 8

    def __bytes__(self) -> bytes:
        return bytes((self.usage, self.id, 0, self.algorithm)) + bytes(4)

    @classmethod
    def parse(cls, raw: bytes) -> KeyHeader:
        """The header in the first bytes of a record; raises ``ValueError`` for another form."""
        if len(raw) < cls.LENGTH or raw[2] or any(raw[4 : cls.LENGTH]):
            raise ValueError("not the header of a key record")
        return cls(raw[0], raw[1], raw[3])


DES_KEY, TRIPLE_DES_KEY = 0x01, 0x00
"""Algorithm bytes of a key record."""


# Commands

ENCRYPT, ENCRYPT_MORE = 0x00, 0x02
MAC_LAST, MAC_MORE, MAC_WITH_START, MAC_MORE_WITH_START = 0x01, 0x03, 0x05, 0x07
"""P1 of CIPHER DATA (ref 12 §5.3)."""


def delivery_session_key(
    usage: int, key_id: int, factors: Sequence[bytes], session: bytes
) -> Command:
    """DELIVERY SESSION KEY: derive a key by ``factors`` and make its process key for ``session``.

    Factors of 8 bytes, that of the lowest level first (card, city, province), as many as the usage
    counts steps; the session input has one block: 8 bytes for 3DES, 16 for SM4 (ref 12 §5.3 P3).
    """
    return Command(0xBF, 0xDE, usage, key_id, b"".join(factors) + session)


def derive_key(usage: int, key_id: int, factors: Sequence[bytes]) -> Command:
    """INIT FOR DESCRYPT, the PBOC form: the derived key itself is used (ref 02 §7.3)."""
    return Command(0x80, 0x1A, usage, key_id, b"".join(factors))


def cipher_data(mode: int, data: bytes, answer: int | None) -> Command:
    """CIPHER DATA of whole blocks with the key made last; ``answer`` bytes are expected (P4)."""
    return Command(0x80, 0xFA, mode, 0x00, data, answer)


@dataclass(frozen=True, slots=True)
class PurchaseInit:
    """Data of INIT SAM FOR PURCHASE without the factors, 28 bytes (ref 12 §5.3 P5).

    ``random`` (4 bytes), ``counter``, ``key_version`` and ``algorithm`` are the card's answer to
    INITIALIZE FOR PURCHASE; ``time`` has 7 bytes BCD.
    """

    random: bytes
    counter: int
    amounts: Amounts
    kind: int
    time: bytes
    key_version: int
    algorithm: int

    LENGTH = 28

    def __bytes__(self) -> bytes:
        return (
            self.random
            + self.counter.to_bytes(2, "big")
            + bytes(self.amounts)
            + bytes((self.kind,))
            + self.time
            + bytes((self.key_version, self.algorithm))
        )

    @classmethod
    def parse(cls, raw: bytes) -> PurchaseInit:
        """The first 28 bytes of the command's data."""
        amounts = (int.from_bytes(raw[at : at + 4], "big") for at in (6, 10, 14))
        return cls(
            raw[:4],
            int.from_bytes(raw[4:6], "big"),
            Amounts(*amounts),
            raw[18],
            raw[19:26],
            raw[26],
            raw[27],
        )


def init_purchase(purchase: PurchaseInit, factors: Sequence[bytes]) -> Command:
    """INIT SAM FOR PURCHASE, the medical form: transaction number 4 ‖ MAC1 4 are answered (P5)."""
    return Command(0x80, 0x70, 0x01, 0x00, bytes(purchase) + b"".join(factors), 8)


def verify_mac2(mac2: bytes) -> Command:
    """CREDIT SAM FOR PURCHASE: whether the 4 bytes are the card's MAC2 (P6)."""
    return Command(0x80, 0x72, 0x00, 0x00, mac2)


def external_authenticate(key_id: int, cryptogram: bytes) -> Command:
    """EXTERNAL AUTHENTICATE as PBOC has it: 8 bytes, the encrypted challenge (ref 02 §3.6)."""
    return Command(0x00, 0x82, 0x00, key_id, cryptogram)
