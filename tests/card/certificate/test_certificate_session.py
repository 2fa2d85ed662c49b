"""Selecting the application, and what ends a session with it."""

from __future__ import annotations

import pytest
from tests.card.certificate.bench import (
    ADMIN,
    APPLICATION,
    ENVIRONMENT,
    USER,
    Scripted,
    bench,
    changed,
    scripted,
)
from tests.simulator import cards

from sscard_ic.base import CardError
from sscard_ic.card import (
    CertificateApplication,
    CertificateRefused,
    NoCertificateApplication,
    Refused,
    SocialSecurityCard,
)
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank


def test_the_constructor_selects_environment_and_application() -> None:
    made = bench()
    CertificateApplication(open_session(made.wire), made.model)
    names = [ENVIRONMENT[0], APPLICATION[0]]
    assert [raw.hex().upper() for raw in made.sent()] == names


def test_a_card_of_the_second_generation() -> None:
    model = changed().structure.certificates
    assert model is not None
    connection = open_session(VirtualConnection(blank(load("dalian"), bytes(6))))
    with pytest.raises(NoCertificateApplication) as caught:
        CertificateApplication(connection, model)
    error = caught.value
    assert isinstance(error, CardError)
    assert error.sw == 0x6A82
    assert "third generation" in str(error)
    assert "第三代" in error.render("zh")
    assert error.hint is not None


@pytest.mark.parametrize("status", ["6A81", "6A82", "6A86", "6A88", "6D00", "6E00", "6F00"])
@pytest.mark.parametrize("inside", [False, True])
def test_cards_that_say_it_otherwise(status: str, inside: bool) -> None:
    script = [ENVIRONMENT] * inside + [((APPLICATION if inside else ENVIRONMENT)[0], status)]
    model = changed().structure.certificates
    assert model is not None
    with pytest.raises(NoCertificateApplication, match=status):
        CertificateApplication(open_session(Scripted(*script)), model)


def test_a_blocked_application_is_not_a_missing_one() -> None:
    model = changed().structure.certificates
    assert model is not None
    with pytest.raises(CertificateRefused, match="select the certificate environment") as caught:
        CertificateApplication(open_session(Scripted((ENVIRONMENT[0], "6283"))), model)
    assert caught.value.sw == 0x6283


def test_the_social_security_application_ends_it() -> None:
    """Both on one connection: each SELECT drops what was verified in the other one."""
    profile = changed(rules={"read_public": "user_pin"})
    model = profile.structure.certificates
    assert model is not None
    session = open_session(VirtualConnection(cards.finished_card(profile).chip))
    first = CertificateApplication(session, model)
    first.verify_pin("user", USER)
    assert first.public_key("signature") is None
    card = SocialSecurityCard(session, profile)
    with pytest.raises(CertificateRefused, match="6A82") as caught:
        first.public_key("signature")
    assert caught.value.hint is not None
    assert "another application was selected" in caught.value.hint.en
    second = CertificateApplication(session, model)
    with pytest.raises(CertificateRefused, match="needed: user PIN"):
        second.public_key("signature")
    second.verify_pin("user", USER)
    assert second.public_key("signature") is None
    with pytest.raises(Refused):
        card.read_basic()


def test_a_challenge_of_another_length() -> None:
    card, application = scripted(("0084000010", "0102030405060708 9000"))
    with pytest.raises(CardError, match="8 bytes, not 16"):
        application.verify_pin("user", USER)
    card.close()


def test_a_challenge_that_is_refused() -> None:
    card, application = scripted(("0084000010", "6700"))
    with pytest.raises(CertificateRefused, match="get a challenge"):
        application.verify_pin("user", USER)
    card.close()


def test_a_used_up_challenge() -> None:
    challenge = "178CEDCF32C5D7990216632170C7CD37"
    card, application = scripted(
        ("0084000010", challenge + "9000"),
        ("0020018110358B51056B9B9EB2C96B20E7DB7A6B8F", "6984"),
    )
    with pytest.raises(Refused, match="6984") as caught:
        application.verify_pin("user", USER)
    assert caught.value.hint is not None
    assert caught.value.tries_left is None
    card.close()


def test_pins_are_named_by_the_profile() -> None:
    card, application = scripted(
        ("0084000008", "00" * 8 + "9000"), ("0020010010*", "9000"), challenge=8
    )
    application.verify_pin("admin", ADMIN)
    card.close()


def test_a_reset_ends_it() -> None:
    made = bench(rules={"read_public": "user_pin"})
    made.application.verify_pin("user", USER)
    with pytest.raises(CertificateRefused, match="6982"):
        made.again().public_key("signature")
