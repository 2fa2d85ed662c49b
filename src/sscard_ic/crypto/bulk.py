"""One key for many cards at once: the blocks of all of them in one buffer (ref 02 §3.1).

The cost of deriving keys card by card is never the block cipher, it is the objects per card
(ref 07 §b). Here nothing is made per card: the factors' complements come from one translation,
and both are laid side by side as 8-byte words.
"""

from __future__ import annotations

from array import array

from sscard_ic.crypto.factors import FACTOR_LENGTH
from sscard_ic.crypto.suites import Suite

CARDS_AT_ONCE = 8192
"""Blocks of so many cards stay in the processor's cache while they are encrypted."""

_COMPLEMENT = bytes(0xFF - byte for byte in range(256))
_WORD = "Q"
"""Eight bytes, as long as a factor; they are moved, never computed with."""


def diversification_blocks(factors: bytes | memoryview, key_length: int = 16) -> bytes:
    """What a parent key encrypts for every card: D ‖ ¬D of each factor; D for a DES key of 8.

    ``factors`` has 8 bytes for each card. Raises ``ValueError`` for another length.
    """
    if len(factors) % FACTOR_LENGTH:
        raise ValueError(f"factors have {FACTOR_LENGTH} bytes each")
    if key_length == FACTOR_LENGTH:
        return bytes(factors)
    words = array(_WORD, bytes(2 * len(factors)))
    words[0::2] = array(_WORD, bytes(factors))
    words[1::2] = array(_WORD, bytes(factors).translate(_COMPLEMENT))
    return words.tobytes()


def derive_many(suite: Suite, key: bytes, factors: bytes) -> bytearray:
    """The keys that ``key`` (8 or 16 bytes) gives for each 8-byte factor, one behind the other.

    Raises ``ValueError`` for other lengths.
    """
    if len(factors) % FACTOR_LENGTH:
        raise ValueError(f"factors have {FACTOR_LENGTH} bytes each")
    length = len(key)
    count = len(factors) // FACTOR_LENGTH
    engine = suite.engine(key)
    derived = bytearray(count * length + suite.block - 1)
    asked, answered = memoryview(factors), memoryview(derived)
    for first in range(0, count, CARDS_AT_ONCE):
        last = min(first + CARDS_AT_ONCE, count)
        blocks = diversification_blocks(asked[first * FACTOR_LENGTH : last * FACTOR_LENGTH], length)
        engine.encrypt_into(blocks, answered[first * length : last * length + suite.block - 1])
    answered.release()
    del derived[count * length :]
    return derived
