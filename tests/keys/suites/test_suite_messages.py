"""MessageProtector and AnswerChecker: secure messaging of ref 02 §4 through all who have it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.keys.suites.holdings import ALGORITHMS, FACTOR, key_of, vectors
from tests.keys.suites.offers import has_message, offering, with_rows
from tests.keys.suites.services import Services

from sscard_ic.base import Secret, SscardError
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import (
    CardKey,
    MissingCapabilityError,
    UnknownKeyError,
    answer_checker,
    message_protector,
)
from sscard_ic.keys.remote.errors import RefusedError

OWN = vectors("key_services")
REFERENCE: list[dict[str, Any]] = [
    row | {"plaintext": row.get("plain", row["data"]), "enciphered": "plain" in row}
    for row in vectors("secure_messaging")["command"]
]
CIPHERS: list[dict[str, Any]] = vectors("secure_messaging")["cipher"]
BARE_MACS: list[dict[str, Any]] = [
    row | {"algorithm": algorithm}
    for algorithm in ALGORITHMS
    for row in vectors(f"crypto_{algorithm}")["mac"]
    if row["source"].startswith("ref 02 §4.2") and len(row["key"]) == 32
]
RESET = bytes.fromhex("84240001")
PIN = Secret(bytes.fromhex("258036"))


def _protected(
    implementation: str,
    service: Any,
    key: CardKey,
    head: bytes,
    data: bytes,
    row: dict[str, Any],
) -> str | None:
    """The data field in hex; None where there is no message for it, which is refused in words."""
    challenge, enciphered = bytes.fromhex(row["challenge"]), row["enciphered"]
    protector = message_protector(service)
    if has_message(implementation, head, data, enciphered=enciphered):
        field = protector.protect_command(
            key, head, Secret(data), challenge, row["method"], enciphered=enciphered
        )
        return field.hex().upper()
    with pytest.raises(SscardError) as caught:
        protector.protect_command(
            key, head, Secret(data), challenge, row["method"], enciphered=enciphered
        )
    assert isinstance(caught.value, RefusedError if enciphered else MissingCapabilityError)
    assert caught.value.hint is not None
    return None


@with_rows("MessageProtector", REFERENCE, bits="key")
def test_command_of_the_reference(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    """ref 02 §4.2: the key of the card is given."""
    service, key = services.for_bits(implementation, row["algorithm"], row["key"], row["method"])
    head, data = bytes.fromhex(row["header"]), bytes.fromhex(row["plaintext"])
    field = _protected(implementation, service, key, head, data, row)
    assert field in (None, row["data"] + row["mac"])


@with_rows("MessageProtector", CIPHERS, bits="key")
def test_cipher_of_the_reference(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    service, key = services.for_bits(implementation, row["algorithm"], row["key"], row["method"])
    data, challenge = Secret(bytes.fromhex(row["plain"])), bytes.fromhex(row["challenge"])
    field = service.protect_command(key, RESET, data, challenge, row["method"], enciphered=True)
    assert field[:-4].hex().upper() == row["cipher"]


@with_rows("MessageProtector", OWN["message"])
def test_command_under_a_derived_key(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    """The same rules from the root down."""
    service = services.held(implementation, row["key"], row["method"])
    key = key_of(row["key"], row["algorithm"])
    head, data = bytes.fromhex(row["head"]), bytes.fromhex(row["data"])
    assert _protected(implementation, service, key, head, data, row) in (None, row["field"])


@with_rows("AnswerChecker", BARE_MACS, bits="key")
def test_answer_of_the_reference(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    """The MAC of an answer is that of a command over other bytes (ref 02 §4.1)."""
    service, key = services.for_bits(implementation, row["algorithm"], row["key"])
    data, challenge = bytes.fromhex(row["data"]), bytes.fromhex(row["iv"])
    found = answer_checker(service).answer_mac(key, data, challenge, "card_key")
    assert found.hex().upper() == row["mac"]


@with_rows("AnswerChecker", OWN["answer"])
def test_answer_under_a_derived_key(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    found = services.held(implementation).answer_mac(
        key_of(row["key"], row["algorithm"]),
        bytes.fromhex(row["data"]),
        bytes.fromhex(row["challenge"]),
        row["method"],
    )
    assert found.hex().upper() == row["mac"]


@pytest.mark.parametrize(("implementation", "algorithm"), offering("MessageProtector"))
def test_commands_under_a_key_that_is_not_there(
    services: Services, implementation: str, algorithm: Algorithm
) -> None:
    key = CardKey("STKDF07", 1, "320800", FACTOR, algorithm)
    service = services.held(implementation)
    with pytest.raises(UnknownKeyError, match="STKDF07"):
        service.protect_command(key, RESET, PIN, bytes(8), "card_key", enciphered=True)


@pytest.mark.parametrize(("implementation", "algorithm"), offering("AnswerChecker"))
def test_answers_under_a_key_that_is_not_there(
    services: Services, implementation: str, algorithm: Algorithm
) -> None:
    key = CardKey("STKDF07", 1, "320800", FACTOR, algorithm)
    with pytest.raises(UnknownKeyError, match="STKDF07"):
        services.held(implementation).answer_mac(key, b"", bytes(8), "card_key")
