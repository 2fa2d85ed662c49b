"""Keys of provinces, cities and cards as session objects: derived in the token, and kept there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from pkcs11 import Attribute

from sscard_ic.crypto.bulk import diversification_blocks
from sscard_ic.keys.hierarchy import REGIONAL_FACTORS
from sscard_ic.keys.inventory import KeyInfo
from sscard_ic.keys.pkcs11 import objects
from sscard_ic.keys.pkcs11.entries import Place, place_of
from sscard_ic.keys.pkcs11.errors import CryptokiError
from sscard_ic.keys.pkcs11.keyring import Keyring
from sscard_ic.keys.pkcs11.mechanisms import Cipher, Ciphers
from sscard_ic.keys.pkcs11.token import OpenToken

_MOST = 256
"""Derived keys that the session keeps: some sixty roots of a few cities, and the last cards."""
_ALLOWED = frozenset({Attribute.ENCRYPT, Attribute.DERIVE})

Path = tuple[bytes, ...]
"""What was encrypted, step by step, to come from a root to a key."""


class Derivation:
    """Derives from the roots of a keyring; callers hold the token's lock while they use a handle.

    A derived DES key has its parity bits adjusted by the token. DES ignores them, so whatever is
    computed with it is the same (ref 07 §c).
    """

    def __init__(self, token: OpenToken, ciphers: Ciphers, keyring: Keyring) -> None:
        self._token = token
        self._ciphers = ciphers
        self._keyring = keyring
        self._known: OrderedDict[tuple[Place, Path], int] = OrderedDict()

    def above_cards(self, info: KeyInfo, division_code: str) -> int:
        """Handle of the last key above those of the cards of a city; the root itself for some."""
        path = tuple(REGIONAL_FACTORS[factor](division_code) for factor in info.factors[:-1])
        return self._at(info, path)

    def of_card(self, info: KeyInfo, division_code: str, factor: bytes) -> int:
        """Handle of the key of a card, which the token gives to nobody."""
        cipher = self._ciphers.of(info.algorithm)
        block = diversification_blocks(factor, info.length)
        return self._below(info, division_code, block, cipher)

    def left_half(self, info: KeyInfo, division_code: str, factor: bytes) -> int:
        """Handle of the left half of a 16-byte 3DES card key, a single DES key of its own.

        Each half is an encryption by itself: this one of the factor, the other of its complement.
        """
        return self._below(info, division_code, factor, self._ciphers.of("des"))

    def derive(self, cipher: Cipher, base: int, data: bytes, into: Cipher) -> int:
        """Handle of a key of the algorithm ``into``: the encryption of ``data`` under ``base``."""
        template = objects.sized(objects.secret_key(into, _ALLOWED), into, len(data))
        return self._token.functions.derive(
            self._token.handle, cipher.derive, base, into.held(data), objects.packed(template)
        )

    def forget(self, handle: int) -> None:
        """Remove a derived key; one that stays dies with the session."""
        with suppress(CryptokiError):
            self._token.functions.destroy(self._token.handle, handle)

    def clear(self) -> None:
        """Remove every derived key that is kept."""
        while self._known:
            self.forget(self._known.popitem()[1])

    def _at(self, info: KeyInfo, path: Path) -> int:
        if not path:
            return self._keyring.handle(info)
        cipher = self._ciphers.of(info.algorithm)

        def make() -> int:
            block = diversification_blocks(path[-1], info.length)
            return self.derive(cipher, self._at(info, path[:-1]), block, cipher)

        return self._kept((place_of(info), path), make)

    def _below(self, info: KeyInfo, division_code: str, block: bytes, into: Cipher) -> int:
        cipher = self._ciphers.of(info.algorithm)
        path = division_code.encode(), block, into.algorithm.encode()
        return self._kept(
            (place_of(info), path),
            lambda: self.derive(cipher, self.above_cards(info, division_code), block, into),
        )

    def _kept(self, place: tuple[Place, Path], make: Callable[[], int]) -> int:
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = make()
            if len(self._known) > _MOST:
                self.forget(self._known.popitem(last=False)[1])
        self._known.move_to_end(place)
        return known
