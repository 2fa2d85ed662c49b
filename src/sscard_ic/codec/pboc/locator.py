"""Application file locator, tag 94 (ref 04 §3.7, 14 §7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sscard_ic.codec.tlv import TlvError

_ENTRY = 4


@dataclass(frozen=True, slots=True)
class Range:
    """Records of one file: ``first`` to ``last``, the first ``signed`` of them signed."""

    sfi: int
    first: int
    last: int
    signed: int = 0

    def __bytes__(self) -> bytes:
        return bytes((self.sfi << 3, self.first, self.last, self.signed))

    def records(self) -> Iterator[tuple[int, int, bool]]:
        """SFI, record number, and whether its content is signed."""
        for number in range(self.first, self.last + 1):
            yield self.sfi, number, number < self.first + self.signed


def parse_locator(data: bytes) -> tuple[Range, ...]:
    """The entries of an AFL; raises :class:`TlvError` for one that no terminal may follow."""
    if not data or len(data) % _ENTRY:
        raise TlvError(f"a file locator of {len(data)} bytes")
    ranges = []
    for at in range(0, len(data), _ENTRY):
        sfi, first, last, signed = data[at : at + _ENTRY]
        entry = Range(sfi >> 3, first, last, signed)
        if sfi & 7 or not 1 <= entry.sfi <= 30:
            raise TlvError(f"file identifier {sfi:02X} in a file locator")
        if not 1 <= first <= last or signed > last - first + 1:
            raise TlvError(f"records {first}-{last}, {signed} of them signed")
        ranges.append(entry)
    return tuple(ranges)


def records(locator: Iterable[Range]) -> Iterator[tuple[int, int, bool]]:
    """SFI, number and whether it is signed, of every record in order."""
    for entry in locator:
        yield from entry.records()
