"""Data object lists: which objects a card asks for, and the bytes that answer it (ref 14 §1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sscard_ic.codec.pboc.elements import fitted
from sscard_ic.codec.tlv import TlvError, ber_tag


@dataclass(frozen=True, slots=True)
class Dol:
    """Tags and lengths in the order in which the values are strung together."""

    entries: tuple[tuple[int, int], ...]
    """Tag and bytes of each object."""

    @classmethod
    def parse(cls, data: bytes) -> Dol:
        """The list in ``data`` (PDOL, CDOL, DDOL, TDOL, log format); raises :class:`TlvError`."""
        return _parse(data)

    @property
    def length(self) -> int:
        """Bytes of all values."""
        return sum(length for _, length in self.entries)

    def __contains__(self, tag: object) -> bool:
        return any(tag == each for each, _ in self.entries)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.entries)

    def split(self, data: bytes) -> dict[int, bytes]:
        """The values in ``data`` by tag; the last one counts where a tag stands twice.

        Raises :class:`TlvError` when ``data`` has another length.
        """
        if len(data) != self.length:
            raise TlvError(f"{len(data)} bytes for a list of {self.length}")
        values, at = {}, 0
        for tag, length in self.entries:
            values[tag] = data[at : at + length]
            at += length
        return values

    def join(self, values: Mapping[int, bytes]) -> bytes:
        """The values strung together, each cut or filled as its format wants.

        What is not among ``values`` is 00.
        """
        return b"".join(fitted(tag, values.get(tag, b""), length) for tag, length in self.entries)


@lru_cache(maxsize=256)
def _parse(data: bytes) -> Dol:
    entries, at = [], 0
    while at < len(data):
        tag, _, at = ber_tag(data, at)
        if at >= len(data):
            raise TlvError("length is missing")
        entries.append((tag, data[at]))
        at += 1
    return Dol(tuple(entries))
