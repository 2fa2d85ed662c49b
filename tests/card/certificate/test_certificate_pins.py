"""Both PINs of the certificate application at the terminal (ref 02 §8.2, §8.3, §8.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.card.certificate.bench import ADMIN, NEW_ADMIN, USER, WRONG, Bench, bench, scripted

from sscard_ic.card import CertificateRefused, Refused, WrongCertificatePin
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.profile.certificate import PinName

PINS = pytest.mark.parametrize(("name", "right"), [("user", USER), ("admin", ADMIN)])
CHALLENGE = "178CEDCF32C5D7990216632170C7CD37"


def _block(made: Bench, name: PinName) -> None:
    for _ in range(6):
        assert not made.application.accepts_pin(name, WRONG)


@PINS
@pytest.mark.parametrize("length", [8, 16])
def test_verify_takes_two_exchanges(name: PinName, right: CertificatePin, length: int) -> None:
    made = bench(challenge=length)
    made.application.verify_pin(name, right)
    p2 = {"user": "81", "admin": "00"}[name]
    challenge, verify = (raw.hex().upper() for raw in made.sent())
    assert challenge == f"00840000{length:02X}"
    assert verify[:10] == f"002001{p2}10"


@PINS
def test_a_wrong_pin(name: PinName, right: CertificatePin) -> None:
    made = bench()
    for left in (5, 4):
        with pytest.raises(WrongCertificatePin) as caught:
            made.application.verify_pin(name, WRONG)
        assert caught.value.tries_left == left
        assert caught.value.pin == name
    made.application.verify_pin(name, right)
    with pytest.raises(Refused) as again:
        made.application.verify_pin(name, WRONG)
    assert again.value.tries_left == 5


@PINS
def test_down_to_the_lock(name: PinName, right: CertificatePin) -> None:
    made = bench()
    hints = []
    for left in range(5, -1, -1):
        with pytest.raises(WrongCertificatePin) as caught:
            made.application.verify_pin(name, WRONG)
        assert caught.value.tries_left == left
        assert caught.value.hint is not None
        hints.append(caught.value.hint.en)
    assert "costs a try" in hints[0]
    assert "one more wrong" in hints[4]
    assert "locked" in hints[5]
    for attempt in (made.application, made.again()):
        with pytest.raises(WrongCertificatePin, match="6983") as caught:
            attempt.verify_pin(name, right)
        assert caught.value.tries_left == 0
        assert caught.value.hint is not None
        assert "replaced" in caught.value.hint.en
    other: PinName = "admin" if name == "user" else "user"
    made.application.verify_pin(other, ADMIN if other == "admin" else USER)


@PINS
def test_accepts(name: PinName, right: CertificatePin) -> None:
    made = bench()
    assert not made.application.accepts_pin(name, WRONG)
    assert made.application.accepts_pin(name, right)
    _block(made, name)
    with pytest.raises(WrongCertificatePin, match="6983"):
        made.application.accepts_pin(name, right)


def test_what_is_accepted_is_verified() -> None:
    made = bench(rules={"read_public": "user_and_admin_pin"})
    assert made.application.accepts_pin("user", USER)
    with pytest.raises(CertificateRefused, match="needed: admin PIN"):
        made.application.public_key("signature")
    assert made.application.accepts_pin("admin", ADMIN)
    assert made.application.public_key("signature") is None
    assert not made.application.accepts_pin("user", WRONG)
    with pytest.raises(CertificateRefused, match="needed: user PIN"):
        made.application.public_key("signature")


@PINS
@pytest.mark.parametrize("length", [8, 16])
def test_change(name: PinName, right: CertificatePin, length: int) -> None:
    made = bench(challenge=length)
    made.application.change_pin(name, right, NEW_ADMIN)
    assert len(made.sent()) == 2
    assert not made.application.accepts_pin(name, right)
    assert made.again().accepts_pin(name, NEW_ADMIN)


@PINS
def test_change_with_a_wrong_old_one(name: PinName, right: CertificatePin) -> None:
    made = bench()
    with pytest.raises(WrongCertificatePin, match="change the") as caught:
        made.application.change_pin(name, WRONG, NEW_ADMIN)
    assert caught.value.tries_left == 5
    assert made.application.accepts_pin(name, right)
    _block(made, name)
    with pytest.raises(WrongCertificatePin, match="6983"):
        made.application.change_pin(name, right, NEW_ADMIN)


def test_pins_of_other_lengths() -> None:
    made = bench()
    made.application.change_pin("user", USER, CertificatePin.of("2468"))
    made.application.change_pin("user", CertificatePin.of("2468"), CertificatePin.of("1" * 14))
    assert made.again().accepts_pin("user", CertificatePin.of("1" * 14))


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("6300", "costs a try"),  # cards that count nothing
        ("6988", "costs a try"),
        ("6A88", "check user_pin"),
        ("6A86", "does not have the command"),
        ("6984", "check challenge"),
    ],
)
def test_statuses_of_other_cards(status: str, hint: str) -> None:
    card, application = scripted(("0084000010", CHALLENGE + "9000"), ("845E018114*", status))
    with pytest.raises(WrongCertificatePin, match=status) as caught:
        application.change_pin("user", USER, WRONG)
    assert caught.value.hint is not None
    assert hint in caught.value.hint.en
    card.close()


def test_6300_is_a_wrong_pin_for_cards_that_count_nothing() -> None:
    card, application = scripted(
        ("0084000010", CHALLENGE + "9000"),
        ("0020018110*", "6300"),
        ("0084000010", CHALLENGE + "9000"),
        ("0020018110358B51056B9B9EB2C96B20E7DB7A6B8F", "9000"),
    )
    assert not application.accepts_pin("user", WRONG)
    assert application.accepts_pin("user", USER)
    card.close()


def test_no_error_shows_a_pin() -> None:
    application = bench().application
    attempts: list[Callable[[], None]] = [
        lambda: application.verify_pin("user", WRONG),
        lambda: application.change_pin("admin", WRONG, NEW_ADMIN),
    ]
    for attempt in attempts:
        with pytest.raises(WrongCertificatePin) as caught:
            attempt()
        shown = caught.value.render("zh") + caught.value.render("en") + repr(caught.value)
        assert "999999" not in shown
        assert "80142536" not in shown
