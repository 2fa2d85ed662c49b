"""A grant is looked at before anything of it comes near a card: whose is it, is it good?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.certificate_requests import request_for
from tests.support.plant import CLOCK
from tests.support.wrong_authorities import Fault, WrongAuthority

from sscard_ic.base import InputError, Secret, SscardError
from sscard_ic.crypto.certificates import (
    CertificateError,
    DistinguishedName,
    build_certificate,
)
from sscard_ic.hosts.card_certificates import CardCertificates
from sscard_ic.hosts.certificate_authority import CertificateAuthority, CertificateRequest
from sscard_ic.hosts.published_authority import published_operating
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.certifying import CertificateHolder, WrongGrant, check_grant, trusted_by
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.profile import load
from sscard_ic.profile.certificate import CertificateApplication, CertificateContents

NOW = CLOCK.now()


@pytest.fixture(scope="module")
def model() -> CertificateApplication:
    found = load("urumqi").structure.certificates
    assert found is not None
    return found


@pytest.fixture(scope="module")
def request_() -> CertificateRequest:
    return request_for()


def holder(request: CertificateRequest) -> CertificateHolder:
    return CertificateHolder(
        request.name, request.card_number, request.social_security_number, request.region
    )


def check(
    grant: CertificateGrant,
    request: CertificateRequest,
    model: CertificateApplication,
    authority: CertificateAuthority | None = None,
) -> None:
    trusted = trusted_by(authority or TestAuthority(CLOCK))
    check_grant(grant, request.public_key, holder(request), model, trusted, NOW)


def test_a_good_grant(request_: CertificateRequest, model: CertificateApplication) -> None:
    grant = TestAuthority(CLOCK).register(request_)
    trusted = trusted_by(TestAuthority(CLOCK))
    pair = check_grant(grant, request_.public_key, holder(request_), model, trusted, NOW)
    assert pair.signature.public == request_.public_key
    assert pair.signature.common_name == pair.encryption.common_name == request_.name
    assert "digital_signature" in pair.signature.key_usage


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("another_key", "public_key"),
        ("swapped", "public_key"),
        ("another_person", "name"),
        ("another_name", "name"),
        ("another_card", "card_number"),
        ("another_pair", "encryption_key"),
    ],
)
def test_grants_for_somebody_else(
    fault: Fault, found: str, request_: CertificateRequest, model: CertificateApplication
) -> None:
    grant = WrongAuthority(fault, CLOCK).register(request_)
    with pytest.raises(WrongGrant) as caught:
        check(grant, request_, model)
    assert caught.value.fault == found
    assert_names_nobody(caught.value, request_)
    assert caught.value.hint is not None
    assert "nothing was written to the card" in caught.value.hint.en


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("expired", "expired"),
        ("not_yet_valid", "not_yet_valid"),
        ("truncated", "unreadable"),
        ("foreign_chain", "unknown_issuer"),
    ],
)
def test_certificates_that_are_no_good(
    fault: Fault, reason: str, request_: CertificateRequest, model: CertificateApplication
) -> None:
    grant = WrongAuthority(fault, CLOCK).register(request_)
    with pytest.raises(CertificateError) as caught:
        check(grant, request_, model)
    assert caught.value.reason == reason
    assert "the signature certificate" in caught.value.where
    assert_names_nobody(caught.value, request_)


def assert_names_nobody(error: SscardError, request: CertificateRequest) -> None:
    for told in (error.render("zh"), error.render("en")):
        for person in (request.name, request.card_number, request.social_security_number):
            assert person not in told


def test_nobody_is_trusted(request_: CertificateRequest, model: CertificateApplication) -> None:
    grant = TestAuthority(CLOCK).register(request_)
    with pytest.raises(CertificateError) as caught:
        check_grant(grant, request_.public_key, holder(request_), model, (), NOW)
    assert caught.value.reason == "unknown_issuer"


Spoil = Callable[[CertificateGrant, CertificateRequest], CertificateGrant]


def _another_number(grant: CertificateGrant, request: CertificateRequest) -> CertificateGrant:
    other = replace(request, social_security_number="111111198101011110")
    return TestAuthority(CLOCK).register(other)


def _another_encryption(grant: CertificateGrant, request: CertificateRequest) -> CertificateGrant:
    other = TestAuthority(CLOCK).register(replace(request, name="李四"))
    return replace(grant, encryption_certificate=other.encryption_certificate)


def _usage(grant: CertificateGrant, request: CertificateRequest) -> CertificateGrant:
    signature = CertificateContents()
    contents = signature.model_copy(
        update={
            "encryption_card_number": signature.signature_card_number,
            "encryption_holder_digest": signature.signature_holder_digest,
        }
    )
    maker = CardCertificates(published_operating().signer, contents)
    der = maker.make("encryption", request, request.public_key, (), NOW)
    return replace(grant, signature_certificate=der)


def _authority(grant: CertificateGrant, request: CertificateRequest) -> CertificateGrant:
    operating = published_operating()
    return replace(
        grant,
        signature_certificate=build_certificate(
            DistinguishedName.of(("CN", request.name)),
            request.public_key,
            operating.signer,
            not_before=NOW - timedelta(days=1),
            not_after=NOW + timedelta(days=1),
            authority=True,
        ),
    )


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_another_number, "holder_digest"),
        (_another_encryption, "name"),
        (_usage, "key_usage"),
        (_authority, "authority"),
    ],
)
def test_what_else_a_certificate_may_say(
    spoil: Spoil, fault: str, request_: CertificateRequest, model: CertificateApplication
) -> None:
    grant = spoil(TestAuthority(CLOCK).register(request_), request_)
    with pytest.raises(WrongGrant) as caught:
        check(grant, request_, model)
    assert caught.value.fault == fault
    assert_names_nobody(caught.value, request_)


def test_the_digest_of_the_holder_may_be_left_unchecked(
    request_: CertificateRequest, model: CertificateApplication
) -> None:
    grant = _another_number(TestAuthority(CLOCK).register(request_), request_)
    contents = model.contents.model_copy(update={"holder_digest": "unchecked"})
    check(grant, request_, model.model_copy(update={"contents": contents}))


def test_a_certificate_that_has_no_room_on_the_card(
    request_: CertificateRequest, model: CertificateApplication
) -> None:
    settings = model.settings.model_copy(update={"certificate_size": 500})
    with pytest.raises(WrongGrant, match="its file on the card 500") as caught:
        check(
            TestAuthority(CLOCK).register(request_),
            request_,
            model.model_copy(update={"settings": settings}),
        )
    assert caught.value.fault == "length"


@pytest.mark.parametrize(
    "part",
    [{"control_key": Secret(bytes(15))}, {"admin_pin": Secret(b"\x12\x3a\x56\x78")}],
    ids=["control key", "PIN"],
)
def test_locks_that_no_card_takes(
    part: dict[str, Secret], request_: CertificateRequest, model: CertificateApplication
) -> None:
    grant = replace(TestAuthority(CLOCK).register(request_), **part)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        check(grant, request_, model)


@pytest.mark.parametrize("blob", [b"", bytes(388), b"\x01"])
def test_an_envelope_that_is_none(
    blob: bytes, request_: CertificateRequest, model: CertificateApplication
) -> None:
    grant = replace(TestAuthority(CLOCK).register(request_), wrapped_key=blob)
    with pytest.raises(SscardError) as caught:
        check(grant, request_, model)
    assert_names_nobody(caught.value, request_)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("阿依古丽·买买提", "阿依古丽•买买提"),
        ("阿依古丽・买买提", "阿依古丽·买买提"),
        ("阿依古丽‧买买提", "阿依古丽･买买提"),
        ("Jose\u0301", "José"),
    ],
    ids=["bullet", "katakana", "hyphenation", "composed"],
)
def test_a_name_that_is_written_in_another_way(
    asked: str, granted: str, request_: CertificateRequest, model: CertificateApplication
) -> None:
    grant = TestAuthority(CLOCK).register(replace(request_, name=granted))
    check(grant, replace(request_, name=asked), model)


@pytest.mark.parametrize("granted", ["阿依古丽买买提", "阿依古丽·买买提江", "阿依古丽.买买提"])
def test_a_name_that_is_another_one(
    granted: str, request_: CertificateRequest, model: CertificateApplication
) -> None:
    grant = TestAuthority(CLOCK).register(replace(request_, name=granted))
    with pytest.raises(WrongGrant) as caught:
        check(grant, replace(request_, name="阿依古丽·买买提"), model)
    assert caught.value.fault == "name"
