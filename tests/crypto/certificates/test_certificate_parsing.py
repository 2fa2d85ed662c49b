"""What is taken for a certificate, and what is not."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crypto.certificates.pki import END, HOLDER, START, altered, pki, resigned

from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.certificates import Certificate, CertificateError, DistinguishedName, der
from sscard_ic.crypto.certificates.pem import from_pem
from sscard_ic.crypto.sm2 import Sm2Error

CARD = pki().card_certificate
OPERATING = pki().operating_certificate
_ALGORITHM = bytes.fromhex("300A06082A811CCF55018375")


def refused(data: bytes, reason: str, why: str) -> CertificateError:
    with pytest.raises(CertificateError, match=why) as caught:
        Certificate.parse(data)
    error = caught.value
    assert error.reason == reason
    assert error.hint is not None
    assert any("\u4e00" <= char <= "\u9fff" for char in error.render("zh"))
    return error


@pytest.mark.parametrize("filling", [0, 1, 400, 1500])
def test_filling_behind_the_certificate_is_cut(filling: int) -> None:
    parsed = Certificate.parse(CARD.der + bytes(filling))
    assert parsed == CARD
    assert parsed.der == CARD.der


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: "Bag Attributes\n  " + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("CERTIFICATE", "X509 CERTIFICATE"),
        lambda text: "\ufeff" + text + "\n\n",
        lambda text: "0 is the first character here\n" + text,
    ],
    ids=["plain", "text before it", "crlf", "old label", "byte order mark", "begins like DER"],
)
def test_pem_is_read(change: Callable[[str], str]) -> None:
    assert Certificate.parse(change(CARD.pem()).encode()) == CARD


def test_pem_is_written_in_lines_of_64() -> None:
    first, *lines, last, end = CARD.pem().split("\n")
    assert (first, last, end) == (
        "-----BEGIN CERTIFICATE-----",
        "-----END CERTIFICATE-----",
        "",
    )
    assert {len(line) for line in lines[:-1]} == {64}
    assert base64.b64decode("".join(lines)) == CARD.der


def test_a_file_of_several_certificates() -> None:
    text = "".join(one.pem() for one in (*pki().trusted, CARD)).encode()
    key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert Certificate.parse_all(key + text) == (*pki().trusted, CARD)
    assert Certificate.parse_all(CARD.der) == (CARD,)
    refused(text, "unreadable", "3 certificates where one was expected")


def test_a_file_of_several_without_any_is_refused() -> None:
    with pytest.raises(CertificateError, match="no certificate in the PEM"):
        Certificate.parse_all(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


_PEM = CARD.pem().encode()
NO_CERTIFICATES = {
    "empty": (b"", "nothing"),
    "an unset file": (bytes(2048), "nothing"),
    "a file of FF": (b"\xff" * 2048, "no certificate"),
    "text": (b"not a certificate", "no certificate"),
    "one byte": (b"\x30", "is cut"),
    "half a length": (b"\x30\x82\x02", "is cut"),
    "indefinite length": (b"\x30\x80" + CARD.der[4:] + bytes(2), "is cut"),
    "long form of a length": (b"\x30\x83\x00" + CARD.der[2:], "is cut"),
    "last byte missing": (CARD.der[:-1], "is cut"),
    "first block only": (CARD.der[:100], "is cut"),
    "a byte behind it": (CARD.der + b"\x01", "follows"),
    "something behind the filling": (CARD.der + bytes(8) + b"\x30", "follows"),
    "an empty sequence": (b"\x30\x00", "malformed"),
    "a sequence of something else": (b"\x30\x04\x30\x02\x05\x00", "malformed"),
    "wrong Base64": (_PEM.replace(b"\n", b"\n=", 3), "Base64"),
    "cut PEM": (_PEM[:-30], "0 certificates"),
    "PEM of a request": (_PEM.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST"), "0 certificates"),
}


@pytest.mark.parametrize("name", NO_CERTIFICATES)
def test_no_certificate(name: str) -> None:
    data, why = NO_CERTIFICATES[name]
    refused(data, "unreadable", why)


def test_another_signature_algorithm_is_refused() -> None:
    ecdsa = bytes.fromhex("300A06082A8648CE3D040302")
    refused(altered(CARD, _ALGORITHM, ecdsa), "unsupported", r"1\.2\.840\.10045\.4\.3\.2")


def test_two_algorithms_are_refused() -> None:
    def other(content: bytes) -> bytes:
        return content.replace(_ALGORITHM, bytes.fromhex("300A06082A8648CE3D040302"))

    refused(resigned(pki().operating, CARD, other), "unreadable", "two algorithms")


def split(data: bytes) -> list[bytes]:
    return [element.whole for element in der.parts(data)]


def with_parameters(parameters: bytes, *, inside: bool) -> bytes:
    """The certificate with parameters in its outer algorithm, and in the signed one."""
    algorithm = encode_ber(0x30, _ALGORITHM[2:], parameters)
    content, _, bits = split(CARD.der)
    if inside:
        fields = [algorithm if field == _ALGORITHM else field for field in split(content)]
        content = encode_ber(0x30, *fields)
    return encode_ber(0x30, content, algorithm, bits)


def test_null_parameters_are_tolerated_others_are_not() -> None:
    parsed = Certificate.parse(with_parameters(b"\x05\x00", inside=True))
    assert parsed.public == CARD.public
    refused(with_parameters(b"\x05\x00", inside=False), "unreadable", "two algorithms")
    refused(with_parameters(b"\x05\x01\x00", inside=True), "unreadable", "parameters")
    refused(with_parameters(b"\x05\x00\x05\x00", inside=True), "unreadable", "parameters")


def test_another_curve_is_refused() -> None:
    sm2, p256k1 = bytes.fromhex("06082A811CCF5501822D"), bytes.fromhex("06082A8648CE3D030107")
    refused(altered(CARD, sm2, p256k1), "unsupported", "no SM2 key")


def test_a_compressed_key_is_refused() -> None:
    refused(
        altered(CARD, b"\x00\x04" + CARD.public, b"\x00\x02" + CARD.public), "unsupported", "key"
    )


def test_a_key_off_the_curve_is_refused() -> None:
    beside = CARD.public[:-1] + bytes((CARD.public[-1] ^ 1,))
    error = refused(altered(CARD, CARD.public, beside), "key", "off the SM2 curve")
    assert not isinstance(error.__cause__, Sm2Error)


def test_dates_upside_down_are_refused() -> None:
    dates = b"260101000000Z\x17\x0d360101000000Z"
    data = altered(CARD, dates, b"360101000000Z\x17\x0d260101000000Z")
    refused(data, "dates", "from 2036-01-01 to 2026-01-01")


@pytest.mark.parametrize("day", [b"261301000000Z", b"260101250000Z", b"26010100000+8", b"x" * 13])
def test_dates_that_are_none_are_refused(day: bytes) -> None:
    refused(altered(CARD, b"260101000000Z", day), "unreadable", "malformed")


@pytest.mark.parametrize("version", [0, 1, 3, 127])
def test_another_version_is_refused(version: int) -> None:
    data = altered(CARD, b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01" + bytes((version,)))
    refused(data, "unsupported", "version 3")


def test_a_certificate_of_version_1_is_refused() -> None:
    content = b"".join(split(CARD.signed)[1:-1])
    data = encode_ber(0x30, encode_ber(0x30, content), *split(CARD.der)[1:])
    refused(data, "unsupported", "version 3")


@pytest.mark.parametrize(
    "serial",
    [b"\x00" * 16, b"\xff" * 16, b"\x00\x7f" + b"\x01" * 14],
    ids=["0", "negative", "long"],
)
def test_a_serial_number_that_is_none_is_refused(serial: bytes) -> None:
    number = CARD.serial.to_bytes(16, "big")
    refused(altered(CARD, number, serial), "unreadable", "number")


def test_a_missing_field_is_refused() -> None:
    for gone in range(1, 7):
        fields = split(CARD.signed)
        del fields[gone]
        data = encode_ber(0x30, encode_ber(0x30, *fields), *split(CARD.der)[1:])
        with pytest.raises(CertificateError):
            Certificate.parse(data)


_BASIC = bytes.fromhex("0603551D13 0101FF 0408 3006 0101FF 020100")


@pytest.mark.parametrize(
    "changed",
    [
        "0603551D13 010101 0408 3006 0101FF 020100",  # a truth value that is neither
        "0603551D13 0101FF 0408 3006 010101 020100",
        "0603551D13 0101FF 0408 3006 0101FF 0201FF",  # a path length below zero
        "0603551D13 0101FF 0408 3006 0101FF 040100",
        "0603551D13 0101FF 0408 3106 0101FF 020100",  # a set
        "0603551D13 0101FF 0408 3005 0101FF 020100",  # a byte left over
        "0603551D13 0101FF 0308 3006 0101FF 020100",  # no octet string
        "0603551D0E 0101FF 0408 3006 0101FF 020100",  # a second subject key identifier
        "0683551D13 0101FF 0408 3006 0101FF 020100",
    ],
)
def test_a_malformed_extension_is_refused(changed: str) -> None:
    with pytest.raises(CertificateError) as caught:
        Certificate.parse(altered(OPERATING, _BASIC, bytes.fromhex(changed)))
    assert caught.value.reason == "unreadable"


def test_a_key_usage_of_nothing_is_refused() -> None:
    data = altered(OPERATING, bytes.fromhex("03020106"), bytes.fromhex("03020100"))
    refused(data, "unreadable", "allows nothing")


@pytest.mark.parametrize(
    ("tag", "codec", "text"),
    [
        (0x0C, "utf-8", "样本"),
        (0x13, "ascii", "Sample CA"),
        (0x14, "latin-1", "Se\xf1or"),
        (0x16, "ascii", "ca@example.org"),
        (0x1C, "utf-32-be", "样本"),
        (0x1E, "utf-16-be", "样本"),
    ],
)
def test_every_string_type_is_read(tag: int, codec: str, text: str) -> None:
    assert name_of(tag, text.encode(codec)).get("CN") == text


def name_of(tag: int, value: bytes, oid: str = "550403") -> DistinguishedName:
    kind = encode_ber(0x06, bytes.fromhex(oid))
    attribute = encode_ber(0x31, encode_ber(0x30, kind, encode_ber(tag, value)))
    return DistinguishedName.read(encode_ber(0x30, attribute))


def test_string_types_case_and_blanks_do_not_make_another_name() -> None:
    assert name_of(0x13, b"Sample  CA ").matches(name_of(0x0C, b"SAMPLE ca"))
    assert name_of(0x1E, "样本".encode("utf-16-be")).matches(name_of(0x0C, "样本".encode()))
    assert not name_of(0x0C, b"Sample CA").matches(name_of(0x0C, b"Sample CB"))
    assert not name_of(0x0C, b"x").matches(name_of(0x0C, b"x", oid="55040A"))
    assert name_of(0x0C, b"x", oid="2A8603").parts == (("1.2.771", "x"),)


@pytest.mark.parametrize(
    ("tag", "value"),
    [(0x0C, b"\xff"), (0x13, b"\xe9"), (0x1E, b"abc"), (0x1C, b"\x00\x11\x00\x00"), (0x04, b"x")],
)
def test_a_name_that_is_no_text_is_refused(tag: int, value: bytes) -> None:
    with pytest.raises(der.DerError):
        name_of(tag, value)


def test_equality_is_that_of_the_bytes() -> None:
    again = Certificate.parse(CARD.der)
    assert again == CARD
    assert hash(again) == hash(CARD)
    assert CARD != OPERATING
    assert Certificate.parse(CARD.der).subject == HOLDER


def test_an_error_survives_the_way_between_processes() -> None:
    error = refused(b"nonsense", "unreadable", "no certificate")
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, str(again)) == (error.reason, str(error))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(CertificateError):
        Certificate.parse(data)
    with pytest.raises(CertificateError):
        Certificate.parse_all(data)


def unnoticed(data: bytes) -> bool:
    """Whether a changed certificate of the card passes for one of its authority.

    It has to be refused, or not to be signed; nothing but :class:`CertificateError` is raised.
    """
    try:
        parsed = Certificate.parse(data)
    except CertificateError:
        return False
    return parsed != CARD and parsed.is_signed_by(pki().operating.pair.public)


def test_no_flipped_bit_goes_unnoticed() -> None:
    for place, value in enumerate(CARD.der):
        flipped = bytes((value ^ 1 << place % 8,))
        data = CARD.der[:place] + flipped + CARD.der[place + 1 :]
        assert not unnoticed(data), f"byte {place}"


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(CARD.der) - 1), st.integers(0, 255))
def test_no_changed_byte_goes_unnoticed(place: int, value: int) -> None:
    assert not unnoticed(CARD.der[:place] + bytes((value,)) + CARD.der[place + 1 :])


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.binary(max_size=4))
def test_no_cut_or_spliced_certificate_goes_unnoticed(at: int, until: int, put: bytes) -> None:
    at, until = at % len(CARD.der), until % len(CARD.der)
    assert not unnoticed(CARD.der[:at] + put + CARD.der[until:])


def test_the_dates_are_what_they_were() -> None:
    assert (CARD.not_before, CARD.not_after) == (START, END)


def test_an_oid_that_is_too_long() -> None:
    """Python refuses to write numbers of thousands of digits, with an error of its own."""
    longest = b"\x2a" + b"\xff" * 62 + b"\x01"
    assert der.read_oid(longest).startswith("1.2.")
    with pytest.raises(der.DerError, match="too long"):
        der.read_oid(b"\x2a" + b"\xff" * 63 + b"\x01")
    algorithm = encode_ber(0x30, encode_ber(0x06, b"\x2a" + b"\xff" * 3000 + b"\x01"))
    content, _, signature = der.parts(CARD.der)
    refused(der.sequence(content.whole, algorithm, signature.whole), "unreadable", "too long")


class Counted(bytes):
    """Bytes that tell how many of them were searched."""

    searched = 0

    def find(self, *arguments: Any) -> int:
        found = super().find(*arguments)
        start, end = arguments[1:]
        Counted.searched += (end if found < 0 else found) - start
        return found


def test_blocks_that_never_end() -> None:
    """The work grows with the file, not with its square."""
    begun = b"-----BEGIN CERTIFICATE-----\n" * 3000
    assert from_pem(begun, ("CERTIFICATE",)) == []
    ends = b"-----END CERTIFICATE-----\n" * 3000
    data = Counted(begun + CARD.pem().encode().replace(b"CERTIFICATE", b"X") + ends)
    Counted.searched = 0
    assert from_pem(data, ("CERTIFICATE",)) == []
    assert from_pem(data, ("X",)) == [CARD.der]
    assert Counted.searched <= 2 * len(data)


def test_blocks_of_other_labels_are_passed_over() -> None:
    text = CARD.pem().encode()
    other = text.replace(b"CERTIFICATE", b"EC PARAMETERS")
    begun = b"-----BEGIN EC PARAMETERS-----\n"
    ended = b"-----END EC PARAMETERS-----\n"
    data = other + begun + text + ended + text + b"-----END \xff-----" + text
    assert from_pem(data, ("CERTIFICATE",)) == 3 * [CARD.der]
