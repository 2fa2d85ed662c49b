"""KeyLoader and BlankOpener: the loading commands of ref 11 and what opens a blank."""

from __future__ import annotations

from typing import Any

import pytest
from tests.keys.suites.holdings import key_of, vectors
from tests.keys.suites.offers import each_offering, offering, with_rows
from tests.keys.suites.services import Services

from sscard_ic.base import Secret
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import Protection, PublishedKey, key_loader
from sscard_ic.keys.capabilities import BlankOpener

WORKED = vectors("key_loading")
MCOS = vectors("mcos")
OWN = vectors("key_services")
PLAIN_MCOS: list[dict[str, Any]] = [row | {"bits": row["apdu"][26:]} for row in MCOS["plain_keys"]]


def _protection(row: dict[str, Any], under: Any) -> Protection:
    if row["mode"] == "plain":
        return Protection("plain")
    return Protection(row["mode"], under=under, iv=bytes.fromhex(row.get("iv", "00" * 8)))


@with_rows("KeyLoader", WORKED["load"], bits="bits")
def test_worked_initialisation(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    """ref 11 §8: the keys of the card are given."""
    algorithm = row.get("algorithm", "3des")
    service, key = services.for_bits(implementation, algorithm, row["bits"])
    _, under = services.for_bits(implementation, algorithm, row.get("under", row["bits"]))
    command = key_loader(service).load_key(
        bytes.fromhex(row["head"]), bytes.fromhex(row["header"]), key, _protection(row, under)
    )
    assert command.reveal().hex().upper() == row["command"]
    assert row["command"] not in f"{command} {command!r}"


@with_rows("KeyLoader", OWN["load"])
def test_derived_keys(services: Services, implementation: str, row: dict[str, Any]) -> None:
    """The same from the root down, under a derived control key."""
    algorithm = row["algorithm"]
    command = services.held(implementation).load_key(
        bytes.fromhex(row["head"]),
        bytes.fromhex(row["header"]),
        key_of(row["key"], algorithm),
        _protection(row, key_of("MKSSSE", algorithm)),
    )
    assert command.reveal().hex().upper() == row["command"]


@with_rows("KeyLoader", OWN["load_pin"])
def test_pin_under_a_derived_key(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    command = services.held(implementation).load_pin(
        bytes.fromhex(row["head"]),
        bytes.fromhex(row["header"]),
        Secret(bytes.fromhex(row["block"])),
        _protection(row, key_of("MKSSSE", row["algorithm"])),
    )
    assert command.reveal().hex().upper() == row["command"]


@with_rows("KeyLoader", [WORKED["pin"]])
def test_plain_pin(services: Services, implementation: str, row: dict[str, Any]) -> None:
    command = services.held(implementation).load_pin(
        bytes.fromhex(row["head"]),
        bytes.fromhex(row["header"]),
        Secret(bytes.fromhex(row["block"])),
        Protection("plain"),
    )
    assert command.reveal().hex().upper() == row["command"]


@pytest.mark.parametrize("published", [True, False])
@with_rows("KeyLoader", MCOS["load"], bits="value")
def test_mcos(
    services: Services, implementation: str, row: dict[str, Any], published: bool
) -> None:
    """ref 11 §3.7, §9: under the key that the COS maker prints, and under one of the card."""
    service, key = services.for_bits(implementation, "3des", row["value"])
    _, master = services.for_bits(implementation, "3des", row["under"])
    under = PublishedKey(bytes.fromhex(row["under"])) if published else master
    command = service.load_key(
        bytes.fromhex(row["head"]),
        bytes.fromhex(row["header"]),
        key,
        Protection("enciphered_mac", under=under, iv=bytes.fromhex(row["iv"])),
        filled=0,
    )
    assert command.reveal().hex().upper() == row["command"]


@with_rows("KeyLoader", PLAIN_MCOS, label="key", bits="bits")
def test_plain_records_of_mcos_have_no_filling(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    plain = bytes.fromhex(row["apdu"])
    service, key = services.for_bits(implementation, "3des", row["bits"])
    command = service.load_key(plain[:4], plain[5:13], key, Protection("plain", 0x80), filled=0)
    assert command.reveal() == plain


@pytest.mark.parametrize("implementation", each_offering("KeyLoader"))
def test_the_pin_of_mcos_is_filled_to_eight_bytes(services: Services, implementation: str) -> None:
    plain = bytes.fromhex(MCOS["plain_pin"]["apdu"])
    pin, protection = Secret(bytes.fromhex("123456")), Protection("plain", 0x80)
    service = services.held(implementation)
    command = service.load_pin(plain[:4], plain[5:13], pin, protection, filled=8)
    assert command.reveal() == plain


@pytest.mark.parametrize(("implementation", "algorithm"), offering("BlankOpener"))
def test_blanks(services: Services, implementation: str, algorithm: Algorithm) -> None:
    """The maker's own key; and the one that the COS maker prints, whatever is held."""
    service = services.held(implementation)
    assert isinstance(service, BlankOpener)
    (row,) = OWN["opener"]
    assert (
        service.transport_code(bytes.fromhex(row["serial"])).reveal().hex().upper() == row["code"]
    )
    challenge = bytes.fromhex(row["challenge"])
    assert service.blank_cryptogram(challenge, None).hex().upper() == row["cryptogram"]
    printed = MCOS["manufacturer"]
    key = PublishedKey(bytes.fromhex(printed["key"]))
    found = service.blank_cryptogram(bytes.fromhex(printed["challenge"]), key)
    assert found.hex().upper() == printed["apdu"][10:]
