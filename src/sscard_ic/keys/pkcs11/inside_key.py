"""One key in the token, used as the rules of cards use one: encryption, MAC, process key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sscard_ic.crypto import mac, sm4
from sscard_ic.keys.pkcs11.derivation import Derivation
from sscard_ic.keys.pkcs11.mechanisms import Cipher
from sscard_ic.keys.pkcs11.token import OpenToken


class InsideKey:
    """A card key or process key; whoever uses it holds the token's lock.

    ``left`` gives the left half of a 16-byte 3DES key, by itself a key of single DES ``des``:
    retail MACs chain with it.
    """

    def __init__(
        self,
        token: OpenToken,
        derivation: Derivation,
        cipher: Cipher,
        des: Cipher,
        handle: int,
        left: Callable[[], int] | None = None,
    ) -> None:
        self._token = token
        self._derivation = derivation
        self._cipher = cipher
        self._des = des
        self._handle = handle
        self._left = left

    def encrypt(self, data: bytes) -> bytes:
        """ECB encryption of whole blocks."""
        return self._token.functions.encrypt(
            self._token.handle, self._cipher.ecb, self._handle, data
        )

    def mac(self, data: bytes, iv: bytes) -> bytes:
        """4 bytes by algorithm and length of the key; ``iv`` has a whole block (ref 02 §4.1)."""
        padded = mac.pad80(data, self._cipher.block)
        if self._left is not None:
            return self._retail_mac(padded, iv)
        last = self._last_block(self._cipher, self._handle, padded, iv)
        return mac.folded_words(last) if len(last) == sm4.BLOCK else last[: mac.MAC_LENGTH]

    @contextmanager
    def process_key(self, block: bytes) -> Iterator[InsideKey]:
        """The key that the encryption of one ``block`` gives; it is removed afterwards."""
        into = self._cipher if len(block) == sm4.BLOCK else self._des
        handle = self._derivation.derive(self._cipher, self._handle, block, into)
        try:
            yield InsideKey(self._token, self._derivation, into, self._des, handle)
        finally:
            self._derivation.forget(handle)

    def _retail_mac(self, padded: bytes, iv: bytes) -> bytes:
        assert self._left is not None  # asked before
        head, last = padded[: -self._cipher.block], padded[-self._cipher.block :]
        chained = self._last_block(self._des, self._left(), head, iv) if head else iv
        return self._last_block(self._cipher, self._handle, last, chained)[: mac.MAC_LENGTH]

    def _last_block(self, cipher: Cipher, handle: int, data: bytes, iv: bytes) -> bytes:
        chain = self._token.functions.encrypt(self._token.handle, cipher.cbc, handle, data, iv)
        return chain[-cipher.block :]
