"""Published certificates and signatures: checked, and made anew where the key is known."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from tests.support.offline_chain import (
    CARD,
    VECTORS,
    Records,
    authority,
    card_key,
    issuer,
    octets,
)

from sscard_ic.base.secret import Secret
from sscard_ic.codec.tlv import parse_ber
from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.pboc.offline_data import (
    CombinedDynamic,
    OfflineError,
    combined_dynamic,
    dynamic_number,
    fast_terminal_data,
    split_combined,
    split_number,
    static_data,
)
from sscard_ic.crypto.sm2 import KeyPair

_LAB = VECTORS["laboratory"]
_ISSUER = VECTORS["demo_issuer"]
_SM2 = VECTORS["sm2"]
_AT = date(2026, 1, 15)


def _source(row: dict[str, Any]) -> str:
    return str(row["source"])


def test_the_chain_of_a_laboratory_card() -> None:
    aip = octets(_LAB, "aip")
    card = Records(_LAB["records"], octets(_LAB, "locator"), aip)
    ca, pan, at = authority(int(_LAB["ca"], 16)), _LAB["pan"], _LAB["at"]
    issuer_key = offline.issuer_key(ca, *card.of_issuer, pan, at)
    assert issuer_key.modulus.bit_length() == _LAB["issuer_bits"]
    assert offline.check_static(issuer_key, card[0x93], card.static) == octets(_LAB, "dac")
    key = offline.card_key(issuer_key, *card.of_card, card.static, pan, at)
    assert key.modulus.bit_length() == _LAB["card_bits"]
    assert key.exponent == _LAB["card_exponent"]
    dynamic = offline.check_dynamic(key, octets(_LAB, "signature"), octets(_LAB, "unpredictable"))
    assert dynamic == octets(_LAB, "dynamic")
    assert split_number(dynamic) == octets(_LAB, "number")


def test_the_laboratory_card_signed_its_profile_along() -> None:
    """Without the AIP the published chain does not hold (ref 04 §0.3)."""
    card = Records(_LAB["records"], octets(_LAB, "locator"), octets(_LAB, "aip"))
    ca = authority(int(_LAB["ca"], 16))
    key = offline.open_issuer(ca, *card.of_issuer).key
    bare = static_data(card.signed, None)
    with pytest.raises(OfflineError, match="hash"):
        offline.check_static(key, card[0x93], bare)
    with pytest.raises(OfflineError, match="hash"):
        offline.open_card(key, *card.of_card, bare)


def test_the_certificate_of_the_demonstration_issuer() -> None:
    certificate = octets(_ISSUER, "certificate")
    parts = octets(_ISSUER, "remainder"), octets(_ISSUER, "exponent")
    opened = offline.open_issuer(authority(0xF8), certificate, *parts)
    assert opened.subject == _ISSUER["identifier"]
    assert opened.expiry == _ISSUER["expiry"]
    assert opened.serial == octets(_ISSUER, "serial")
    assert opened.key == issuer()
    assert offline.recover(authority(0xF8), certificate)[-20:] == octets(_ISSUER, "hash")


def test_static_data_signed_by_the_demonstration_issuer() -> None:
    static = octets(_SM2, "static") + octets(_ISSUER, "static_aip")
    signature = octets(_ISSUER, "static_signature")
    assert offline.check_static(issuer(), signature, static) == octets(_ISSUER, "static_dac")


@pytest.mark.parametrize("path", ["9104", "9203"])
def test_the_personalization_set(path: str) -> None:
    """Contact debit and electronic cash sign different data with one key (ref 04 appendix D)."""
    objects = {each.tag: each.value for each in parse_ber(bytes.fromhex(CARD["groups"][path]))}
    card = Records(CARD["groups"], objects[0x94], objects[0x82])
    pan = CARD["pan"]
    issuer_key = offline.issuer_key(authority(0xF8), *card.of_issuer, pan, _AT)
    assert offline.check_static(issuer_key, card[0x93], card.static)
    key = offline.card_key(issuer_key, *card.of_card, card.static, pan, _AT)
    assert key == card_key().public


@pytest.mark.parametrize("row", VECTORS["rsa_dynamic"], ids=_source)
def test_dynamic_signatures_of_rsa(row: dict[str, str]) -> None:
    key, dynamic, terminal = card_key(), octets(row, "data"), octets(row, "terminal")
    assert dynamic == dynamic_number(1)
    assert offline.dynamic_signature(key, dynamic, terminal) == octets(row, "signature")
    assert offline.check_dynamic(key.public, octets(row, "signature"), terminal) == dynamic


def test_what_of_the_terminal_a_fast_signature_covers() -> None:
    values = {0x9F37: bytes.fromhex("11223344"), 0x9F02: b"\x01\x00", 0x5F2A: b"\x01\x56"}
    data = bytes.fromhex("01AABBCCDD200000")
    whole = octets(VECTORS["rsa_dynamic"][1], "terminal")
    assert fast_terminal_data(values) == whole[:4]
    assert fast_terminal_data(values, data) == whole
    assert fast_terminal_data(values, data, atc=0x0102) == b"\x01\x02" + whole


def test_the_chain_of_sm2() -> None:
    ca, pan = octets(_SM2, "ca"), _SM2["pan"]
    static = octets(_SM2, "static") + octets(_SM2, "aip")
    opened = offline_sm2.open_issuer(ca, octets(_SM2, "issuer_certificate"))
    assert (opened.subject, opened.expiry) == (_SM2["identifier"], _SM2["expiry"])
    issuer_key = opened.key
    assert issuer_key == octets(_SM2, "issuer")
    signature = octets(_SM2, "static_signature")
    assert offline_sm2.check_static(issuer_key, signature, static) == octets(_SM2, "dac")
    certificate = octets(_SM2, "card_certificate")
    key = offline_sm2.card_key(issuer_key, certificate, b"", b"", static, pan, _AT)
    assert key == octets(_SM2, "card")
    for row in _SM2["dynamic"]:
        dynamic = offline_sm2.check_dynamic(key, octets(row, "signature"), octets(row, "terminal"))
        assert dynamic == octets(row, "data")


def test_the_issuer_of_the_published_chain_is_that_of_other_cards() -> None:
    """Its certificate says 888888, and the PAN beside it begins with 888880."""
    parts = octets(_SM2, "ca"), octets(_SM2, "issuer_certificate"), b"", b""
    with pytest.raises(OfflineError, match="another issuer"):
        offline_sm2.issuer_key(*parts, _SM2["pan"], _AT)
    assert offline_sm2.issuer_key(*parts, "8888880000123456", _AT) == octets(_SM2, "issuer")


def test_the_chain_of_sm2_made_anew() -> None:
    """The same bytes before r‖s, which is another one each time; keys as bytes or as pairs."""
    issuer_key, card = octets(_SM2, "issuer"), octets(_SM2, "card")
    static = octets(_SM2, "static") + octets(_SM2, "aip")
    made = offline_sm2.issuer_certificate(
        octets(_SM2, "ca_private"),
        issuer_key,
        _SM2["identifier"],
        _SM2["expiry"],
        octets(_SM2, "issuer_serial"),
    )
    assert made.certificate[:-64] == octets(_SM2, "issuer_certificate")[:-64]
    assert (made.remainder, made.exponent) == (b"", b"")
    assert offline_sm2.open_issuer(octets(_SM2, "ca"), made.certificate).key == issuer_key
    signer = KeyPair(Secret(octets(_SM2, "issuer_private")), issuer_key)
    made = offline_sm2.card_certificate(
        signer, card, _SM2["pan"], _SM2["expiry"], octets(_SM2, "card_serial"), static
    )
    assert made.certificate[:-64] == octets(_SM2, "card_certificate")[:-64]
    assert offline_sm2.open_card(issuer_key, made.certificate, b"", b"", static).key == card
    signature = offline_sm2.static_signature(signer, octets(_SM2, "dac"), static)
    assert signature[:-64] == octets(_SM2, "static_signature")[:-64]
    assert offline_sm2.check_static(issuer_key, signature, static) == octets(_SM2, "dac")
    row = _SM2["dynamic"][0]
    signature = offline_sm2.dynamic_signature(
        Secret(octets(_SM2, "card_private")), octets(row, "data"), octets(row, "terminal")
    )
    assert signature[:-64] == octets(row, "signature")[:-64]
    assert offline_sm2.check_dynamic(card, signature, octets(row, "terminal")) == dynamic_number(1)


def test_a_live_certificate_of_sm2() -> None:
    table = VECTORS["sm2_live"]
    ca, certificate = authority(int(table["ca"], 16)), octets(table, "certificate")
    opened = offline_sm2.open_issuer(ca, certificate)
    assert (opened.subject, opened.expiry) == (table["subject"], table["expiry"])
    assert opened.serial == octets(table, "serial")
    pan = table["subject"].ljust(19, "0")
    last = table["expiry"]
    assert offline_sm2.issuer_key(ca, certificate, b"", b"", pan, last) == opened.key
    with pytest.raises(OfflineError, match="expired at the end of 2030-12"):
        offline_sm2.issuer_key(ca, certificate, b"", b"", pan, last + timedelta(days=1))


def test_a_combined_signature_of_sm2() -> None:
    table = VECTORS["sm2_combined"]
    number = octets(table, "unpredictable")
    signed = octets(table, "signed").removesuffix(number) + octets(table, "signature")
    dynamic = offline_sm2.check_dynamic(octets(table, "card"), signed, number)
    parts = split_combined(dynamic)
    assert parts == CombinedDynamic(
        octets(table, "number"),
        table["cid"],
        octets(table, "cryptogram"),
        octets(table, "transaction_hash"),
    )
    assert bytes(parts) == dynamic
    assert combined_dynamic(*parts_of(parts)) == dynamic


def parts_of(parts: CombinedDynamic) -> tuple[bytes, int, bytes, bytes]:
    return parts.number, parts.cid, parts.cryptogram, parts.transaction_hash
