"""Commands and responses as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.apdu import ApduError, Command, Response, StatusWord

_byte = st.integers(0, 255)
_commands = st.builds(
    Command,
    _byte,
    _byte,
    _byte,
    _byte,
    st.one_of(st.binary(max_size=300), st.sampled_from([bytes(255), bytes(256), bytes(65535)])),
    st.one_of(st.none(), st.integers(1, 65536), st.sampled_from([1, 255, 256, 257, 65536])),
)


@given(_commands)
def test_round_trip(command: Command) -> None:
    assert Command.parse(bytes(command)) == command


@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    try:
        command = Command.parse(raw)
    except ApduError:
        return
    assert Command.parse(bytes(command)) == command
    assert raw.startswith(command.header)


@pytest.mark.parametrize(
    ("text", "case", "data", "le"),
    [
        ("00840000", 1, "", None),
        ("0084000008", 2, "", 8),
        ("00B2010400", 2, "", 256),
        ("80E0020000", 2, "", 256),
        ("00A4000002DDF1", 3, "DDF1", None),
        ("0020000003123456", 3, "123456", None),
        ("00A4040006D1560000059000", 4, "D15600000590", 256),
        ("00B0000000012C", 2, "", 300),
        ("00B00000000000", 2, "", 65536),
        ("00D60000000003AABBCC", 3, "AABBCC", None),
        ("00D60000000003AABBCC0000", 4, "AABBCC", 65536),
    ],
)
def test_cases_short_and_extended(text: str, case: int, data: str, le: int | None) -> None:
    command = Command.parse(bytes.fromhex(text))
    assert (command.case, command.data.hex().upper(), command.le) == (case, data, le)


def test_extended_form_only_where_needed() -> None:
    assert bytes(Command(0, 0xD6, 0, 0, bytes(255))).startswith(b"\x00\xd6\x00\x00\xff")
    assert bytes(Command(0, 0xD6, 0, 0, bytes(256))).startswith(b"\x00\xd6\x00\x00\x00\x01\x00")
    assert bytes(Command(0, 0xB0, 0, 0, le=256)) == b"\x00\xb0\x00\x00\x00"
    assert bytes(Command(0, 0xB0, 0, 0, le=257)) == b"\x00\xb0\x00\x00\x00\x01\x01"
    both = bytes(Command(0, 0xD6, 0, 0, b"\xaa", 257))
    assert both == b"\x00\xd6\x00\x00\x00\x00\x01\xaa\x01\x01"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "008400",
        "00A4000002DD",
        "00A4000002DDF100AA",
        "00A400000000",
        "00D60000000003AABB",
        "00D60000000003AABBCC00",
        "00D6000000000000",
    ],
)
def test_lengths_that_disagree(text: str) -> None:
    with pytest.raises(ApduError, match=r"bytes|cut|says"):
        Command.parse(bytes.fromhex(text))


@pytest.mark.parametrize("field", range(4))
@pytest.mark.parametrize("value", [-1, 256])
def test_header_fields_are_bytes(field: int, value: int) -> None:
    cla, ins, p1, p2 = (value if n == field else 0 for n in range(4))
    with pytest.raises(ApduError, match="one byte"):
        Command(cla, ins, p1, p2)


def test_data_and_le_out_of_range() -> None:
    with pytest.raises(ApduError, match="65536 data bytes"):
        Command(0, 0xD6, 0, 0, bytes(65536))
    for le in (-1, 0, 65537):
        with pytest.raises(ApduError, match=f"Le {le}"):
            Command(0, 0xB0, 0, 0, le=le)


def test_with_le() -> None:
    command = Command(0, 0xB2, 1, 4, le=256)
    assert bytes(command.with_le(18)) == bytes.fromhex("00B2010412")
    assert bytes(command.with_le(None)) == bytes.fromhex("00B20104")


@given(st.binary(max_size=20), st.integers(0, 0xFFFF))
def test_response_round_trip(data: bytes, sw: int) -> None:
    response = Response(data, StatusWord(sw))
    assert Response.parse(bytes(response)) == response


@pytest.mark.parametrize("raw", [b"", b"\x90"])
def test_response_without_status(raw: bytes) -> None:
    with pytest.raises(ApduError, match="at least 2"):
        Response.parse(raw)


@pytest.mark.parametrize(
    ("sw", "ok", "remaining", "correct", "tries"),
    [
        (0x9000, True, None, None, None),
        (0x6110, True, 16, None, None),
        (0x6100, True, 256, None, None),
        (0x6C12, False, None, 18, None),
        (0x6C00, False, None, 256, None),
        (0x63C2, False, None, None, 2),
        (0x63C0, False, None, None, 0),
        (0x6983, False, None, None, 0),
        (0x6982, False, None, None, None),
    ],
)
def test_status_word(
    sw: int, ok: bool, remaining: int | None, correct: int | None, tries: int | None
) -> None:
    status = StatusWord(sw)
    assert status.ok is ok
    assert (status.remaining, status.correct_length) == (remaining, correct)
    assert status.tries_left == tries


def test_status_words_in_words() -> None:
    assert StatusWord(0x6982).text.zh == "不满足安全条件"
    assert StatusWord(0x63C2).text.en == "verification failed, 2 tries left"
    assert StatusWord(0x6112).text.en == "18 bytes available"
    assert StatusWord(0x6C12).text.en == "wrong Le, should be 18"
    assert StatusWord(0x1234).text.en == "unknown status word"
    assert f"{StatusWord(0x63C2)}" == str(StatusWord(0x63C2)) == "63C2"
    assert repr(StatusWord(0x9000)) == "StatusWord(9000)"
