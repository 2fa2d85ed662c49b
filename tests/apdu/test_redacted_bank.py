"""What of a session with the bank's application is written down (ref 04 §3-4, §7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.apdu.redaction import Redactor
from sscard_ic.apdu.trace import command_text

SELECT = "00A4040008A00000033301010100"
FCI = (
    "6F3C8408A000000333010101A530500A50424F43204445424954870101"
    "9F380C9F7A019F02065F2A02DF69015F2D027A68BF0C0A9F4D020B0ADF4D020C0A"
)
MANAGER = ("00A4040008A000000003000000" + "00", "6F0F8408A000000003000000A5039F65FF")


class Session:
    """Commands and answers in hex, as they are written down."""

    def __init__(self, *before: tuple[str, str]) -> None:
        self._redactor = Redactor()
        for command, data in before:
            self.send(command, data)

    def send(self, command: str, data: str = "", *, secret: bool = False) -> tuple[str, str]:
        sent = self._redactor.command(bytes.fromhex(command), secret=secret)
        return command_text(sent), str(self._redactor.answer(bytes.fromhex(data)))


def bank() -> Session:
    """The debit application of ref 04 appendix D, selected."""
    return Session((SELECT, FCI))


FIRST, SECOND = "9F0206" + "9505" + "9F3704", "8A02" + "9F0206" + "9505" + "9F3704"
LISTS = "7016" + "8C08" + FIRST + "8D0A" + SECOND
VALUES = "000000000100" + "0000000000" + "11223344"
CHANNEL = (
    ("8050010008112233445566778800", "00000001020304050607010200 01A1A2A3A4A5A6996B8F24B44C9B75"),
    ("84820100103394B813219D3C1CC5D1E6DFCE558105", ""),
)


def test_a_contact_transaction() -> None:
    session = bank()
    options = "80A800000C830A0000000000010001560000"
    answer = "800E7C00080102001001050018010201"
    assert session.send(options, answer) == (options, answer)
    track = "701957138888800000123456D49122200000000000000F5F340101"
    assert session.send("00B2010C00", track)[1] == "70195713 ‹19 bytes› 5F3401 ‹1 byte›"
    assert session.send("00B2021C00", LISTS)[1] == LISTS
    first = f"80AE80000F{VALUES}00"
    answer = "801E8000015E8D55683F6B1CDC07000103A02000010A01000001000029BD3A6C"
    sent, data = session.send(first, answer)
    assert sent == first
    assert data == "801E8000015E8D55683F6B1CDC07000103A0200001 ‹11 bytes›"
    second = f"80AE4000113030{VALUES}00"
    assert session.send(second)[0] == second
    assert session.send("80CA9F3600", "9F36020006")[1] == "9F36020006"
    assert session.send("80CA9F7900", "9F7906000000010000")[1] == "9F7906 ‹6 bytes›"


def test_lists_are_those_of_this_card() -> None:
    """Values whose list is unknown, or does not fit, are a length."""
    first = f"80AE80000F{VALUES}00"
    assert bank().send(first)[0] == "80AE8000 ‹15 bytes› Le 00"
    session = bank()
    session.send("00B2021C00", LISTS)
    assert session.send(f"80AE80000E{VALUES[2:]}00")[0] == "80AE8000 ‹14 bytes› Le 00"
    session.send(SELECT, "")
    assert session.send(first)[0] == "80AE8000 ‹15 bytes› Le 00"


def test_a_list_that_asks_for_the_holder() -> None:
    session = bank()
    session.send("00B2021C00", "7008" + "8C06" + "5A08" + "57139505")
    asked = "8888800000123456" + "8888800000123456D49122200000000000000F" + "0000000000"
    sent, _ = session.send(f"80AE800020{asked}00")
    assert sent == "80AE8000 ‹27 bytes› 0000000000 Le 00"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("002000800826123456FFFFFFFF", "00200080 ‹8 bytes›"),
        ("04DA9F790A0000000200004D69882B", "04DA9F79 ‹10 bytes›"),
        ("841E000004F4F24444", "841E0000 ‹4 bytes›"),
        ("8424000214" + "55" * 20, "84240002 ‹20 bytes›"),
        ("00820000" + "0A365D35CFDA7F60823030", "00820000 ‹10 bytes›"),
    ],
)
def test_pins_and_scripts_are_lengths(command: str, expected: str) -> None:
    assert bank().send(command)[0] == expected


def test_other_applications_are_not_taken_for_the_banks() -> None:
    """An item of the social security card has the tag 70, too (ref 01 §4.5)."""
    for before in ((), ((SELECT, FCI), ("00A4000002DF01", ""))):
        session = Session(*before)
        assert session.send("00B2700C00", "70035F3401")[1] == "7003 ‹3 bytes›"
        assert session.send("80CA9F3600", "9F36020006")[1] == "‹5 bytes›"


# -- personalization --------------------------------------------------------------------------


def test_building_up_an_application() -> None:
    session = Session(MANAGER)
    (update, answer), (proof, _) = (session.send(*each) for each in CHANNEL)
    assert update == CHANNEL[0][0]
    assert answer == "000000010203 ‹4 bytes› 01020001A1A2A3A4A5A6 ‹8 bytes›"
    assert proof == "84820100 ‹16 bytes›"
    names = "08A00000033301013007A000000333010108A000000333010101011003C9012000"
    assert session.send(f"84E60C0029{names}{'55' * 8}00")[0] == (
        f"84E60C00 {names} ‹8 bytes› Le 00"
    )
    listed = "08A0000003330101010F10"
    sent, data = session.send("84F240000A4F00" + "55" * 8 + "00", listed)
    assert (sent, data) == ("84F24000 4F00 ‹8 bytes› Le 00", listed)


def test_data_groups_are_numbers_and_lengths() -> None:
    session = Session((SELECT, "6F0C8408A000000333010101A500"), *CHANNEL)
    keys = "84E260003B800030" + "DE" * 48 + "55" * 8
    assert session.send(keys)[0] == "84E26000 800030 ‹56 bytes›"
    sent, _ = session.send("84E20001119010020303" + "91040100" + "55" * 8)
    assert sent == "84E20001 901002 ‹2 bytes› 910401 ‹9 bytes›"


def test_what_goes_on_from_the_command_before_is_a_length() -> None:
    session = Session((SELECT, "6F0C8408A000000333010101A500"), *CHANNEL)
    first = "84E260000F800030" + "01010101" + "55" * 8
    assert session.send(first)[0] == "84E26000 800030 ‹12 bytes›"
    # What follows looks like the head of a group, and is a part of a key.
    assert session.send("84E260010D0101020101" + "55" * 8)[0] == "84E26001 ‹13 bytes›"
    assert session.send("84E260010D0101020101" + "55" * 8)[0] == "84E26001 ‹13 bytes›"


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((), id="nothing seen"),
        pytest.param(
            (MANAGER, CHANNEL[0], ("8482030010" + "55" * 16, "")), id="enciphered channel"
        ),
    ],
)
def test_nothing_is_shown_where_heads_cannot_be_told(before: tuple[tuple[str, str], ...]) -> None:
    session = Session(*before)
    assert session.send("84E260003B800030" + "DE" * 48 + "55" * 8)[0] == "84E26000 ‹59 bytes›"
    assert session.send("84E260003B800030" + "DE" * 48 + "55" * 8)[0] == "84E26000 ‹59 bytes›"


def test_a_secret_command_is_followed_but_hidden() -> None:
    session = Session((SELECT, "6F0C8408A000000333010101A500"), *CHANNEL)
    sent, _ = session.send("84E260000F800030" + "01010101" + "55" * 8, secret=True)
    assert sent == "84E26000 ‹15 bytes›"
    assert session.send("84E260010D0101020101" + "55" * 8)[0] == "84E26001 ‹13 bytes›"


_KEY = bytes.fromhex("B38F4989E0BF54B397D5E3B3B6F8A4FB")


@given(
    st.lists(
        st.sampled_from(
            [
                bytes.fromhex(SELECT),
                bytes.fromhex(CHANNEL[0][0]),
                bytes.fromhex(CHANNEL[1][0]),
                bytes.fromhex("848203001000000000000000000000000000000000"),
                bytes.fromhex("80E2000003910401"),
                bytes.fromhex("84E200000B91040155555555555555 55"),
            ]
        ),
        max_size=5,
    ),
    st.sampled_from([0x80, 0x84]),
    st.sampled_from([0x00, 0x60, 0x80]),
    st.binary(max_size=3),
)
def test_no_order_of_commands_shows_a_key(
    before: list[bytes], cla: int, p1: int, lead: bytes
) -> None:
    redactor = Redactor()
    for command in before:
        redactor.command(command)
        redactor.answer(b"")
    head = b"\x80\x00" + bytes((len(_KEY),))
    for data in (lead + head + _KEY, _KEY, head + _KEY):
        raw = bytes((cla, 0xE2, p1, 0x00, len(data))) + data
        said = str(redactor.command(raw)).replace(" ", "")
        assert _KEY.hex().upper()[6:] not in said
