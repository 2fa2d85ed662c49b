"""Certificates in their files at the terminal (ref 02 §8.1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.card.certificate.bench import READ, SELECT, UPDATE, USER, Bench, bench, der_of, scripted

from sscard_ic.base import CardError, InputError
from sscard_ic.card import CertificateRefused
from sscard_ic.profile.certificate import Purpose
from sscard_ic.reader.connection import TransmissionProtocol

TYPICAL = 630
"""Bytes of a certificate (ref 02 §8.9)."""
BOTH = pytest.mark.parametrize("purpose", ["signature", "encryption"])


def _ready(made: Bench) -> Bench:
    made.application.verify_pin("user", USER)
    made.sent()
    return made


def _kinds(made: Bench) -> dict[int, int]:
    commands = made.sent()
    return {ins: sum(raw[1] == ins for raw in commands) for ins in {raw[1] for raw in commands}}


@BOTH
@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
@pytest.mark.parametrize(("block", "writes"), [(112, 6), (250, 3), (255, 3), (1, TYPICAL)])
@pytest.mark.parametrize(("padded", "filled"), [(0, TYPICAL), (1020, 1020)])
def test_write_and_read(
    purpose: Purpose,
    protocol: TransmissionProtocol,
    block: int,
    writes: int,
    padded: int,
    filled: int,
) -> None:
    """The exchanges, too: nothing is asked that need not be."""
    made = _ready(bench(protocol=protocol, write_block=block, padded_certificate=padded))
    der = der_of(TYPICAL)
    made.application.write_certificate(purpose, der)
    commands = made.sent()
    fid = {"signature": "0018", "encryption": "0019"}[purpose]
    assert commands[0].hex().upper() == f"00A4000002{fid}"
    expected = writes if not padded else -(-filled // block)
    assert [raw[1] for raw in commands[1:]] == [UPDATE] * expected
    assert [int.from_bytes(raw[2:4], "big") for raw in commands[1:]] == list(
        range(0, filled, block)
    )
    assert b"".join(raw[5:] for raw in commands[1:]) == der.ljust(filled, b"\x00")
    assert made.application.certificate(purpose) == der
    assert _kinds(made) == {SELECT: 1, READ: 3}
    other: Purpose = "encryption" if purpose == "signature" else "signature"
    assert made.again().certificate(other) is None


@pytest.fixture(scope="module")
def ready() -> Bench:
    return _ready(bench())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 2048), st.sampled_from([b"\x00", b"\xff", b"\x30"]))
@example(2, b"\x00")
@example(129, b"\x00")
@example(256, b"\x00")
@example(257, b"\x00")
@example(512, b"\xff")
@example(2048, b"\x00")
def test_every_length_over_what_was_there(ready: Bench, length: int, filling: bytes) -> None:
    try:
        der = der_of(length, filling)
    except ValueError:
        der = der_of(length + 1, filling)
    ready.application.write_certificate("encryption", der)
    ready.sent()
    assert ready.application.certificate("encryption") == der
    assert _kinds(ready) == {SELECT: 1, READ: -(-len(der) // 256)}


@BOTH
def test_there_is_none_yet(purpose: Purpose) -> None:
    made = bench()
    assert made.application.certificate(purpose) is None
    assert _kinds(made) == {SELECT: 1, READ: 1}


@pytest.mark.parametrize(
    ("length", "settings", "counted"),
    [
        (2049, {}, 2049),
        (1021, {"certificate_size": 1020}, 1021),
        (500, {"certificate_size": 1020, "padded_certificate": 1500}, 1500),
    ],
)
def test_too_long_for_the_file(length: int, settings: dict[str, Any], counted: int) -> None:
    made = _ready(bench(**settings))
    with pytest.raises(InputError) as caught:
        made.application.write_certificate("signature", der_of(length))
    size = settings.get("certificate_size", 2048)
    assert f"{counted} bytes, the file has {size}" in str(caught.value)
    assert str(size) in caught.value.render("zh")
    assert made.sent() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x82\x02",
        b"-----BEGIN CERTIFICATE-----",
        der_of(200) + b"\x00",
        der_of(200)[:-1],
        b"\x31" + der_of(200)[1:],
    ],
)
def test_what_is_no_certificate_is_not_written(data: bytes) -> None:
    made = _ready(bench())
    with pytest.raises(InputError, match="no DER certificate"):
        made.application.write_certificate("signature", data)
    assert made.sent() == []


def test_a_file_that_is_smaller_on_the_card() -> None:
    card, application = scripted(
        ("00A40000020018", "9000"),
        ("00D60000 70*", "9000"),
        ("00D60070 70*", "6A84"),
    )
    with pytest.raises(CertificateRefused, match="write the signature certificate") as caught:
        application.write_certificate("signature", der_of(TYPICAL))
    assert caught.value.hint is not None
    assert "certificate_size" in caught.value.hint.en
    card.close()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([("FF" * 256 + "9000")], None),
        ([("00" * 256 + "9000")], None),
        (["9000"], None),
        (["3003010203" + "00" * 251 + "9000"], "3003010203"),
        (["3003010203" + "9000"], "3003010203"),
    ],
)
def test_files_of_other_cards(answers: list[str], expected: str | None) -> None:
    card, application = scripted(("00A40000020018", "9000"), ("00B0000000", answers[0]))
    found = application.certificate("signature")
    assert (found.hex() if found else None) == expected
    card.close()


def test_a_card_that_answers_less_than_it_is_asked_for() -> None:
    """248 bytes at once: the next block begins where the last one ended."""
    der = der_of(600, b"\x11").hex().upper()
    card, application = scripted(
        ("00A40000020018", "9000"),
        ("00B0000000", der[:496] + "9000"),
        ("00B000F800", der[496:992] + "9000"),
        ("00B001F068", der[992:] + "9000"),
    )
    found = application.certificate("signature")
    assert found is not None
    assert found.hex().upper() == der
    card.close()


@pytest.mark.parametrize(
    "head",
    [
        "3182025E",  # another tag
        "3080025E",  # no definite length
        "30840000025E",
        "3082007F",  # not the shortest form
        "01",
    ],
)
def test_something_else_in_the_file(head: str) -> None:
    content = bytes.fromhex(head).ljust(256, b"\x11").hex()
    card, application = scripted(("00A40000020019", "9000"), ("00B0000000", content + "9000"))
    with pytest.raises(CardError, match="no whole certificate") as caught:
        application.certificate("encryption")
    assert caught.value.hint is not None
    card.close()


@pytest.mark.parametrize("end", ["6B00", "6282", "9000"])
def test_a_certificate_that_goes_beyond_its_file(end: str) -> None:
    content = der_of(600).hex()[:512]
    card, application = scripted(
        ("00A40000020018", "9000"), ("00B0000000", content + "9000"), ("00B0010000", end)
    )
    with pytest.raises(CardError, match="no whole certificate"):
        application.certificate("signature")
    card.close()


def test_reading_is_refused_half_way() -> None:
    content = der_of(600).hex()[:512]
    card, application = scripted(
        ("00A40000020018", "9000"), ("00B0000000", content + "9000"), ("00B0010000", "6F00")
    )
    with pytest.raises(CertificateRefused, match="read the signature certificate"):
        application.certificate("signature")
    card.close()


def test_no_error_shows_the_certificate() -> None:
    """It names its holder."""
    made = _ready(bench())
    with pytest.raises(InputError) as caught:
        made.application.write_certificate("signature", der_of(3000, b"Z"))
    assert "ZZ" not in caught.value.render("zh") + repr(caught.value) + str(caught.value)
