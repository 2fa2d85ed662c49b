"""The bank's keys in a token: roots stay inside; a token that keeps card keys says it cannot."""

from __future__ import annotations

import pytest

from sscard_ic.base import Secret
from sscard_ic.keys import MissingCapabilityError, SoftwareVault
from sscard_ic.keys.bank_capabilities import BankCard, bank_issuer
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService

CARD = BankCard("8888800000123456", 1)


@pytest.mark.parametrize("atc", [1, 0xFFFE])
def test_a_token_answers_as_the_vault(
    host: Pkcs11HostService, vault: SoftwareVault, atc: int
) -> None:
    mine, theirs = bank_issuer(host), bank_issuer(vault)
    data, code, pin = bytes(range(37)), b"00", Secret(b"123456")
    arqc = mine.application_cryptogram(CARD, atc, data)
    assert arqc == theirs.application_cryptogram(CARD, atc, data)
    arpc = mine.response_cryptogram(CARD, atc, arqc, code)
    assert arpc == theirs.response_cryptogram(CARD, atc, arqc, code)
    head = bytes.fromhex("04DA9F79")
    mac = mine.script_mac(CARD, atc, arqc, head, bytes(6))
    assert mac == theirs.script_mac(CARD, atc, arqc, head, bytes(6))
    assert mine.discretionary_mac(CARD, atc, bytes(5)) == theirs.discretionary_mac(
        CARD, atc, bytes(5)
    )
    assert mine.pin_data(CARD, atc, pin) == theirs.pin_data(CARD, atc, pin)


def test_card_keys_that_stay_inside_answer_for_no_bank(inside: Pkcs11TokenService) -> None:
    with pytest.raises(MissingCapabilityError) as caught:
        bank_issuer(inside)
    assert "cannot answer for the bank" in caught.value.what.en
    assert caught.value.hint is not None
    assert 'derived_keys = "host"' in caught.value.hint.en
