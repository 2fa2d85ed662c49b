"""A chip that bears the bank's application of ref 04 appendix D, put directly into its memory.

Beside it a second set of keys, certificates and records for SM2 and SM4 (DF69 = 01), and the
directories PSE and PPSE.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.simulator.cards import Randomness, with_dialect

from sscard_ic.apdu import Response
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.codec.tlv import BerTlv, encode_ber, parse_ber
from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile import load_financial
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator import Chip, Interface, blank, factory
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.pboc import description
from sscard_ic.simulator.pboc.registry import Registry
from sscard_ic.simulator.pboc.stored import (
    KEY_USES,
    RSA_PARTS,
    KeyUse,
    StoredDebit,
    TransactionPath,
)

SET: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "debit_card.toml").read_text("utf-8")
)
PAN: str = SET["pan"]
SEQUENCE: int = SET["sequence"]
PIN: str = SET["pin"]
AID = bytes.fromhex("A000000333010101")
SELECT = f"00A40400{len(AID):02X}{AID.hex().upper()}00"
MASTERS: dict[KeyUse, bytes] = {use: bytes.fromhex(SET["keys"][use]) for use in KEY_USES}
"""Master keys of ref 04 §6.8, for 3DES and SM4 alike."""

_INTERNAL = (0x0D01, 0x0E01)
_WAYS: dict[int, tuple[TransactionPath, Algorithm]] = {
    0x9104: ("contact", "3des"),
    0x9114: ("contact", "sm4"),
    0x9200: ("contact", "3des"),
    0x9201: ("contact", "sm4"),
    0x9203: ("cash", "3des"),
    0x9213: ("cash", "sm4"),
    0x9207: ("contactless", "3des"),
    0x9217: ("contactless", "sm4"),
}
_ALGORITHMS: tuple[Algorithm, ...] = ("3des", "sm4")
_ENTRY = encode_ber(
    0x61, encode_ber(0x4F, AID), encode_ber(0x50, b"PBOC DEBIT"), encode_ber(0x87, b"\x01")
)


@cache
def _package() -> FinancialApplication:
    return load_financial()


@cache
def _bare() -> tuple[dict[str, Any], dict[str, str | int]]:
    """Header and states of a chip of the factory that bears the bank's part."""
    card_profile = replace(with_dialect(), financial=_package())
    serial = bytes.fromhex("5119000013DF")
    made = blank(card_profile, serial, transport_key=bytes(16), entropy=Randomness())
    return made._memory.header, made._memory.states


def model(**settings: Any) -> FinancialApplication:
    """The application of the package with other settings."""
    made = _package()
    changed = made.settings.model_copy(update=settings)
    return made.model_copy(update={"settings": changed})


def card_key(algorithm: Algorithm, use: KeyUse) -> bytes:
    """A key of the card."""
    return BankSuite(algorithm).card_key(MASTERS[use], PAN, SEQUENCE)


def groups() -> dict[int, bytes]:
    """The data groups of the set by number, both algorithms; keys and PIN not among them."""
    return {
        int(number, 16): bytes.fromhex(value)
        for number, value in {**SET["groups"], **SET["sm_groups"]}.items()
    }


def personalized(store: StoredDebit) -> None:
    """Put the whole set into ``store``."""
    for number, value in groups().items():
        _put(store, DataGroup(number, value))
    for algorithm in _ALGORITHMS:
        for use in KEY_USES:
            store.put_key(algorithm, use, card_key(algorithm, use))
    for part in RSA_PARTS:
        store.put_rsa_part(part, bytes.fromhex(SET["rsa"][part]))
    store.sm2_private = bytes.fromhex(SET["sm2"]["card_private"])
    store.pin = PIN
    store.pin_tries = store.pin_limit = 3
    store.issue()


