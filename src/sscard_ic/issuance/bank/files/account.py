"""Whose card it is: PAN and sequence number out of its data groups (ref 04 §3.2, 15 §3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sscard_ic.base.errors import Text
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.codec.tlv import BerTlv, TlvError, parse_ber
from sscard_ic.issuance.bank.files.raw import Flaw, Place, RawGroup

_PAN, _TRACK2, _SEQUENCE, _AID = 0x5A, 0x57, 0x5F34, 0x4F
_INTERNAL = (0x0D01, 0x0E01, 0x3000, 0x3001)
_LAST_CODED_FILE = 10
_PAN_FORM = re.compile(r"([0-9]{8,19})f?")
_TRACK2_FORM = re.compile(r"([0-9]{8,19})d[0-9]{7,}f?")


@dataclass(frozen=True, slots=True)
class Account:
    """What names the card at its bank."""

    pan: str = field(repr=False)
    sequence: int | None


def read_account(groups: Sequence[RawGroup], start: Place) -> Account:
    """PAN from 5A, else from track 2; every one that stands there must be the same.

    Raises :class:`Flaw`.
    """
    pans: set[str] = set()
    sequences: set[int] = set()
    for group in groups:
        for tag, value in _values(group):
            if tag in (_PAN, _TRACK2):
                pans.add(_pan(tag, value, group.place))
            elif tag == _SEQUENCE:
                sequences.add(_sequence(value, group.place))
            if len(pans) > 1 or len(sequences) > 1:
                raise Flaw(
                    group.place,
                    Text(
                        "账号或序号与前面的分组不一致",
                        "the PAN or its sequence number is another one than in earlier groups",
                    ),
                )
    if not pans:
        raise Flaw(start, Text("没有账号（5A 或 57）", "there is no PAN (5A or 57)"))
    return Account(pans.pop(), sequences.pop() if sequences else None)


def directory_aids(group: RawGroup) -> list[bytes]:
    """AIDs of the entries in a record or FCI of a directory; raises :class:`Flaw`."""
    return [value for tag, value in _flat(_tree(group)) if tag == _AID]


def _values(group: RawGroup) -> Iterator[tuple[int, bytes]]:
    """Tags and values of a group; nothing for one that holds no objects."""
    record = DataGroup(group.number, b"").record
    if record is None and group.number not in _INTERNAL:
        return
    if record is not None and record[0] > _LAST_CODED_FILE:
        return  # such files are for the issuer alone, in whatever form
    yield from _flat(_tree(group))


def _tree(group: RawGroup) -> tuple[BerTlv, ...]:
    try:
        return parse_ber(group.value)
    except TlvError:
        raise Flaw(
            group.place, Text("不是完整的 TLV 数据", "these are no whole TLV objects")
        ) from None


def _flat(tree: Iterable[BerTlv]) -> Iterator[tuple[int, bytes]]:
    for each in tree:
        if each.children:
            yield from _flat(each.children)
        else:
            yield each.tag, each.value


def _pan(tag: int, value: bytes, place: Place) -> str:
    found = (_PAN_FORM if tag == _PAN else _TRACK2_FORM).fullmatch(value.hex())
    if found is None:
        raise Flaw(
            place,
            Text(
                f"{tag:02X} 不是账号数据（部分加密的二磁道不能使用）",
                f"{tag:02X} holds no PAN (a track 2 that is enciphered in part cannot be used)",
            ),
        )
    return found[1]


def _sequence(value: bytes, place: Place) -> int:
    if len(value) != 1 or not value.hex().isdecimal():
        raise Flaw(place, Text("5F34 不是两位数字", "5F34 does not hold two digits"))
    return int(value.hex())
