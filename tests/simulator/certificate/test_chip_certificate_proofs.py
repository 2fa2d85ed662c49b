"""PINs, control keys and challenges: what counts, what falls, what is locked."""

from __future__ import annotations

import pytest
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADMIN,
    ADMIN_PIN,
    CHALLENGE,
    CONTROL_KEY,
    DDF,
    GENERATE,
    USER,
    USER_PIN,
    CertificateCard,
    application,
    card_profile,
    filled,
    new_card,
    pin_key,
)

from sscard_ic.crypto import sm4

WRONG = "999999"
OTHER_KEY = "10" * 16
PINS = ((USER, USER_PIN), (ADMIN, ADMIN_PIN))


def tries(card: CertificateCard) -> dict[str, object]:
    """Tries left, by the last two steps of their paths."""
    return {
        path.removeprefix("certificate/").removesuffix("/tries"): left
        for path, left in card.states.items()
        if path.endswith("/tries")
    }


@pytest.mark.parametrize(("reference", "pin"), PINS)
def test_a_pin_is_locked_after_its_tries(reference: str, pin: str) -> None:
    settings = {"user_pin_tries": 3, "admin_pin_tries": 3}
    card = application(card_profile(settings))
    answers = [card.verify(reference, WRONG) for _ in range(3)]
    assert answers == ["63C2", "63C1", "63C0"]
    assert card.verify(reference, pin) == "6983"
    assert card.change_pin(reference, pin, "1234") == "6983"
    card.reset()
    assert card.sw(ADF) == "9000"
    assert card.verify(reference, pin) == "6983"
    for other, right in PINS:
        if other != reference:
            assert card.verify(other, right) == "9000"


def test_a_success_gives_all_tries_back() -> None:
    card = application()
    assert [card.verify(USER, WRONG) for _ in range(5)][-1] == "63C1"
    assert card.verify() == "9000"
    assert card.verify(USER, WRONG) == "63C5"


def test_a_failure_takes_back_its_own_pin_only() -> None:
    card = application(card_profile(rules={"generate_key": "user_and_admin_pin"}))
    assert card.verify() == "9000"
    assert card.verify(ADMIN, ADMIN_PIN) == "9000"
    assert card.raw(GENERATE) == "9000"
    assert card.verify(ADMIN, WRONG) == "63C5"
    assert card.raw(GENERATE) == "6982"
    assert card.verify(ADMIN, ADMIN_PIN) == "9000"
    assert card.raw(GENERATE) == "9000", "the user PIN is still verified"


@pytest.mark.parametrize("length", [8, 16])
def test_a_challenge_serves_once(length: int) -> None:
    card = application()
    card.challenge_length = length
    proof = card.proof(pin_key(USER_PIN))
    assert card.raw(f"0020018110{proof}") == "9000"
    assert card.raw(f"0020018110{proof}") == "6984"
    assert card.raw(GENERATE) == "9000", "what was not tried does not fall"
    assert tries(card)["pins/user"] == 6


def test_a_failure_uses_the_challenge_up() -> None:
    card = application()
    proof = card.proof(pin_key(USER_PIN))
    assert card.raw("0020018110" + "00" * 16) == "63C5"
    assert card.raw(f"0020018110{proof}") == "6984"
    assert tries(card)["pins/user"] == 5


def test_only_the_latest_challenge_counts() -> None:
    card = application()
    old = card.proof(pin_key(USER_PIN))
    card.randomness.value = bytes(range(16))
    assert card.data("0084000010") == bytes(range(16)).hex().upper()
    assert card.raw(f"0020018110{old}") == "63C5"


def test_a_reset_voids_the_challenge() -> None:
    card = application()
    proof = card.proof(pin_key(USER_PIN))
    card.reset()
    assert card.sw(ADF) == "9000"
    assert card.raw(f"0020018110{proof}") == "6984"


def test_selecting_keeps_pins_and_drops_the_control_key() -> None:
    card = application()
    assert card.verify() == "9000"
    assert card.authenticate() == "9000"
    assert card.sw(ADF) == "9000", "the same directory: nothing falls"
    assert card.sw(DDF) == "9000"
    assert card.replace_key(CONTROL_KEY, OTHER_KEY) == "6982"
    assert card.sw(ADF) == "9000"
    assert card.replace_key(CONTROL_KEY, OTHER_KEY) == "6982"
    assert card.raw(GENERATE) == "9000"


@pytest.mark.parametrize("place", [ADF, DDF], ids=["ADF", "DDF"])
def test_a_control_key_is_locked_after_its_tries(place: str) -> None:
    card = new_card(card_profile({"control_key_tries": 2}))
    assert card.sw(place) == "9000"
    assert card.authenticate() == "9000"
    assert card.authenticate(OTHER_KEY) == "63C1"
    assert card.replace_key(CONTROL_KEY, OTHER_KEY) == "6982", "the failure took the proof back"
    assert card.authenticate(OTHER_KEY) == "63C0"
    assert card.authenticate() == "6983"
    assert card.sw(DDF if place == ADF else ADF) == "9000"
    assert card.authenticate() == "9000", "each directory has its own"


