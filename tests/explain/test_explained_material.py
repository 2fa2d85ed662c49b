"""What a person gives: bytes alone, lines of logs, and what they are taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.apdu.masked import Masked
from sscard_ic.base import InputError
from sscard_ic.explain import Explainer
from sscard_ic.explain.material import (
    Piece,
    divide,
    explain_pieces,
    parse_bytes,
    parse_lines,
    recognise,
)


@pytest.mark.parametrize(
    "text",
    [
        "00A4000002EF05",
        "00 a4 00 00 02 ef 05",
        "00:A4:00:00:02:EF:05",
        "0x00 0xA4 0x00 0x00, 02EF05",
    ],
)
def test_bytes_are_read_as_people_write_them(text: str) -> None:
    assert parse_bytes(text) == Masked.of(bytes.fromhex("00A4000002EF05"))


def test_lines_of_a_trace_that_hide_data() -> None:
    # The Lc that the trace leaves out is there again.
    assert parse_bytes("00200000 ‹3 bytes›") == Masked.parse("0020000003‹3 bytes›")
    assert parse_bytes("0110 ‹16 bytes›") == Masked.parse("0110‹16 bytes›")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("00A", "an odd number of hex digits"),
        ("00A4zz", "neither hex digits"),
        ("", "there are no bytes"),
        ("  ", "there are no bytes"),
        ("00200000 ‹0 bytes›", "neither hex digits"),
    ],
)
def test_what_is_no_bytes(text: str, error: str) -> None:
    with pytest.raises(InputError, match=error) as caught:
        parse_bytes(text, "here")
    assert caught.value.where == "here"
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ("9000", "sw"),
        ("6A82", "sw"),
        ("1234", "data"),
        ("00A4000002EF05", "command"),
        ("0084000008", "command"),
        ("8020000003123456", "command"),  # an unknown one, but what it holds may be a PIN
        ("B02801011301" + "00" * 18, "command"),
        ("3B6D000000814842428653511900 0013DF", "atr"),
        ("3B6D0000", "atr"),
        ("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E", "tlv"),
        ("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E9000", "answer"),
        ("0304322E3030", "tlv"),
        ("0304322E30309000", "answer"),
        ("00A4000003EF05", "command"),
        ("F1F2F3F4F5F6", "data"),
    ],
)
def test_what_bytes_are(raw: str, what: str) -> None:
    assert recognise(Masked.of(bytes.fromhex(raw)), Explainer(), asked=False) == what


@pytest.mark.parametrize("raw", ["9000", "0102030405060708 9000", "F1F2F3", "0304322E30306A82"])
def test_behind_a_command_stands_its_answer(raw: str) -> None:
    assert recognise(Masked.of(bytes.fromhex(raw)), Explainer(), asked=True) == "answer"


@pytest.mark.parametrize(
    ("raw", "command", "answer"),
    [
        ("00B2032C06 0304322E30309000", "00B2032C06", "0304322E30309000"),
        ("0020000003123456 63C2", "0020000003123456", "63C2"),
        ("0088000010" + "00" * 16 + "08 0102030405060708 9000", "", ""),
        ("00A4000002EF05 6A82", "00A4000002EF05", "6A82"),
        ("B026000104 000013889000", "B026000104", "000013889000"),
    ],
)
def test_a_command_and_its_answer_in_one(raw: str, command: str, answer: str) -> None:
    divided = divide(Masked.of(bytes.fromhex(raw)), Explainer())
    assert divided is not None
    if command:
        assert divided == tuple(Masked.of(bytes.fromhex(each)) for each in (command, answer))


@pytest.mark.parametrize("raw", ["00A4000002EF05", "0304322E30309000", "00A4000009EF05", "9000"])
def test_one_thing_is_not_divided(raw: str) -> None:
    assert divide(Masked.of(bytes.fromhex(raw)), Explainer()) is None


LOG = """\
# a comment
// another
ATR: 3B 6D 00 00 00 81 48 42 42 86 53 51 19 00 00 13 DF
=> 00 A4 00 00 02 EF 05
<= 90 00
> 00B2032C06 < 0304322E3030 9000

C-APDU: 0084000008
R-APDU: 0102030405060708 9000
发送：00B2052C06
接收：6982
00B2012C12
"""


def test_lines_of_a_log() -> None:
    pieces = list(parse_lines(LOG, "a.log"))
    assert [(piece.line, piece.what) for piece in pieces] == [
        (3, "atr"),
        (4, "command"),
        (5, "answer"),
        (6, "command"),
        (6, "answer"),
        (8, "command"),
        (9, "answer"),
        (10, "command"),
        (11, "answer"),
        (12, None),
    ]
    told = list(explain_pieces(pieces, Explainer()))
    assert [(line, each.summary.en) for line, each in told] == [
        (3, "T=0, chip maker 0081 Huada, region 5119 Bazhong"),
        (4, "SELECT SSSE.EF05 card-issuer data"),
        (6, "READ RECORD SSSE.EF05.03 specification version → 2.00"),
        (8, "GET CHALLENGE 8 bytes → 0102030405060708"),
        (10, "READ RECORD SSSE.EF05.05 date of issue → the rule says: free"),
        (12, "READ RECORD SSSE.EF05.01 card identification code"),
    ]


def test_a_line_that_is_none_is_named() -> None:
    with pytest.raises(InputError, match="neither hex digits") as caught:
        list(parse_lines("00A4000002EF05\nhello PIN 123456\n", "a.log"))
    assert caught.value.where == "a.log:2"
    assert "123456" not in caught.value.render("en")


def test_a_kind_may_be_forced() -> None:
    pieces = [Piece(Masked.of(bytes.fromhex("9000")))]
    ((_, told),) = explain_pieces(pieces, Explainer(), "tlv")
    assert told.kind == "TLV"
    ((_, told),) = explain_pieces(pieces, Explainer(), "command")
    assert told.summary.en == "no command: less than four bytes 2 bytes"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_pieces_are_explained(raw: list[bytes]) -> None:
    pieces = [Piece(Masked.of(each)) for each in raw]
    told = list(explain_pieces(pieces, Explainer()))
    assert len(told) <= 2 * len(pieces)
    assert all(each.summary.en for _, each in told)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        list(parse_lines(text, "x"))
    except InputError as error:
        assert error.where.startswith("x:")
