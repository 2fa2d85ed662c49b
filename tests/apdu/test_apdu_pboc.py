"""Commands of the bank's application, byte for byte (ref 04 §6.8, §8.3, appendix C; 14 §13)."""

from __future__ import annotations

import pytest

from sscard_ic.apdu import Command, pboc
from sscard_ic.base.secret import Secret
from sscard_ic.codec.pboc.bits import Kind

AID = bytes.fromhex("A000000333010102")


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (pboc.select(b"1PAY.SYS.DDF01"), "00A404000E315041592E5359532E444446303100"),
        (pboc.select(AID), "00A4040008A00000033301010200"),
        (pboc.select(AID, next_match=True), "00A4040208A00000033301010200"),
        (pboc.read_record(2, 5), "00B2051400"),
        (pboc.get_processing_options(), "80A8000002830000"),
        (pboc.get_processing_options(bytes(33)), "80A80000238321" + "00" * 33 + "00"),
        (pboc.get_processing_options(bytes(130)), "80A8000085838182" + "00" * 130 + "00"),
        (pboc.get_data(0x9F36), "80CA9F3600"),
        (pboc.internal_authenticate(bytes.fromhex("7863AFC6")), "00880000047863AFC600"),
        (pboc.external_authenticate(b"\x11" * 10), "008200000A" + "11" * 10),
        (pboc.generate_ac(Kind.ARQC, b"\x01"), "80AE8000010100"),
        (pboc.generate_ac(Kind.TC, b"\x01", combined=True), "80AE5000010100"),
        (pboc.generate_ac(Kind.AAC, b"\x01"), "80AE0000010100"),
        (pboc.update_record(1, 2, b"\x70\x00"), "04DC020C027000"),
    ],
)
def test_commands(command: Command, wanted: str) -> None:
    assert bytes(command).hex().upper() == wanted


@pytest.mark.parametrize(
    ("command", "mac", "wanted"),
    [
        (
            pboc.put_data(0x9F79, bytes(3) + b"\x02\x00\x00"),
            "4D69882B",
            "04DA9F790A0000000200004D69882B",
        ),
        (pboc.application_block(), "F4F24444", "841E000004F4F24444"),
        (pboc.application_unblock(), "FF932BC2", "8418000004FF932BC2"),
        (pboc.card_block(), "5AFDD462", "84160000045AFDD462"),
        (pboc.change_pin(pboc.UNBLOCK), "730826DB", "8424000004730826DB"),
        (
            pboc.change_pin(data=bytes.fromhex("3C5CC68AC003005095153C88D496FEA9")),
            "CC450D6D",
            "84240002143C5CC68AC003005095153C88D496FEA9CC450D6D",
        ),
        (
            pboc.change_pin(
                pboc.CHANGE_WITH_CURRENT, bytes.fromhex("D2C065E8B001BB0C95153C88D496FEA9")
            ),
            "26B9EA5B",
            "8424000114D2C065E8B001BB0C95153C88D496FEA926B9EA5B",
        ),
    ],
    ids=["load", "block", "unblock", "card", "pin_unblock", "pin", "pin_with_current"],
)
def test_script_commands(command: Command, mac: str, wanted: str) -> None:
    assert bytes(pboc.with_mac(command, bytes.fromhex(mac))).hex().upper() == wanted


def test_a_script_mac_has_four_bytes() -> None:
    with pytest.raises(ValueError, match="4 bytes, not 8"):
        pboc.with_mac(pboc.card_block(), bytes(8))


def test_verify_is_secret() -> None:
    command = pboc.verify(Secret(b"123456"))
    assert command.reveal().hex().upper() == "002000800826123456FFFFFFFF"
    assert "26123456" not in repr(command)
