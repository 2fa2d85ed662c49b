"""Builders, against the bytes that terminals send (ref 02 §1.2-1.3, §3, §5; 01 §10-11)."""

from __future__ import annotations

import pytest

from sscard_ic.apdu import ApduError, Command, iso, ssc
from sscard_ic.base import Secret

SSSE = "sx1.sh.社会保障".encode("gb2312")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        # ref 02 §1.2
        (iso.select_name(SSSE), "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"),
        (iso.select_fid(0xDDF1), "00A4000002DDF1"),
        (iso.select_fid(0xEF05, p1=2), "00A4020002EF05"),
        # ref 02 §1.3, 01 §11
        (iso.read_record(1, 0x12), "00B2010412"),
        (iso.read_record(7, sfi=5), "00B2072C00"),
        (iso.read_record_by_tag(0x07, 0x0B), "00B207000B"),
        (iso.read_all_records(1, 255), "00B20105FF"),
        (iso.update_record(1, bytes.fromhex("EA0C")), "00DC010402EA0C"),
        (iso.append_record(b"\xaa", 5), "00E2002801AA"),
        (iso.read_binary(0x0102, 16), "00B0010210"),
        (iso.read_binary(0, sfi=8), "00B0880000"),
        (iso.update_binary(0x80, b"\xaa"), "00D6008001AA"),
        (iso.get_challenge(), "0084000008"),
        (iso.get_challenge(4), "0084000004"),
        (iso.get_response(8), "00C0000008"),
    ],
)
def test_interindustry(command: Command, expected: str) -> None:
    assert bytes(command).hex().upper() == expected


def test_offsets_that_would_name_a_file_are_refused() -> None:
    assert bytes(iso.read_binary(0x7FFF, 1)) == bytes.fromhex("00B07FFF01")
    with pytest.raises(ApduError, match="out of reach"):
        iso.read_binary(0x8000)
    with pytest.raises(ApduError, match="one byte"):
        iso.update_binary(256, b"", sfi=8)


def test_external_authenticate() -> None:
    # ref 02 §3.3
    cryptogram, text = bytes.fromhex("1E008343409B5CEB"), bytes.fromhex("1122334455667788")
    plain = ssc.external_authenticate(0x04, cryptogram, text)
    assert bytes(plain).hex().upper() == "00820004101E008343409B5CEB1122334455667788"
    versioned = ssc.external_authenticate(0x04, cryptogram, text, 1)
    assert bytes(versioned).hex().upper() == "00820004111E008343409B5CEB112233445566778801"


def test_internal_authenticate() -> None:
    # ref 02 §3.5
    command = ssc.internal_authenticate(0, bytes(8), b"\x11" * 8, 2)
    assert bytes(command).hex() == "0088000011" + "00" * 8 + "11" * 8 + "0208"


@pytest.mark.parametrize(
    ("pin", "block"),
    [("1234", "1234"), ("12345", "12345F"), ("123456", "123456"), ("1" * 12, "1" * 12)],
)
def test_pin_block(pin: str, block: str) -> None:
    assert ssc.pin_block(pin).hex().upper() == block


@pytest.mark.parametrize("pin", ["", "123", "1" * 13, "12345A", "１２３４５６", "12 456"])
def test_a_refused_pin_is_not_quoted(pin: str) -> None:
    with pytest.raises(ValueError, match="4 to 12 digits") as caught:
        ssc.pin_block(pin)
    assert str(caught.value) == "a PIN has 4 to 12 digits"


def test_pin_commands_are_secret() -> None:
    # ref 02 §5.1
    old, new = Secret(ssc.pin_block("123456")), Secret(ssc.pin_block("654321"))
    assert ssc.verify(old).reveal() == bytes.fromhex("0020000003123456")
    assert ssc.change_pin(old, new).reveal() == bytes.fromhex("805E010007123456FF654321")
    assert "123456" not in repr([ssc.verify(old), ssc.change_pin(old, new)])
