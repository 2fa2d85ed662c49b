"""Which profile a card obeys, by what was seen of it."""

from __future__ import annotations

from functools import cache

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import CardError
from sscard_ic.explain.words import Detail
from sscard_ic.profile import CardProfile, available, load

DEFAULT = "national/2.00"

_DIVISION_AT = 7
"""Place of T8 in 13 historical bytes: the first four digits of the division (ref 01 §9.6)."""
_SCHEME = 13
_CODE, _VERSION = "01", "03"
_CODE_LENGTH, _VERSION_LENGTH = 16, 4
_DIVISION_BYTES = 3


@cache
def _cards() -> tuple[CardProfile, ...]:
    """Every card profile that is shipped, of each region one."""
    kinds = ("region", "national")
    return tuple(load(info.name) for info in available() if info.kind in kinds and not info.variant)


class Recogniser:
    """Gathers division and specification version, and names the profile that fits them."""

    def __init__(self) -> None:
        self._division = ""
        """Six digits of the card's city, or four from its ATR."""
        self._version = ""

    def see_atr(self, atr: Masked) -> CardProfile | None:
        """The profile after a reset, where the ATR tells a region."""
        try:
            historical = historical_bytes(atr.filled())
        except CardError:
            return None
        if len(historical) != _SCHEME or len(atr.head) < len(atr) - _SCHEME + _DIVISION_AT + 2:
            return None
        self._division = historical[_DIVISION_AT : _DIVISION_AT + 2].hex().upper()
        self._version = ""
        return self._fitting()

    def see_records(self, records: tuple[Detail, ...]) -> CardProfile | None:
        """The profile after reading EF05 of the environment, where its records tell it."""
        seen = False
        for record in records:
            size, head = len(record.raw), record.raw.head
            if record.tag == _CODE and size == _CODE_LENGTH and len(head) >= _DIVISION_BYTES:
                self._division, seen = head[:_DIVISION_BYTES].hex().upper(), True
            elif record.tag == _VERSION and size == _VERSION_LENGTH and head[:1].isdigit():
                self._version, seen = head[:1].decode("ascii"), True
        return self._fitting() if seen else None

    def _fitting(self) -> CardProfile | None:
        """The region's profile where exactly one fits, else the national one of the version."""
        fitting = [
            card for card in _cards() if not self._version or card.is_of_version(self._version)
        ]
        regions = [
            card
            for card in fitting
            if card.region is not None
            and self._division
            and card.region.issuer.division_code.startswith(self._division)
        ]
        if len(regions) == 1:
            return regions[0]
        national = [card for card in fitting if card.region is None]
        return national[0] if self._version and national else None
