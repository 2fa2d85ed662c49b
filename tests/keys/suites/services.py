"""Implementations of the key capabilities, each opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.keys.suites.holdings import BY_NAME, DERIVED, GIVEN_CITY, given_key
from tests.keys.suites.implementations import IMPLEMENTATIONS, Opener
from tests.keys.suites.remote_bench import Wanted

from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import CardKey

_PROVINCE = 2
"""Digits of a division code."""


class Services:
    """Key services by the name of their implementation; whoever asks knows what they can do."""

    def __init__(self, stack: ExitStack, folder: Callable[[str], Path]) -> None:
        self._stack = stack
        self._folder = folder
        self._opened: dict[tuple[str, str, Wanted], Any] = {}

    def held(self, implementation: str, name: str = "NATION", method: Method = "card_key") -> Any:
        """One that has the roots, and serves cards of the city of the key ``name``."""
        wanted = Wanted(BY_NAME[name].city[:_PROVINCE], method)
        return self._open(implementation, "held", IMPLEMENTATIONS[implementation].held, wanted)

    def given(self, implementation: str, method: Method = "card_key") -> Any:
        """One that has the given card keys."""
        how = IMPLEMENTATIONS[implementation].given
        assert how is not None
        wanted = Wanted(GIVEN_CITY[:_PROVINCE], method)
        return self._open(implementation, "given", how, wanted)

    def for_bits(
        self,
        implementation: str,
        algorithm: Algorithm,
        bits: str,
        method: Method = "card_key",
    ) -> tuple[Any, CardKey]:
        """One that has the card key with these bits, by its root or given, and its name there."""
        if (algorithm, bits) in DERIVED:
            key = DERIVED[algorithm, bits]
            return self.held(implementation, key.name, method), key
        return self.given(implementation, method), given_key(algorithm, bits)

    def _open(self, implementation: str, keys: str, how: Opener, wanted: Wanted) -> Any:
        behind = IMPLEMENTATIONS[implementation].behind
        place = implementation, keys, wanted if behind else Wanted()
        if place not in self._opened:
            backing = None
            if behind:
                backing = self.held(behind) if keys == "held" else self.given(behind)
            opened = how(self._folder(f"{implementation}-{keys}"), wanted, backing)
            self._opened[place] = self._stack.enter_context(opened)
        return self._opened[place]
