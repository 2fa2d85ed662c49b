"""Secure channels whose KMC stays in the token (ref 04 §7.2-7.3)."""

from __future__ import annotations

from typing import Literal

import pytest

from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des
from sscard_ic.crypto.pboc import channel as rules
from sscard_ic.crypto.published import published_test_key
from sscard_ic.keys import MissingCapabilityError, SoftwareVault
from sscard_ic.keys.bank_capabilities import BankCard, InitializeUpdate, card_personalizer
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService
from sscard_ic.profile.financial import BankKeys, ChipSettings

Rule = Literal["emv_cps", "none"]
KEY_DATA = bytes.fromhex("888880FFFFFF01020304")
HOST, CARD = bytes(range(8)), bytes.fromhex("0001A1A2A3A4A5A6")


def _answer(derivation: Rule) -> InitializeUpdate:
    key = published_test_key(BankKeys().card_manager, 1)
    if derivation != "none":
        key = des.encrypt(key, rules.derivation_block(derivation, KEY_DATA, "enc"))
    session = rules.session_key("02", "enc", des.Encryptor(key).encrypt, HOST, CARD)
    return InitializeUpdate(KEY_DATA, 1, 2, CARD, rules.cryptogram(session, HOST, CARD))


@pytest.mark.parametrize("derivation", ["emv_cps", "none"])
def test_the_token_opens_what_the_vault_opens(
    host: Pkcs11HostService, vault: SoftwareVault, derivation: Rule
) -> None:
    settings, keys = ChipSettings(derivation=derivation), BankKeys()
    one, other = (
        card_personalizer(service).open_channel(keys, settings, HOST, _answer(derivation))
        for service in (host, vault)
    )
    assert one.authentication == other.authentication
    card = BankCard("8888800000123456", 1)
    assert one.card_keys(card, "none") == other.card_keys(card, "none")
    secret = Secret(bytes(8))
    assert one.encipher(secret, "none") == other.encipher(secret, "none")
    with pytest.raises(MissingCapabilityError):
        one.translate(keys.transport, 1, "3des", bytes(8), "none")


def test_a_token_that_keeps_card_keys_is_no_personalizer(inside: Pkcs11TokenService) -> None:
    with pytest.raises(MissingCapabilityError):
        card_personalizer(inside)
