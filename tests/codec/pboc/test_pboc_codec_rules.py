"""Rules and refusals of the debit application's data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.elements import amount, fitted, format_of, number
from sscard_ic.codec.pboc.groups import DataGroup, leading_groups, whole_length
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.pboc.locator import Range, parse_locator
from sscard_ic.codec.tlv import TlvError

_TAGS = st.sampled_from([0x5A, 0x82, 0x8A, 0x95, 0x9A, 0x5F2A, 0x9F02, 0x9F37, 0x9F4E, 0xDF69])
_ENTRIES = st.lists(st.tuples(_TAGS, st.integers(0, 40)), max_size=8, unique_by=lambda e: e[0])
_GROUPS = st.builds(DataGroup, st.integers(0, 0xFFFF), st.binary(max_size=600))


def _list_of(entries: list[tuple[int, int]]) -> bytes:
    return b"".join(
        tag.to_bytes(2 if tag > 0xFF else 1, "big") + bytes((length,)) for tag, length in entries
    )


@given(_ENTRIES, st.data())
def test_what_is_joined_is_split_again(entries: list[tuple[int, int]], data: st.DataObject) -> None:
    dol = Dol.parse(_list_of(entries))
    assert dol.entries == tuple(entries)
    values = {tag: data.draw(st.binary(min_size=1, max_size=50)) for tag, _ in entries}
    joined = dol.join(values)
    assert len(joined) == dol.length
    assert dol.split(joined) == {tag: fitted(tag, values[tag], room) for tag, room in entries}
    assert dol.join({}) == bytes(dol.length)


def test_the_last_of_two_values_counts() -> None:
    dol = Dol.parse(bytes.fromhex("9C019C01"))
    assert dol.split(b"\x01\x02") == {0x9C: b"\x02"}


@pytest.mark.parametrize("cut", ["9F", "9F02", "9F02069A", "9F37049F"])
def test_cut_lists_are_refused(cut: str) -> None:
    with pytest.raises(TlvError):
        Dol.parse(bytes.fromhex(cut))


@pytest.mark.parametrize("size", [0, 5, 7])
def test_values_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(TlvError, match="for a list of 6"):
        Dol.parse(bytes.fromhex("9F0206")).split(bytes(size))


@given(_TAGS, st.binary(max_size=40), st.integers(0, 40))
def test_fitted_values_fill_their_room(tag: int, value: bytes, room: int) -> None:
    made = fitted(tag, value, room)
    assert len(made) == room
    if len(value) == room:
        assert made == value
    elif value and len(value) < room:
        kept = made[-len(value) :] if format_of(tag) == "n" else made[: len(value)]
        assert kept == value


def test_amounts() -> None:
    assert amount(123456).hex() == "000000123456"
    assert number(amount(999_999_999_999)) == 999_999_999_999
    assert number(b"") == 0
    for wrong in (1_000_000_000_000, 10_000_000_000_000, -1):
        with pytest.raises(ValueError, match="at most 12 digits"):
            amount(wrong)
    with pytest.raises(ValueError, match="invalid literal"):
        number(b"\x1a")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "a file locator of 0 bytes"),
        ("080101", "a file locator of 3 bytes"),
        ("09010100", "file identifier 09"),
        ("00010100", "file identifier 00"),
        ("F8010100", "file identifier F8"),
        ("08000100", "records 0-1"),
        ("08030200", "records 3-2"),
        ("08010203", "records 1-2, 3 of them signed"),
    ],
)
def test_locators_that_no_terminal_may_follow(value: str, message: str) -> None:
    with pytest.raises(TlvError, match=message):
        parse_locator(bytes.fromhex(value))


@given(st.integers(1, 30), st.integers(1, 255), st.data())
def test_locators_there_and_back(sfi: int, first: int, data: st.DataObject) -> None:
    last = data.draw(st.integers(first, 255))
    entry = Range(sfi, first, last, data.draw(st.integers(0, min(255, last - first + 1))))
    assert parse_locator(bytes(entry) * 2) == (entry, entry)
    signed = [number for _, number, counts in entry.records() if counts]
    assert signed == list(range(first, first + entry.signed))


@pytest.mark.parametrize(
    "value",
    ["", "07000103000000", "0800010300000001", "0700010400000001", "07000103000000" + "01" * 26],
    ids=["empty", "7 bytes", "length", "length of the CVR", "33 bytes"],
)
def test_issuer_data_of_another_structure(value: str) -> None:
    with pytest.raises(TlvError, match="another structure"):
        IssuerData.parse(bytes.fromhex(value))


@given(st.lists(_GROUPS, max_size=5))
def test_groups_there_and_back(groups: list[DataGroup]) -> None:
    assert leading_groups(b"".join(map(bytes, groups))) == (tuple(groups), b"")


@given(_GROUPS, st.data())
def test_the_beginning_of_a_group_is_left_over(group: DataGroup, data: st.DataObject) -> None:
    whole = bytes(group)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    assert leading_groups(whole + cut) == ((group,), cut)


def test_long_groups_have_a_length_of_three_bytes() -> None:
    assert bytes(DataGroup(0x0201, bytes(254)))[:4].hex() == "0201fe00"
    assert bytes(DataGroup(0x0201, bytes(255)))[:5].hex() == "0201ff00ff"
    assert whole_length(bytes.fromhex("0201FE")) == (3, 254)
    assert whole_length(bytes.fromhex("0201FF0100")) == (5, 256)
    for short in ("", "0201", "0201FF", "0201FF01"):
        assert whole_length(bytes.fromhex(short)) is None


def test_a_group_shows_no_value() -> None:
    assert "99" not in repr(DataGroup(0x8000, b"\x99" * 16))
