"""Certificate requests made and read here."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crypto.certificates.pki import HOLDER, pki

from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.certificates import (
    CertificateError,
    DistinguishedName,
    Request,
    build_request,
    der,
    parse_request,
)
from sscard_ic.crypto.sm2 import message_digest

CARD = pki().card
REQUEST = build_request(HOLDER, CARD.pair.public, CARD.sign)


def refused(data: bytes, reason: str, why: str) -> None:
    with pytest.raises(CertificateError, match=why) as caught:
        parse_request(data)
    assert caught.value.reason == reason
    assert caught.value.hint is not None
    assert any("\u4e00" <= char <= "\u9fff" for char in caught.value.what.zh)


def test_what_is_asked_for_is_read_back() -> None:
    request = parse_request(REQUEST)
    assert request == Request(REQUEST, HOLDER, CARD.pair.public)
    assert request.subject.parts == HOLDER.parts
    assert parse_request(request.pem().encode()) == request
    assert parse_request(request.pem().replace("CERT", "NEW CERT").encode()) == request
    assert "样本" not in repr(request)


def test_the_signature_is_over_the_contents() -> None:
    asked: list[bytes] = []

    def sign(digest: bytes) -> bytes:
        asked.append(digest)
        return CARD.sign(digest)

    data = build_request(HOLDER, CARD.pair.public, sign, user_id=b"someone")
    content = der.parts(data)[0].whole
    assert asked == [message_digest(CARD.pair.public, content, b"someone")]
    assert parse_request(data, user_id=b"someone").subject == HOLDER
    refused(data, "signature", "signature of the request is wrong")


def test_a_request_signed_with_another_key_is_refused() -> None:
    data = build_request(HOLDER, CARD.pair.public, pki().root.sign)
    refused(data, "signature", "signature of the request is wrong")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "damaged"),
        (b"text", "damaged"),
        (REQUEST[:-1], "cut"),
        (REQUEST + b"\x00", "damaged"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\n", "one request"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\n*\n-----END CERTIFICATE REQUEST-----", "Base64"),
        (pki().card_certificate.der, "not those of a request"),
        (REQUEST.replace(b"\x02\x01\x00", b"\x02\x01\x01", 1), "version"),
    ],
    ids=["empty", "text", "cut", "more", "half PEM", "wrong Base64", "certificate", "version"],
)
def test_no_request(data: bytes, why: str) -> None:
    refused(data, "unreadable", why)


def test_a_request_with_another_algorithm_or_key_is_refused() -> None:
    ecdsa = REQUEST.replace(bytes.fromhex("2A811CCF55018375"), bytes.fromhex("2A8648CE3D040302"))
    refused(ecdsa, "unsupported", "not SM2 with SM3")
    curve = REQUEST.replace(bytes.fromhex("2A811CCF5501822D"), bytes.fromhex("2A8648CE3D030107"))
    refused(curve, "unsupported", "no SM2 key")
    beside = CARD.pair.public[:-1] + bytes((CARD.pair.public[-1] ^ 1,))
    refused(REQUEST.replace(CARD.pair.public, beside), "key", "off the SM2 curve")


def test_attributes_are_passed_over() -> None:
    from sscard_ic.crypto.certificates.signing import signed_object
    from sscard_ic.crypto.sm2 import DEFAULT_USER_ID

    content, *_ = der.parts(REQUEST)
    *fields, _ = (field.whole for field in der.members(content))
    password = encode_ber(0x30, der.oid("1.2.840.113549.1.9.7"), encode_ber(0x31, b"\x0c\x01x"))
    changed = encode_ber(0x30, *fields, encode_ber(0xA0, password))
    data = signed_object(changed, CARD.pair.public, CARD.sign, DEFAULT_USER_ID)
    assert parse_request(data).public == CARD.pair.public


def test_an_empty_name_is_a_name() -> None:
    data = build_request(DistinguishedName.of(), CARD.pair.public, CARD.sign)
    assert parse_request(data).subject.parts == ()


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(REQUEST) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(place: int, change: int) -> None:
    data = bytearray(REQUEST)
    data[place] ^= change
    with pytest.raises(CertificateError):
        parse_request(bytes(data))
