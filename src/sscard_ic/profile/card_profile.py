"""A card profile ready for use: structure, dialect, code tables and, for regions, their rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from sscard_ic.base.errors import InputError, Text
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.dialect import Dialect
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.profile.region import Region, Terminal
from sscard_ic.profile.structure import Key, Located, Structure
from sscard_ic.profile.values import encode

_FAMILIES: dict[str, Algorithm] = {suite.flag: name for name, suite in SUITES.items()}


@dataclass(frozen=True, eq=False)
class CardProfile:
    """What reader side, personalization and simulator obey; compared by identity."""

    name: str
    """Path below ``profiles/`` without ending, e.g. ``regions/dalian``."""
    structure: Structure
    dialect: Dialect
    codes: Mapping[str, CodeTable]
    region: Region | None = None
    announced: str | None = None
    """Algorithm flag that the card itself announces, where no region says it: 01, 02, 03."""
    financial: FinancialApplication | None = None
    """The bank's application; None on a chip without one."""

    @cached_property
    def places(self) -> tuple[Located, ...]:
        """Every item of every file with its place, in card order."""
        return tuple(self.structure.locate_all())

    @cached_property
    def _by_file(self) -> dict[tuple[str, str], tuple[Located, ...]]:
        groups = groupby(self.places, key=lambda place: (place.directory_name, place.file_name))
        return {file: tuple(places) for file, places in groups}

    def places_of(self, directory_name: str, file_name: str) -> tuple[Located, ...]:
        """The items of one file, in record order."""
        return self._by_file[directory_name, file_name]

    def example_values(self) -> dict[str, bytes]:
        """A synthetic value of every item by path, repetitions and records of logs included."""
        return {
            place.path: encode(place.item, place.item.example, self.codes)
            for place in self.places
            if place.item.example is not None
        }

    def is_of_version(self, version: str) -> bool:
        """Whether a card that says it is of ``version`` may obey this profile.

        Only the first character counts: real cards write "2.0" too (ref 01 §1).
        """
        return self.structure.specification_version[:1] == version[:1]

    @property
    def keys(self) -> dict[str, Key]:
        """All keys by name."""
        return self.structure.keys

    @property
    def terminal(self) -> Terminal:
        """How keys of several groups are used."""
        return self.region.terminal if self.region is not None else Terminal()

    @property
    def algorithm_flag(self) -> str:
        """01 3DES, 02 SSF33, 03 SM4: the region's, else the card's own, else 01 (ref 02 §2.4)."""
        if self.region is not None:
            return self.region.issuer.algorithm
        return self.announced or SUITES["3des"].flag

    @property
    def algorithm(self) -> Algorithm:
        """What the card's keys work by.

        Raises :class:`InputError` for SSF33, whose cipher is not public: no software has it.
        """
        algorithm = _FAMILIES.get(self.algorithm_flag)
        if algorithm is None:
            raise InputError(
                Text(
                    f"此卡的密钥算法标识为 {self.algorithm_flag}（SSF33），算法未公开",
                    f"the keys of this card are of algorithm {self.algorithm_flag} (SSF33), "
                    "whose cipher is not public",
                ),
                where=self.name,
                hint=Text(
                    "无需密钥的数据仍可读取；其余须用带 SSF33 的加密机或 PSAM",
                    "what needs no key can be read; the rest takes an HSM or PSAM with SSF33",
                ),
            )
        return algorithm

    def key_algorithm(self, name: str) -> Algorithm:
        """That of the key ``name``: the medical keys are 3DES on every card (ref 12 §6)."""
        return "3des" if self.keys[name].algorithm == "3des" else self.algorithm

    def key_length(self, name: str) -> int:
        """Bytes of the key ``name``: 8 or 16 (3DES); every SM4 key has 16."""
        return 16 if self.key_algorithm(name) == "sm4" else self.keys[name].length
