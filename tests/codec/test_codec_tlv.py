"""Record TLV and BER-TLV."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.codec.tlv import (
    BerTlv,
    Record,
    TlvError,
    encode_ber,
    iter_records,
    parse_ber,
    parse_record,
)

_VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "codec.toml").read_text(encoding="utf-8")
)
_records = st.builds(Record, st.integers(0, 255), st.binary(max_size=255))
_values = st.binary(max_size=300)
_primitive_tags = st.sampled_from([0x04, 0x4F, 0x50, 0x84, 0x88, 0x9F0C, 0x9F46, 0xDF8101])
_constructed_tags = st.sampled_from([0x30, 0x61, 0x6F, 0x70, 0xA5, 0xBF0C])
_objects: st.SearchStrategy[BerTlv] = st.recursive(
    st.builds(BerTlv, _primitive_tags, _values),
    lambda inner: st.builds(
        lambda tag, children: BerTlv(tag, children=tuple(children)),
        _constructed_tags,
        st.lists(inner, max_size=4),
    ),
    max_leaves=8,
)


def _encode(tlv: BerTlv) -> bytes:
    return encode_ber(tlv.tag, tlv.value, *map(_encode, tlv.children))


def test_records_of_a_real_card() -> None:
    row = _VECTORS["records"][0]
    records = list(iter_records(bytes.fromhex(row["bytes"])))
    assert [record.tag for record in records] == row["tags"]
    assert records[6].value == b"B00000131"
    assert b"".join(map(bytes, records)) == bytes.fromhex(row["bytes"])


@given(st.lists(_records, max_size=6))
def test_records_round_trip(records: list[Record]) -> None:
    assert list(iter_records(b"".join(map(bytes, records)))) == records


@given(_records)
def test_one_record(record: Record) -> None:
    assert parse_record(bytes(record)) == record
    with pytest.raises(TlvError, match="2 records"):
        parse_record(bytes(record) * 2)
    with pytest.raises(TlvError, match="cut"):
        parse_record(bytes(record)[:-1])


def test_no_record() -> None:
    with pytest.raises(TlvError, match="0 records"):
        parse_record(b"")


@pytest.mark.parametrize(("tag", "length"), [(256, 0), (-1, 0), (1, 256)])
def test_a_record_needs_one_byte_tag_and_length(tag: int, length: int) -> None:
    with pytest.raises(TlvError, match="one-byte header"):
        Record(tag, bytes(length))


@given(st.binary(max_size=600))
def test_any_bytes_as_records(data: bytes) -> None:
    try:
        records = list(iter_records(data))
    except TlvError:
        return
    assert b"".join(map(bytes, records)) == data


def test_fci_of_the_ssse() -> None:
    row = _VECTORS["ber"][0]
    (outer,) = parse_ber(bytes.fromhex(row["bytes"]))
    assert outer.tag == 0x6F
    name = outer.find(0x84)
    assert name is not None
    assert name.value.hex().upper() == row["name"]
    sfi = outer.find(0x88)
    assert sfi is not None
    assert sfi.value == b"\x1e"
    assert outer.find(0x9F0C) is None


@given(st.lists(_objects, max_size=4))
def test_ber_round_trip(objects: list[BerTlv]) -> None:
    assert parse_ber(b"".join(map(_encode, objects))) == tuple(objects)


@given(_objects, st.data())
def test_a_cut_object_is_noticed(tlv: BerTlv, data: st.DataObject) -> None:
    raw = _encode(tlv)
    with pytest.raises(TlvError, match=r"cut|missing"):
        parse_ber(raw[: data.draw(st.integers(1, len(raw) - 1))])


@given(st.binary(max_size=200))
def test_any_bytes_as_ber(data: bytes) -> None:
    try:
        objects = parse_ber(data)
    except TlvError:
        return
    assert bool(objects) == bool(data)


@pytest.mark.parametrize(
    "hex_bytes", ["8480", "84840000000000", "9F", "9F81", "84", "8481", "848105AA"]
)
def test_malformed_ber(hex_bytes: str) -> None:
    with pytest.raises(TlvError, match=r"cut|missing"):
        parse_ber(bytes.fromhex(hex_bytes))


def test_endless_nesting_is_refused() -> None:
    data = b""
    for _ in range(3000):
        data = encode_ber(0x30, data)
    with pytest.raises(TlvError, match="nested"):
        parse_ber(data)


@pytest.mark.parametrize(("length", "head"), [(127, "847F"), (128, "848180"), (256, "84820100")])
def test_lengths_are_written_shortest(length: int, head: str) -> None:
    assert encode_ber(0x84, bytes(length)).startswith(bytes.fromhex(head))