def _put(store: StoredDebit, group: DataGroup) -> None:
    if group.record is not None:
        store.put_record(*group.record, group.value)
    elif group.number in _INTERNAL:
        for each in parse_ber(group.value):
            store.put_element(each.tag, each.value)
    elif group.number in (0x9102, 0x9103):
        store.put_fci("contact" if group.number == 0x9102 else "contactless", group.value[2:])
    elif group.number in _WAYS:
        for each in parse_ber(group.value):
            store.put_option(*_WAYS[group.number], each.tag, each.value)


def _put_directories(registry: Registry) -> None:
    pse = registry.install(registry.model.pse, "directory", 0).store
    pse.put_fci("contact", encode_ber(0x88, b"\x01") + encode_ber(0x5F2D, b"zh"))
    pse.put_record(1, 1, encode_ber(0x70, _ENTRY))
    pse.issue()
    ppse = registry.install(registry.model.ppse, "directory", 0).store
    ppse.put_fci("contactless", encode_ber(0xBF0C, _ENTRY))
    ppse.put_fci("contact", encode_ber(0xBF0C, _ENTRY))
    ppse.issue()


@dataclass
class DebitCard:
    """A chip with the bank's application, its randomness, and what it keeps."""

    chip: Chip
    randomness: Randomness
    store: StoredDebit
    model: FinancialApplication
    protocol: str = "T=1"

    def send(self, apdu: str) -> Response:
        """The answer, waiting data fetched."""
        response = Response.parse(self.chip.transmit(bytes.fromhex(apdu)))
        if response.sw.remaining is not None:
            fetch = bytes((0x00, 0xC0, 0, 0, response.sw.remaining & 0xFF))
            response = Response.parse(self.chip.transmit(fetch))
        return response

    def sw(self, apdu: str) -> str:
        """Status word only."""
        return str(self.send(apdu).sw)

    def data(self, apdu: str) -> bytes:
        """Data of a successful command."""
        response = self.send(apdu)
        assert response.sw == 0x9000, f"{apdu}: {response.sw}"
        return response.data

    def objects(self, apdu: str) -> tuple[BerTlv, ...]:
        """The objects that a command answers."""
        return parse_ber(self.data(apdu))

    def face(self, interface: Interface) -> DebitCard:
        """The same card as a reader of an interface sees it; without power."""
        memory = self.chip._memory
        return _card(memory, self.model, interface, self.protocol, self.randomness)


def debit_card(
    tmp: Path | None = None,
    interface: Interface = "contact",
    *,
    elements: Mapping[str, str] | None = None,
    protocol: str = "T=1",
    **settings: Any,
) -> DebitCard:
    """A powered chip; ``tmp`` is a folder for its image (``debit.img``).

    ``settings`` are the application's; ``elements`` replace data objects: tag → hex.
    """
    financial = model(**settings)
    randomness = Randomness()
    header, states = _bare()
    dialect = with_dialect(features={"protocol": protocol}).dialect.model_dump(mode="json")
    described = {"dialect": dialect, description.HEADER: description.describe(financial)}
    memory = Memory.create(header | described, None if tmp is None else tmp / "debit.img")
    for place, state in states.items():
        memory.put(place, state)
    registry = Registry(memory, financial)
    store = registry.install(AID, "payment", financial.chip.payment_privileges).debit
    assert store is not None
    personalized(store)
    for tag, value in (elements or {}).items():
        store.put_element(int(tag, 16), bytes.fromhex(value))
    _put_directories(registry)
    memory.commit()
    card = _card(memory, financial, interface, protocol, randomness)
    card.chip.power_on()
    return card


def debit_chip(tmp: Path | None = None, interface: Interface = "contact", **settings: Any) -> Chip:
    """The chip of :func:`debit_card` alone."""
    return debit_card(tmp, interface, **settings).chip


def _card(
    memory: Memory,
    financial: FinancialApplication,
    interface: Interface,
    protocol: str,
    randomness: Randomness,
) -> DebitCard:
    dialect = with_dialect(features={"protocol": protocol}).dialect
    chip = factory._chip(memory, dialect, randomness, interface)
    store = StoredDebit(memory, f"bank/{AID.hex().upper()}")
    return DebitCard(chip, randomness, store, financial, protocol)
