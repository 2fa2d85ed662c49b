"""What the reference prints of the certificate application, byte for byte (ref 02 §8)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADF_FCI,
    CHALLENGE,
    DDF,
    DDF_FCI,
    application,
    card_profile,
    folded_mac,
    new_card,
)

from sscard_ic.crypto import sm4

VECTORS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parents[2] / "vectors" / "certificate_application.toml").read_text("utf-8")
)


def test_the_recorded_answers_to_select() -> None:
    card = new_card()
    assert card.data(DDF) == DDF_FCI
    assert card.data(ADF) == ADF_FCI


@pytest.mark.parametrize("vector", VECTORS["pin_key"], ids=lambda each: each["pin"])
def test_the_card_hashes(vector: dict[str, str]) -> None:
    pin = vector["pin"]
    length = len(pin) // 2
    answer = application().data(f"80C40103{length + 2:02X}C1{length:02X}{pin}00")
    assert len(answer) == 64
    assert answer.startswith(vector["digest"])


@pytest.mark.parametrize("vector", VECTORS["verify"], ids=lambda each: each["source"])
def test_verify(vector: dict[str, Any]) -> None:
    card = application()
    card.randomness.value = bytes.fromhex(vector["challenge"])
    assert card.data("0084000010") == vector["challenge"]
    assert card.raw(vector["command"]) == "9000"
    assert card.data("0084000010") == vector["challenge"]
    assert card.raw(vector["command"][:-2] + "00") == "63C5"


@pytest.mark.parametrize("vector", VECTORS["change_pin"], ids=lambda each: each["source"])
def test_change_of_the_administrator_pin(vector: dict[str, Any]) -> None:
    card = application()
    card.randomness.value = bytes.fromhex(vector["challenge"])
    assert card.data("0084000010") == vector["challenge"]
    assert card.raw(vector["head"] + vector["enciphered"] + vector["mac"]) == "9000"
    assert card.verify("00", vector["old"]) == "63C5"
    assert card.verify("00", vector["new"]) == "9000"


@pytest.mark.parametrize("vector", VECTORS["control_key"], ids=lambda each: each["source"])
@pytest.mark.parametrize("place", [ADF, DDF], ids=["ADF", "DDF"])
def test_update_of_a_control_key(vector: dict[str, Any], place: str) -> None:
    old = bytes.fromhex(vector["old"])
    card = new_card(card_profile(initial_control_key=old))
    assert card.sw(place) == "9000"
    assert card.authenticate(vector["old"]) == "9000"
    challenge = vector["challenge"]
    card.randomness.value = bytes.fromhex(challenge)
    assert card.data(f"00840000{len(challenge) // 2:02X}") == challenge
    assert card.raw(vector["head"] + vector["enciphered"] + vector["mac"]) == "9000"
    assert card.authenticate(vector["old"]) == "63C5"
    assert card.authenticate(vector["new"]) == "9000"


@pytest.mark.parametrize("vector", VECTORS["authenticate"], ids=lambda each: each["source"])
def test_authentication_with_a_control_key(vector: dict[str, Any]) -> None:
    key = bytes.fromhex(vector["key"])
    for place in (ADF, DDF):
        card = new_card(card_profile(initial_control_key=key))
        assert card.sw(place) == "9000"
        card.randomness.value = bytes.fromhex(vector["challenge"])
        assert card.data("0084000010") == vector["challenge"]
        assert card.raw(vector["command"]) == "9000"


@pytest.mark.parametrize(
    "command", [each["command"] for each in VECTORS["command"]], ids=lambda each: each[:8]
)
def test_every_printed_command_is_known(command: str) -> None:
    """None is refused for its header, length or form."""
    card = application(user=True)
    assert card.send(command).sw not in (0x6A80, 0x6A82, 0x6A86, 0x6D00, 0x6E00, 0x6700)


def test_the_mac_of_the_tests_is_that_of_the_reference() -> None:
    """The last block and its fold (ref 02 §8.5)."""
    key = bytes.fromhex("4D59306C7397E06DE3CD82A14A926FBA")
    enciphered = sm4.encrypt(key, bytes.fromhex("04876543218000000000000000000000"))
    assert enciphered.hex().upper() == "9DA70F7F81FE7174EF6821A940D41474"
    message = bytes.fromhex("845E010014") + enciphered
    assert folded_mac(key, message, bytes.fromhex(CHALLENGE)).hex().upper() == "298A643D"