def test_a_control_key_is_replaced_once() -> None:
    card = application()
    assert card.authenticate() == "9000"
    assert card.replace_key(CONTROL_KEY, OTHER_KEY) == "9000"
    assert card.replace_key(OTHER_KEY, CONTROL_KEY) == "6982", "what the old key proved is gone"
    assert card.authenticate() == "63C5"
    assert card.authenticate(OTHER_KEY) == "9000"
    assert card.sw(DDF) == "9000"
    assert card.authenticate() == "9000", "that of the environment is another one"


@pytest.mark.parametrize("authenticated", [True, False])
def test_a_wrong_mac_counts_as_a_wrong_key(authenticated: bool) -> None:
    settings = {"change_needs_authentication": authenticated, "control_key_tries": 2}
    card = application(card_profile(settings))
    if authenticated:
        assert card.authenticate() == "9000"
    assert card.replace_key(OTHER_KEY, OTHER_KEY) == "6988"
    assert tries(card)["keys/application"] == 1
    again = card.replace_key(OTHER_KEY, OTHER_KEY)
    assert again == ("6982" if authenticated else "6988"), "the failure took the proof back"
    assert card.authenticate() == ("9000" if authenticated else "6983")


def test_without_authentication_where_the_card_asks_for_none() -> None:
    card = application(card_profile({"change_needs_authentication": False}))
    assert card.replace_key(CONTROL_KEY, OTHER_KEY) == "9000"
    assert card.authenticate(OTHER_KEY) == "9000"


@pytest.mark.parametrize(
    "plain",
    [
        "12000000" + OTHER_KEY + "80" + "00" * 11,
        "14000000" + OTHER_KEY + "0080" + "00" * 10,
        "13000001" + OTHER_KEY + "80" + "00" * 11,
        "13000000" + OTHER_KEY + "00" * 12,
        "13000000" + OTHER_KEY + "80" + "00" * 10 + "01",
        "FF" * 32,
    ],
)
def test_a_control_key_of_another_form(plain: str) -> None:
    card = application()
    assert card.authenticate() == "9000"
    key = bytes.fromhex(CONTROL_KEY)
    before = card.states
    assert card.sw(card.protected("84D4010024", key, bytes.fromhex(plain))) == "6A80"
    assert card.states == before


@pytest.mark.parametrize(("reference", "pin"), PINS)
@pytest.mark.parametrize("new", ["1234", "000000", "87654321", "12345678901234"])
def test_a_pin_is_changed(reference: str, pin: str, new: str) -> None:
    card = application()
    assert card.change_pin(reference, pin, new) == "9000"
    assert card.verify(reference, pin) == "63C5"
    assert card.verify(reference, new) == "9000"
    for other, unchanged in PINS:
        if other != reference:
            assert card.verify(other, unchanged) == "9000"


def test_a_new_pin_is_to_be_verified_anew() -> None:
    card = application(user=True)
    assert card.change_pin(ADMIN, ADMIN_PIN, "87654321") == "9000"
    assert card.raw(GENERATE) == "9000"
    assert card.change_pin(USER, USER_PIN, "654321") == "9000"
    assert card.raw(GENERATE) == "6982"


def test_a_change_with_a_wrong_pin_counts() -> None:
    card = application(user=True)
    assert card.change_pin(USER, WRONG, "654321") == "63C5"
    assert card.raw(GENERATE) == "6982"
    assert card.change_pin(USER, WRONG, "654321") == "63C4"
    assert card.verify() == "9000"
    assert tries(card)["pins/user"] == 6


@pytest.mark.parametrize(
    "new", ["", "12", "12345A", "FFFFFF", "1234567890123456"], ids=lambda new: new or "none"
)
def test_a_new_pin_that_is_none(new: str) -> None:
    card = application(user=True)
    before = card.states
    assert card.change_pin(USER, USER_PIN, new) == "6A80"
    assert card.states == before
    assert card.verify() == "9000"


def test_a_new_pin_of_another_form() -> None:
    card = application()
    plain = bytearray(filled(bytes.fromhex("654321"), 16))
    plain[-1] = 1
    apdu = card.protected(f"845E01{USER}14", pin_key(USER_PIN), bytes(plain))
    assert card.sw(apdu) == "6A80"
    assert card.verify() == "9000"


def test_the_mac_begins_with_the_challenge() -> None:
    """A command made for one challenge serves for no other one."""
    card = application()
    recorded = card.protected(f"845E01{USER}14", pin_key(USER_PIN), filled(b"\x65\x43\x21", 16))
    card.randomness.value = bytes(range(16))
    assert card.data("0084000010") != CHALLENGE
    assert card.sw(recorded) == "63C5"


def test_the_proof_of_a_pin_is_none_of_a_control_key() -> None:
    """Both ask for SM4 over a challenge, each with its own key."""
    card = application()
    assert card.sw(f"0082000010{card.proof(pin_key(USER_PIN))}") == "63C5"
    assert card.sw(f"0020018110{card.proof(pin_key(ADMIN_PIN))}") == "63C5"
    assert card.sw(f"0020018110{card.proof(bytes.fromhex(CONTROL_KEY))}") == "63C4"


def test_a_challenge_of_the_other_application() -> None:
    """The chip has one challenge; four bytes, as the other application gives, are no use here."""
    card = new_card()
    assert card.data("0084000004") == CHALLENGE[:8]
    assert card.sw(ADF) == "9000"
    proof = sm4.encrypt(pin_key(USER_PIN), bytes.fromhex(CHALLENGE[:8]).ljust(16, b"\x00"))
    assert card.raw(f"0020018110{proof.hex()}") == "6984"
