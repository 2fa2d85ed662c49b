"""Card keys derived before they are needed: a chunk of the cards that come next, by one call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.capabilities import CardKey

CARDS_PER_CHUNK = 64
_CHUNKS_KEPT = 2
"""Of each key: stations work side by side, so that some are still before a border."""

KeyName = tuple[str, int, Algorithm]
DeriveMany = Callable[[str, int, Algorithm, str, bytes], bytearray]


class ExpectedCards:
    """Remembers which cards come next; safe to use from several threads.

    For each key the bits of at most two chunks are kept, and overwritten when they are dropped.
    """

    def __init__(self, derive_many: DeriveMany) -> None:
        self._derive_many = derive_many
        self._lock = threading.Lock()
        self._division_code = ""
        self._factors: list[bytes] = []
        self._positions: dict[bytes, int] = {}
        self._chunks: dict[KeyName, OrderedDict[int, bytearray]] = {}

    def expect(self, division_code: str, factors: Sequence[bytes]) -> None:
        """Cards of one city in the order they will come in; replaces what was expected before."""
        with self._lock:
            self._drop()
            self._division_code = division_code
            self._factors = list(dict.fromkeys(factors))
            self._positions = {factor: place for place, factor in enumerate(self._factors)}

    def key(self, key: CardKey) -> bytes | None:
        """The bits of the key of an expected card; None for any other card."""
        with self._lock:
            place = self._positions.get(key.factor)
            if place is None or key.division_code != self._division_code:
                return None
            number, within = divmod(place, CARDS_PER_CHUNK)
            chunk = self._chunk((key.name, key.version, key.algorithm), number)
            length = len(chunk) // len(self._cards(number))
            return bytes(chunk[within * length : (within + 1) * length])

    def clear(self) -> None:
        """Overwrite every key that is kept; the cards are still expected."""
        with self._lock:
            self._drop()

    def _chunk(self, name: KeyName, number: int) -> bytearray:
        kept = self._chunks.setdefault(name, OrderedDict())
        if number not in kept:
            factors = b"".join(self._cards(number))
            kept[number] = self._derive_many(*name, self._division_code, factors)
            if len(kept) > _CHUNKS_KEPT:
                _overwrite(kept.popitem(last=False)[1])
        kept.move_to_end(number)
        return kept[number]

    def _cards(self, number: int) -> list[bytes]:
        return self._factors[number * CARDS_PER_CHUNK : (number + 1) * CARDS_PER_CHUNK]

    def _drop(self) -> None:
        for kept in self._chunks.values():
            for chunk in kept.values():
                _overwrite(chunk)
        self._chunks.clear()


def _overwrite(chunk: bytearray) -> None:
    chunk[:] = bytes(len(chunk))
