"""Data groups of personalization (DGI): number, length, value (ref 04 §7.4, 15 §6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sscard_ic.codec.tlv import TlvError

_NUMBER = 2
_LONG = 0xFF
LAST_RECORD_FILE = 0x1E
INTERNAL = (0x0D, 0x0E)
"""First bytes of groups that are no records, though they look so (ref 15 §3.1)."""


@dataclass(frozen=True, slots=True)
class DataGroup:
    """One data group."""

    number: int
    """DGI, 2 bytes."""
    value: bytes = field(repr=False)

    @property
    def record(self) -> tuple[int, int] | None:
        """SFI and record number; None for what is no record (ref 15 §3.1)."""
        sfi, record = divmod(self.number, 0x100)
        is_record = 1 <= sfi <= LAST_RECORD_FILE and sfi not in INTERNAL and record > 0
        return (sfi, record) if is_record else None

    def __bytes__(self) -> bytes:
        size = len(self.value)
        length = bytes((size,)) if size < _LONG else bytes((_LONG,)) + size.to_bytes(2, "big")
        return self.number.to_bytes(_NUMBER, "big") + length + self.value


def parse_groups(data: bytes) -> tuple[DataGroup, ...]:
    """All groups of ``data``; raises :class:`TlvError` for one that is cut."""
    return tuple(_groups(data))


def join_groups(groups: Iterable[DataGroup]) -> bytes:
    """The groups one behind the other."""
    return b"".join(bytes(group) for group in groups)


def _groups(data: bytes) -> Iterator[DataGroup]:
    at = 0
    while at < len(data):
        head = whole_length(data, at)
        if head is None or at + sum(head) > len(data):
            raise TlvError(f"data group {data[at : at + _NUMBER].hex().upper()} is cut")
        start = at + head[0]
        number = int.from_bytes(data[at : at + _NUMBER], "big")
        yield DataGroup(number, data[start : start + head[1]])
        at = start + head[1]


def whole_length(data: bytes, at: int = 0) -> tuple[int, int] | None:
    """Bytes of number and length, and bytes of the value, of the group at ``at``.

    None when not even these are there.
    """
    if len(data) < at + _NUMBER + 1:
        return None
    first = data[at + _NUMBER]
    if first != _LONG:
        return _NUMBER + 1, first
    if len(data) < at + _NUMBER + 3:
        return None
    return _NUMBER + 3, int.from_bytes(data[at + _NUMBER + 1 : at + _NUMBER + 3], "big")
