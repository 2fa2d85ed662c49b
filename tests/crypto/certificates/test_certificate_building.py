"""Certificates made here, byte for byte and read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crypto.certificates.pki import END, HOLDER, START, Party, pki

from sscard_ic.crypto.certificates import (
    USAGES,
    Certificate,
    CertificateError,
    DistinguishedName,
    Extension,
    Signer,
    build_certificate,
    new_serial,
)
from sscard_ic.crypto.sm2 import Sm2Error, message_digest, provider

_SIGNED = bytes(range(1, 65))
"""A signature that nobody checks."""


def build(subject: DistinguishedName = HOLDER, **changes: Any) -> Certificate:
    signer = changes.pop("signer", None) or Signer(
        pki().operating.name, pki().operating.pair.public, lambda digest: _SIGNED
    )
    dates = {"not_before": START, "not_after": END}
    public = changes.pop("public", pki().card.pair.public)
    return Certificate.parse(build_certificate(subject, public, signer, **dates | changes))


TEXT = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), codec="utf-8"), min_size=1, max_size=64
)
NAMES = st.lists(
    st.tuples(st.sampled_from(("ST", "L", "O", "OU", "CN", "SERIALNUMBER", "2.5.4.12")), TEXT),
    max_size=5,
).map(lambda parts: DistinguishedName.of(("C", "CN"), *parts))
MOMENTS = st.datetimes(
    datetime(1950, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(UTC)
)
OWN_OIDS = st.builds(
    lambda arcs: ".".join(map(str, (1, 2, 156, *arcs))),
    st.lists(st.integers(0, 1 << 40), min_size=1, max_size=4),
)
EXTENSIONS = st.lists(
    st.builds(Extension, OWN_OIDS, st.binary(max_size=300), st.booleans()),
    max_size=3,
    unique_by=lambda extension: extension.oid,
)


@settings(deadline=None)
@given(
    subject=NAMES,
    issuer=NAMES,
    serial=st.integers(1, (1 << 159) - 1),
    dates=st.tuples(MOMENTS, MOMENTS).map(sorted),
    usage=st.sets(st.sampled_from(USAGES)),
    critical=st.booleans(),
    depth=st.none() | st.integers(0, 300),
    authority=st.booleans(),
    others=EXTENSIONS,
    key_id=st.none() | st.binary(min_size=1, max_size=32),
)
def test_what_is_built_is_read_back(
    subject: DistinguishedName,
    issuer: DistinguishedName,
    serial: int,
    dates: list[datetime],
    usage: set[str],
    critical: bool,
    depth: int | None,
    authority: bool,
    others: list[Extension],
    key_id: bytes | None,
) -> None:
    certificate = build(
        subject,
        signer=Signer(issuer, pki().root.pair.public, lambda digest: _SIGNED, key_id),
        serial=serial,
        not_before=dates[0],
        not_after=dates[1],
        key_usage=usage,
        key_usage_critical=critical,
        authority=authority,
        path_length=depth if authority else None,
        others=others,
    )
    assert certificate.subject.parts == subject.parts
    assert certificate.issuer == issuer
    assert certificate.serial == serial
    assert certificate.not_before == dates[0].replace(microsecond=0)
    assert certificate.not_after == dates[1].replace(microsecond=0)
    assert certificate.public == pki().card.pair.public
    assert certificate.key_usage == usage
    assert certificate.is_authority == authority
    assert certificate.understood.path_length == (depth if authority else None)
    assert [certificate.extension(one.oid) for one in others] == [one.value for one in others]
    assert certificate.extensions[-len(others) :] == tuple(others) or not others
    assert certificate.signature == _SIGNED
    if key_id is not None:
        assert certificate.understood.authority_key_id == key_id


def test_the_signature_is_over_z_and_contents() -> None:
    asked: list[bytes] = []

    def sign(digest: bytes) -> bytes:
        asked.append(digest)
        return pki().operating.sign(digest)

    operating = pki().operating
    certificate = build(signer=Signer(operating.name, operating.pair.public, sign))
    assert asked == [message_digest(operating.pair.public, certificate.signed)]
    assert provider().verify(operating.pair.public, asked[0], certificate.signature)
    assert certificate.is_signed_by(operating.pair.public)


def test_a_signer_may_have_an_identifier_of_its_own() -> None:
    root = pki().root
    signer = Signer(root.name, root.pair.public, root.sign, user_id=b"ALICE123@YAHOO.COM")
    certificate = build(signer=signer)
    assert certificate.is_signed_by(root.pair.public, b"ALICE123@YAHOO.COM")
    assert not certificate.is_signed_by(root.pair.public)


def test_the_form_is_that_of_recorded_cards() -> None:
    """Ref 02 §8.9: no parameters, C as PrintableString, the rest UTF8String, raw characters."""
    certificate = pki().card_certificate
    data = certificate.der
    algorithm = bytes.fromhex("300A06082A811CCF55018375")
    assert data.count(algorithm) == 2
    assert bytes.fromhex("3013 06072A8648CE3D0201 06082A811CCF5501822D") in data
    assert bytes.fromhex("310B3009060355040613024 34E".replace(" ", "")) in data
    name = "阿卜杜拉·样本".encode()
    assert b"\x06\x03\x55\x04\x03\x0c" + bytes((len(name),)) + name in data
    assert bytes.fromhex("06072A811C920C0101 0409") + b"A00000017" in data
    assert bytes.fromhex("0603551D0F 0404 030206C0") in data, "key usage C0, not critical"
    assert certificate.common_name == "阿卜杜拉·样本"
    assert certificate.extension("1.2.156.2316.1.1") == b"A00000017"
    assert certificate.extension("1.2.156.2316.9") is None
    assert 400 < len(data) < 700


@pytest.mark.parametrize(
    ("usage", "encoded"),
    [
        (("digital_signature", "non_repudiation"), "030206C0"),
        (("key_encipherment", "data_encipherment"), "03020430"),
        (("key_cert_sign", "crl_sign"), "03020106"),
        (("digital_signature", "decipher_only"), "0303078080"),
    ],
)
def test_key_usages(usage: tuple[str, ...], encoded: str) -> None:
    certificate = build(key_usage=usage)
    assert certificate.extension("2.5.29.15") == bytes.fromhex(encoded)
    assert certificate.key_usage == set(usage)


def test_an_unknown_key_usage_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no key usage"):
        build(key_usage=("signing",))


def test_serial_numbers_are_positive_and_of_sixteen_bytes() -> None:
    numbers = [new_serial() for _ in range(200)]
    assert len(set(numbers)) == 200
    assert all(121 <= number.bit_length() <= 127 for number in numbers)
    certificate = build()
    start = certificate.signed.index(certificate.serial.to_bytes(16, "big"))
    assert certificate.signed[start - 2 : start] == b"\x02\x10"
    assert len(certificate.number) == 32


@pytest.mark.parametrize(
    ("moment", "encoded"),
    [
        (datetime(1950, 1, 1, tzinfo=UTC), b"\x17\x0d500101000000Z"),
        (datetime(2049, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
        (
            datetime(2050, 1, 1, 7, 59, 59, tzinfo=timezone(timedelta(hours=8))),
            b"\x17\x0d491231235959Z",
        ),
    ],
)
def test_dates_change_their_form_in_2050(moment: datetime, encoded: bytes) -> None:
    certificate = build(not_before=datetime(1950, 1, 1, tzinfo=UTC), not_after=moment)
    assert encoded in certificate.signed
    assert certificate.not_after == moment.replace(microsecond=0)


def test_dates_before_1950_are_written_whole() -> None:
    start = datetime(1949, 10, 1, tzinfo=UTC)
    certificate = build(not_before=start)
    assert b"\x18\x0f19491001000000Z" in certificate.signed
    assert certificate.not_before == start


def test_key_identifiers_join_a_certificate_and_its_issuer() -> None:
    own, issuer = pki().card_certificate.understood, pki().operating_certificate.understood
    assert own.authority_key_id == issuer.subject_key_id
    assert own.subject_key_id != issuer.subject_key_id
    root = pki().root_certificate.understood
    assert root.authority_key_id == root.subject_key_id


def test_a_root_with_a_key_identifier_of_its_own_names_itself_by_it() -> None:
    root = pki().root
    signer = Signer(root.name, root.pair.public, root.sign, key_id=b"by hand")
    certificate = build(root.name, public=root.pair.public, signer=signer, authority=True)
    assert certificate.understood.subject_key_id == b"by hand"
    assert certificate.understood.authority_key_id == b"by hand"


@pytest.mark.parametrize("serial", [0, -1, 1 << 159])
def test_a_serial_number_out_of_range_is_refused(serial: int) -> None:
    with pytest.raises(CertificateError, match="serial"):
        build(serial=serial)


def test_dates_upside_down_are_refused() -> None:
    with pytest.raises(CertificateError, match="upside down") as caught:
        build(not_before=END, not_after=START)
    assert caught.value.reason == "content"


def test_an_extension_twice_is_refused() -> None:
    twice = (Extension("1.2.3", b"a"), Extension("1.2.3", b"b"))
    with pytest.raises(CertificateError, match=r"1\.2\.3"):
        build(others=twice)


def test_dates_without_a_zone_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        build(not_before=datetime(2026, 1, 1))


def test_a_key_off_the_curve_is_not_certified() -> None:
    with pytest.raises(Sm2Error):
        build(public=bytes(63) + b"\x01")


@pytest.mark.parametrize(
    "name",
    [
        "张三",
        "阿卜杜热合曼·买买提",
        "欧阳娜娜" * 7 + "二字",
        "Ａ　Ｂ",
        "John Smith",
        "𠀀𠀁",
        "a" * 64,
    ],
)
def test_names_of_holders(name: str) -> None:
    """Up to 60 bytes of GB18030, which are 90 of UTF-8: the limit is one of characters."""
    subject = DistinguishedName.of(("C", "CN"), ("CN", name))
    assert build(subject).common_name == name


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (("CN", ""), "is empty"),
        (("CN", "字" * 65), "more than 64"),
        (("ST", "字" * 129), "more than 128"),
        (("C", "China"), "two capital letters"),
        (("C", "cn"), "two capital letters"),
        (("CN", "a\nb"), "control characters"),
        (("CN", "a\ud800"), "control characters"),
    ],
)
def test_a_name_that_no_certificate_holds_is_refused(part: tuple[str, str], why: str) -> None:
    with pytest.raises(CertificateError, match=why) as caught:
        DistinguishedName.of(part)
    assert caught.value.reason == "content"
    assert caught.value.hint is not None
    assert not part[1] or part[1] not in str(caught.value), "names are personal data"


def test_a_name_and_a_certificate_do_not_show_their_holder() -> None:
    for shown in (repr(pki().card_certificate), repr(HOLDER), repr(Party.new("x").signer)):
        assert "样本" not in shown
        assert "CN=" not in shown


def test_the_last_part_of_a_kind_counts() -> None:
    name = DistinguishedName.of(("OU", "一"), ("OU", "二"))
    assert name.get("OU") == "二"
    assert name.get("CN") is None
    assert str(name) == "OU=一, OU=二"
