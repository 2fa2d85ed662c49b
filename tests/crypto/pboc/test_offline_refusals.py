"""What offline authentication does not believe, and what nobody can sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.offline_chain import VECTORS, octets

from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.pboc.offline_data import (
    OfflineError,
    PublicKeyCertificate,
    combined_dynamic,
    dynamic_number,
    signed_profile,
    split_combined,
    split_number,
    static_data,
)
from sscard_ic.crypto.rsa import RsaPrivate, RsaPublic

_PAN, _IDENTIFIER, _SERIAL = "6228000100001117", "622800", b"\x00\x00\x01"
_LAST, _AFTER = date(2030, 12, 31), date(2031, 1, 1)
_STATIC = bytes(range(100)) + b"\x7c\x00"
_TERMINAL = bytes.fromhex("11223344")
_SM2 = VECTORS["sm2"]


@dataclass(frozen=True)
class _Chain:
    """Keys of RSA, and certificates that they signed."""

    ca: RsaPrivate
    issuer: RsaPrivate
    card: RsaPrivate

    @property
    def of_issuer(self) -> PublicKeyCertificate:
        parts = self.issuer.public, _IDENTIFIER, date(2030, 12, 5), _SERIAL
        return offline.issuer_certificate(self.ca, *parts)

    @property
    def of_card(self) -> PublicKeyCertificate:
        parts = self.card.public, _PAN, date(2030, 12, 5), _SERIAL, _STATIC
        return offline.card_certificate(self.issuer, *parts)

    def open_issuer(self, made: PublicKeyCertificate) -> RsaPublic:
        parts = made.certificate, made.remainder, made.exponent
        return offline.issuer_key(self.ca.public, *parts, _PAN, _LAST)

    def open_card(self, made: PublicKeyCertificate) -> RsaPublic:
        parts = made.certificate, made.remainder, made.exponent
        return offline.card_key(self.issuer.public, *parts, _STATIC, _PAN, _LAST)


@cache
def _chain(ca: int = 1408, issuer: int = 1408, card: int = 1024, exponent: int = 3) -> _Chain:
    return _Chain(
        RsaPrivate.generate(ca), RsaPrivate.generate(issuer), RsaPrivate.generate(card, exponent)
    )


@pytest.mark.parametrize(
    ("ca", "issuer", "card", "exponent", "remainders"),
    [
        pytest.param(1408, 1408, 1024, 3, (36, 0), id="card key with room to spare"),
        pytest.param(1152, 1152, 1152, 65537, (36, 42), id="keys of one length"),
        pytest.param(1408, 1032, 1024, 3, (0, 41), id="short issuer, odd length"),
    ],
)
def test_a_chain_made_and_checked(
    ca: int, issuer: int, card: int, exponent: int, remainders: tuple[int, int]
) -> None:
    chain = _chain(ca, issuer, card, exponent)
    of_issuer, of_card = chain.of_issuer, chain.of_card
    assert (len(of_issuer.remainder), len(of_card.remainder)) == remainders
    assert len(of_issuer.certificate) == ca // 8
    assert of_card.exponent == exponent.to_bytes(1 if exponent == 3 else 3, "big")
    assert chain.open_issuer(of_issuer) == chain.issuer.public
    assert chain.open_card(of_card) == chain.card.public
    signature = offline.static_signature(chain.issuer, b"\xda\xc5", _STATIC)
    assert offline.check_static(chain.issuer.public, signature, _STATIC) == b"\xda\xc5"
    whole = combined_dynamic(b"\x00\x01", 0x80, bytes(8), offline.transaction_hash(b"said"))
    for dynamic in (b"", dynamic_number(1), whole, bytes(offline.dynamic_room(chain.card.public))):
        signed = offline.dynamic_signature(chain.card, dynamic, _TERMINAL)
        assert offline.check_dynamic(chain.card.public, signed, _TERMINAL) == dynamic


def _changed(
    signer: RsaPrivate, made: PublicKeyCertificate, at: int, value: bytes, tail: bytes
) -> PublicKeyCertificate:
    """The certificate with other bytes at one place, signed again."""
    content = bytearray(offline.recover(signer.public, made.certificate)[:-20])
    content[at : at + len(value)] = value
    signed = offline.wrap(signer, bytes(content), made.remainder + made.exponent + tail)
    return PublicKeyCertificate(signed, made.remainder, made.exponent)


_FIELDS = [
    pytest.param(-1, "06", "another format", id="format"),
    pytest.param(0, "62A8", "other digits", id="letters"),
    pytest.param("expiry", "1330", "no month", id="month 13"),
    pytest.param("expiry", "0030", "no month", id="month 0"),
    pytest.param("expiry", "0A30", "no month", id="month of letters"),
    pytest.param("hash", "02", "hash algorithm 02", id="hash algorithm"),
    pytest.param("algorithm", "04", "public key algorithm 04", id="algorithm"),
    pytest.param("length", "FF", "have not the length", id="length of the key"),
    pytest.param("exponent", "03", "have not the length", id="length of the exponent"),
]
_AFTER_SUBJECT = {"expiry": 0, "hash": 5, "algorithm": 6, "length": 7, "exponent": 8}


@pytest.mark.parametrize(("place", "value", "message"), _FIELDS)
@pytest.mark.parametrize("whose", ["issuer", "card"])
def test_signed_certificates_that_say_something_else(
    whose: str, place: int | str, value: str, message: str
) -> None:
    chain = _chain()
    size = 4 if whose == "issuer" else 10
    at = 1 + (place if isinstance(place, int) else size + _AFTER_SUBJECT[place])
    with pytest.raises(OfflineError, match=message) as caught:
        if whose == "issuer":
            made = _changed(chain.ca, chain.of_issuer, at, bytes.fromhex(value), b"")
            chain.open_issuer(made)
        else:
            made = _changed(chain.issuer, chain.of_card, at, bytes.fromhex(value), _STATIC)
            chain.open_card(made)
    assert caught.value.reason.zh
    assert _PAN not in str(caught.value)


def test_an_issuer_or_a_card_of_another_number() -> None:
    chain = _chain()
    made = _changed(chain.ca, chain.of_issuer, 1, bytes.fromhex("622801FF"), b"")
    with pytest.raises(OfflineError, match="another issuer"):
        chain.open_issuer(made)
    made = _changed(chain.issuer, chain.of_card, 1, bytes.fromhex("62280001000011FF"), _STATIC)
    with pytest.raises(OfflineError, match="another card"):
        chain.open_card(made)


def test_expired_and_revoked() -> None:
    chain = _chain()
    of_issuer, of_card = chain.of_issuer, chain.of_card
    parts = of_issuer.certificate, of_issuer.remainder, of_issuer.exponent
    with pytest.raises(OfflineError, match="expired at the end of 2030-12"):
        offline.issuer_key(chain.ca.public, *parts, _PAN, _AFTER)
    with pytest.raises(OfflineError, match="revoked"):
        offline.issuer_key(chain.ca.public, *parts, _PAN, _LAST, {_SERIAL})
    parts = of_card.certificate, of_card.remainder, of_card.exponent
    with pytest.raises(OfflineError, match="expired"):
        offline.card_key(chain.issuer.public, *parts, _STATIC, _PAN, _AFTER)


@pytest.mark.parametrize("at", [0, -1], ids=["first byte", "last byte"])
def test_blocks_without_their_marks(at: int) -> None:
    chain = _chain()
    clear = bytearray(chain.ca.public.apply(chain.of_issuer.certificate))
    clear[at] ^= 1
    wrong = chain.ca.apply(bytes(clear))
    with pytest.raises(OfflineError, match="not one of this key"):
        offline.recover(chain.ca.public, wrong)


def test_blocks_that_are_no_signatures() -> None:
    chain = _chain()
    certificate = chain.of_issuer.certificate
    for wrong in (b"", certificate[:-1], certificate + b"\x00"):
        with pytest.raises(OfflineError, match="bytes for a key of 176"):
            offline.recover(chain.ca.public, wrong)
    for block in (bytes(176), b"\xff" * 176, chain.ca.public.modulus_bytes):
        with pytest.raises(OfflineError, match="not one of this key"):
            offline.recover(chain.ca.public, block)


@pytest.mark.parametrize(
    ("modulus", "exponent"), [("even", b"\x03"), ("odd", b"\x05")], ids=["even", "exponent 5"]
)
def test_a_signed_key_that_is_none(modulus: str, exponent: bytes) -> None:
    chain = _chain(1408, 1032, 1024)
    made = chain.of_issuer
    content = bytearray(offline.recover(chain.ca.public, made.certificate)[:-20])
    if modulus == "even":
        content[14 + chain.issuer.length - 1] ^= 1
    signed = offline.wrap(chain.ca, bytes(content), exponent)
    with pytest.raises(OfflineError, match="cannot be used"):
        chain.open_issuer(PublicKeyCertificate(signed, b"", exponent))


@given(st.integers(0, 1407), st.integers(0, 287), st.integers(0, 815))
def test_no_bit_may_be_another(certificate: int, remainder: int, static: int) -> None:
    chain = _chain()
    made = chain.of_issuer
    for wrong in (
        PublicKeyCertificate(_flipped(made.certificate, certificate), *_rest(made)),
        PublicKeyCertificate(made.certificate, _flipped(made.remainder, remainder), b"\x03"),
        PublicKeyCertificate(made.certificate, made.remainder, b"\x02"),
        PublicKeyCertificate(made.certificate, made.remainder, b""),
    ):
        with pytest.raises(OfflineError):
            chain.open_issuer(wrong)
    of_card, other = chain.of_card, _flipped(_STATIC, static)
    parts = of_card.certificate, of_card.remainder, of_card.exponent
    with pytest.raises(OfflineError, match="hash"):
        offline.open_card(chain.issuer.public, *parts, other)
    signature = offline.static_signature(chain.issuer, bytes(2), _STATIC)
    with pytest.raises(OfflineError, match="hash"):
        offline.check_static(chain.issuer.public, signature, other)
    signed = offline.dynamic_signature(chain.card, dynamic_number(7), _STATIC)
    with pytest.raises(OfflineError, match="hash"):
        offline.check_dynamic(chain.card.public, signed, other)


def test_one_signature_is_not_another() -> None:
    chain = _chain()
    static = offline.static_signature(chain.issuer, bytes(2), _STATIC)
    with pytest.raises(OfflineError, match="another format"):
        offline.check_dynamic(chain.issuer.public, static, _STATIC)
    dynamic = offline.dynamic_signature(chain.issuer, dynamic_number(1), _STATIC)
    with pytest.raises(OfflineError, match="another format"):
        offline.check_static(chain.issuer.public, dynamic, _STATIC)


def test_more_dynamic_data_than_the_block_holds() -> None:
    card = _chain().card
    content = b"\x05\x01\xff".ljust(card.length - 22, b"\xbb")
    with pytest.raises(OfflineError, match="length of the dynamic data"):
        offline.check_dynamic(card.public, offline.wrap(card, content, b""), b"")


def test_what_nobody_can_sign() -> None:
    chain = _chain()
    issuer, card = chain.issuer.public, chain.card.public
    good = (chain.ca, issuer, _IDENTIFIER, _LAST, _SERIAL)
    wrong: list[tuple[Callable[..., object], tuple[object, ...], str]] = [
        (offline.issuer_certificate, (*good[:2], "62", _LAST, _SERIAL), "3 to 8 digits"),
        (offline.issuer_certificate, (*good[:2], "622800010", _LAST, _SERIAL), "3 to 8 digits"),
        (offline.issuer_certificate, (*good[:2], "62280A", _LAST, _SERIAL), "digits"),
        (offline.issuer_certificate, (*good[:3], date(1999, 12, 31), _SERIAL), "2000 and 2099"),
        (offline.issuer_certificate, (*good[:4], b"\x01"), "has 3 bytes"),
        (offline.issuer_certificate, (chain.card, *good[1:]), "not longer than"),
        (offline.issuer_certificate, (chain.ca, RsaPublic(issuer.modulus, 5), *good[2:]), "65537"),
        (offline.card_certificate, (chain.ca, card, "6" * 21, _LAST, _SERIAL, b""), "20 digits"),
        (offline.static_signature, (chain.issuer, b"\xda", b""), "2 bytes"),
        (offline.dynamic_signature, (chain.card, bytes(104), b""), "too short"),
        (offline.wrap, (chain.card, bytes(105), b""), "106 bytes"),
        (offline_sm2.dynamic_signature, (b"", bytes(256), b""), "too much"),
        (offline_sm2.issuer_certificate, (b"", bytes(64), *good[2:]), "no point"),
        (combined_dynamic, (b"\x01", 0, bytes(8), b""), "another length"),
        (combined_dynamic, (b"\x01\x02", 0, bytes(7), b""), "another length"),
    ]
    for function, arguments, message in wrong:
        with pytest.raises(ValueError, match=message):
            function(*arguments)


@pytest.mark.parametrize("dynamic", ["", "01", "0101", "0201", "090102030405060708", "020001"])
def test_dynamic_data_that_hold_no_cryptogram(dynamic: str) -> None:
    with pytest.raises(OfflineError, match=r"number of 2-8|no cryptogram"):
        split_combined(bytes.fromhex(dynamic))
    if dynamic == "020001":
        assert split_number(bytes.fromhex(dynamic)) == b"\x00\x01"


def test_static_data_follow_the_files() -> None:
    plain, long = bytes.fromhex("70035A0112"), bytes.fromhex("7081045F250112")
    assert static_data([(2, plain), (10, long)], b"\x7c\x00") == plain[2:] + long[3:] + b"\x7c\x00"
    assert static_data([(11, plain)], None) == plain
    assert static_data([], None) == b""


@pytest.mark.parametrize(
    ("sfi", "record"),
    [(1, ""), (1, "77035A0112"), (11, "77035A0112"), (1, "70035A01"), (1, "70035A011270005A00")],
)
def test_records_that_cannot_be_signed(sfi: int, record: str) -> None:
    with pytest.raises(OfflineError, match="not one template 70"):
        static_data([(sfi, bytes.fromhex(record))], None)


def test_the_tag_list_names_the_profile_or_nothing() -> None:
    assert signed_profile(None, b"\x7c\x00") is None
    assert signed_profile(b"\x82", b"\x7c\x00") == b"\x7c\x00"
    for wrong in (b"", b"\x82\x82", b"\x5a"):
        with pytest.raises(OfflineError, match="82 only"):
            signed_profile(wrong, b"\x7c\x00")


@given(st.integers(0, 142 * 8 - 1), st.integers(0, 69 * 8 - 1))
def test_no_bit_of_sm2_may_be_another(certificate: int, signature: int) -> None:
    ca, card = octets(_SM2, "ca"), octets(_SM2, "card")
    with pytest.raises(OfflineError):
        offline_sm2.open_issuer(ca, _flipped(octets(_SM2, "issuer_certificate"), certificate))
    row = _SM2["dynamic"][0]
    signed = _flipped(octets(row, "signature"), signature)
    with pytest.raises(OfflineError):
        offline_sm2.check_dynamic(card, signed, octets(row, "terminal"))


def test_signed_certificates_of_sm2_that_say_something_else() -> None:
    ca, private = octets(_SM2, "ca"), octets(_SM2, "ca_private")
    clear = octets(_SM2, "issuer_certificate")[:78]
    for at, value, message in [
        (0, "13", "another format"),
        (1, "8A", "other digits"),
        (5, "1349", "no month"),
        (10, "05", "algorithm identifiers 05001140"),
        (14, "00" * 64, "key in the certificate"),
    ]:
        other = bytearray(clear)
        other[at : at + len(value) // 2] = bytes.fromhex(value)
        with pytest.raises(OfflineError, match=message):
            offline_sm2.open_issuer(ca, _signed_sm2(private, bytes(other)))
    for wrong in (b"", clear, octets(_SM2, "issuer_certificate") + b"\x00"):
        with pytest.raises(OfflineError, match="bytes instead of 142"):
            offline_sm2.open_issuer(ca, wrong)
    with pytest.raises(OfflineError, match="key of the signer"):
        offline_sm2.open_issuer(bytes(64), octets(_SM2, "issuer_certificate"))
    with pytest.raises(OfflineError, match="bytes instead of 66"):
        offline_sm2.check_dynamic(ca, b"", b"")


def _signed_sm2(private: bytes, clear: bytes) -> bytes:
    """``clear`` and a right signature over it, whatever it says."""
    from sscard_ic.base.secret import Secret
    from sscard_ic.crypto.sm2 import message_digest, provider

    secret = Secret(private)
    sm2 = provider()
    return clear + sm2.sign(secret, message_digest(sm2.public_of(secret), clear))


def _rest(made: PublicKeyCertificate) -> tuple[bytes, bytes]:
    return made.remainder, made.exponent


def _flipped(data: bytes, bit: int) -> bytes:
    other = bytearray(data)
    other[bit // 8] ^= 1 << bit % 8
    return bytes(other)
