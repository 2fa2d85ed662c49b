"""Data groups of personalization (DGI): number, length, value (ref 04 §7.4, 15 §6.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

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


def leading_groups(data: bytes) -> tuple[tuple[DataGroup, ...], bytes]:
    """The whole groups of ``data``, and the beginning of one that is cut behind them."""
    groups, at = [], 0
    while (head := whole_length(data, at)) is not None and at + sum(head) <= len(data):
        start = at + head[0]
        number = int.from_bytes(data[at : at + _NUMBER], "big")
        groups.append(DataGroup(number, data[start : start + head[1]]))
        at = start + head[1]
    return tuple(groups), data[at:]


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
