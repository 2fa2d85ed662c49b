"""Payments by air with a test card."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.debit_card import SELECT, DebitCard

from sscard_ic.apdu import Response
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.tlv import BerTlv, parse_ber

ONLINE_CAPABLE = "26000000"
"""TTQ: qPBOC, online PIN, signature."""
OFFLINE_ONLY = "2A000000"
"""TTQ: qPBOC, offline only, signature."""
DEBIT = "66000000"
"""TTQ: contact commands by air wanted."""


@dataclass(frozen=True)
class Tap:
    """What the terminal tells at GPO."""

    amount: int = 100
    qualifiers: str = ONLINE_CAPABLE
    currency: str = "0156"
    number: str = "11223344"
    algorithm: str = "00"
    more: dict[int, str] = field(default_factory=dict)

    def values(self) -> dict[int, bytes]:
        """By tag."""
        told = {
            0x9F66: self.qualifiers,
            0x9F02: f"{self.amount:012d}",
            0x9F1A: "0156",
            0x5F2A: self.currency,
            0x9A: "260115",
            0x9C: "00",
            0x9F37: self.number,
            0xDF69: self.algorithm,
            **self.more,
        }
        return {tag: bytes.fromhex(value) for tag, value in told.items()}


@dataclass(frozen=True)
class Answer:
    """An answer to GPO by air."""

    objects: tuple[BerTlv, ...]

    @property
    def tags(self) -> list[str]:
        """In their order."""
        return [f"{each.tag:X}" for each in self.objects]

    def get(self, tag: int) -> bytes | None:
        """Value of an object."""
        return next((each.value for each in self.objects if each.tag == tag), None)

    def hex(self, tag: int) -> str | None:
        """Value of an object as hex digits."""
        value = self.get(tag)
        return None if value is None else value.hex().upper()

    @property
    def results(self) -> str:
        """Bytes 2-4 of the card verification results."""
        return (self.get(0x9F10) or b"")[4:7].hex().upper()

    @property
    def kind(self) -> str:
        """TC, ARQC or AAC."""
        return ("AAC", "TC", "ARQC")[int(self.results[:2], 16) >> 4 & 3]

    @property
    def records(self) -> list[tuple[int, int]]:
        """SFI and number of the records to read."""
        locator = self.get(0x94) or b""
        return [
            (locator[at] >> 3, number)
            for at in range(0, len(locator), 4)
            for number in range(locator[at + 1], locator[at + 2] + 1)
        ]


def options_command(card: DebitCard, tap: Tap) -> str:
    """SELECT, and the GPO command for the list that it answers."""
    (template,) = parse_ber(card.send(SELECT).data)
    wanted = template.find(0x9F38)
    values = Dol.parse(wanted.value if wanted else b"").join(tap.values())
    data = bytes((0x83, len(values))) + values
    return f"80A80000{len(data):02X}{data.hex()}00"


def send_tap(card: DebitCard, tap: Tap) -> Response:
    """SELECT and GPO."""
    return card.send(options_command(card, tap))


def answer(card: DebitCard, tap: Tap) -> Answer:
    """The objects that a tap answers."""
    response = send_tap(card, tap)
    assert response.sw == 0x9000, str(response.sw)
    (template,) = parse_ber(response.data)
    assert template.tag == 0x77
    return Answer(template.children)


def read_command(sfi: int, number: int) -> str:
    """READ RECORD."""
    return f"00B2{number:02X}{sfi << 3 | 4:02X}00"


def read_all(card: DebitCard, records: list[tuple[int, int]]) -> list[bytes]:
    """Records in order."""
    return [card.data(read_command(*place)) for place in records]


def balance(card: DebitCard, tag: int = 0x9F79) -> int:
    """An amount that GET DATA tells."""
    return int(card.data(f"80CA{tag:04X}00")[-6:].hex())
