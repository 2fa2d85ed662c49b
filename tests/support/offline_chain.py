"""Published chains of certificates for offline authentication, RSA and SM2, from the vectors."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sscard_ic.codec.pboc import locator
from sscard_ic.codec.tlv import parse_ber
from sscard_ic.crypto.pboc.offline_data import static_data
from sscard_ic.crypto.rsa import RsaPrivate, RsaPublic
from sscard_ic.profile.payment_authorities import load_authorities

_FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS: dict[str, Any] = tomllib.loads((_FOLDER / "financial_offline.toml").read_text("utf-8"))
CARD: dict[str, Any] = tomllib.loads((_FOLDER / "debit_card.toml").read_text("utf-8"))
RID = bytes.fromhex("A000000333")


def octets(table: Mapping[str, Any], name: str) -> bytes:
    """A value in hexadecimal."""
    return bytes.fromhex(table[name])


def authority(index: int) -> Any:
    """The public key of a shipped authority."""
    return load_authorities()[RID, index].public


def issuer() -> RsaPublic:
    """The demonstration issuer of ref 04 appendix B."""
    table = VECTORS["demo_issuer"]
    return RsaPublic.of_bytes(octets(table, "modulus"), octets(table, "exponent"))


def card_key() -> RsaPrivate:
    """The card's key of ref 04 appendix D."""
    parts = ("p", "q", "exponent_p", "exponent_q", "coefficient")
    return RsaPrivate.of_components(*(octets(CARD["rsa"], part) for part in parts))


class Records:
    """What a card gives out along a file locator."""

    def __init__(self, groups: Mapping[str, str], afl: bytes, aip: bytes) -> None:
        records = [
            (sfi, bytes.fromhex(groups[f"{sfi:02X}{number:02X}"]), signed)
            for sfi, number, signed in locator.records(locator.parse_locator(afl))
        ]
        self.objects = {
            each.tag: each.value
            for _, record, _ in records
            for each in parse_ber(record)[0].children
        }
        self.signed = [(sfi, record) for sfi, record, signed in records if signed]
        self.static = static_data(self.signed, aip)

    def __getitem__(self, tag: int) -> bytes:
        return self.objects[tag]

    @property
    def of_issuer(self) -> tuple[bytes, bytes, bytes]:
        """Certificate, remainder and exponent of the issuer's key."""
        return self[0x90], self.objects.get(0x92, b""), self[0x9F32]

    @property
    def of_card(self) -> tuple[bytes, bytes, bytes]:
        """Certificate, remainder and exponent of the card's key."""
        return self[0x9F46], self.objects.get(0x9F48, b""), self[0x9F47]
