"""Secure messaging as a capability of a key service: the keys protect messages and stay inside."""

from __future__ import annotations

from typing import get_args

import pytest
from tests.keys.key_samples import KEYS, PASSPHRASE
from tests.support.plant import CLOCK

from sscard_ic.base import Secret
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.secure_messaging import Method, message_key
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import (
    CardKey,
    MessageProtector,
    MissingCapabilityError,
    SoftwareVault,
    UnknownKeyError,
    answer_checker,
    create_test_vault,
    message_protector,
)

FACTOR = bytes.fromhex("866033110000048A")
PIN = Secret(bytes.fromhex("258036"))
HEAD = bytes.fromhex("84240001")


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> SoftwareVault:
    return create_test_vault(
        tmp_path_factory.mktemp("vault") / "vault.json", PASSPHRASE, KEYS, clock=CLOCK
    )


def _stk(algorithm: Algorithm) -> tuple[CardKey, bytes]:
    """The STK of a card in Urumqi, and its bits: 8 of 3DES, 16 of SM4."""
    suite = SUITES[algorithm]
    value = published_test_key("STK", 1, 16 if algorithm == "sm4" else 8, algorithm)
    for factor in (b"650000sh", b"650100sx", FACTOR):
        value = suite.diversify(value, factor)
    return CardKey("STK", 1, "650100", FACTOR, algorithm), value


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("length", [4, 8])
def test_messages(vault: SoftwareVault, algorithm: Algorithm, method: Method, length: int) -> None:
    key, value = _stk(algorithm)
    challenge = bytes(range(1, length + 1))
    expected = message_key(algorithm, value, challenge, method)
    assert vault.answer_mac(key, b"data", challenge, method) == expected.mac(b"data")
    field = vault.protect_command(key, HEAD, Secret(b"data"), challenge, method, enciphered=False)
    assert field == b"data" + expected.mac(HEAD + b"\x08data")
    field = vault.protect_command(key, HEAD, PIN, challenge, method, enciphered=True)
    block = SUITES[algorithm].block
    assert field[:block] == expected.encipher(PIN.reveal())
    assert field[block:] == expected.mac(HEAD + bytes((block + 4,)) + field[:block])


def test_sm4_takes_a_challenge_of_16(vault: SoftwareVault) -> None:
    key, value = _stk("sm4")
    challenge = bytes(range(16))
    expected = message_key("sm4", value, challenge, "card_key").mac(b"data")
    assert vault.answer_mac(key, b"data", challenge, "card_key") == expected


def test_a_key_that_is_not_there(vault: SoftwareVault) -> None:
    key = CardKey("STKDF07", 1, "650100", FACTOR)
    with pytest.raises(UnknownKeyError, match="STKDF07"):
        vault.answer_mac(key, b"", bytes(8), "card_key")
    with pytest.raises(UnknownKeyError, match="STKDF07"):
        vault.protect_command(key, HEAD, PIN, bytes(8), "card_key", enciphered=True)


def test_the_capability(vault: SoftwareVault) -> None:
    assert message_protector(vault) is vault
    assert isinstance(vault, MessageProtector)
    with pytest.raises(MissingCapabilityError, match="cannot protect messages") as caught:
        message_protector(object())
    assert answer_checker(vault) is vault
    with pytest.raises(MissingCapabilityError, match="check the MACs of answers"):
        answer_checker(object())
    assert caught.value.hint is not None
