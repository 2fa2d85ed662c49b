"""cn: BCD digits, left-aligned, filled on the right with hex F (ref 01 §3)."""

from __future__ import annotations

import string

_HEX_DIGITS = frozenset(string.hexdigits)


def encode_cn(digits: str, length: int) -> bytes:
    """BCD of ``digits`` in ``length`` bytes; the empty string gives all FF.

    Hex letters are accepted because real serials carry them (ref 01 §9.1); a final F cannot be
    told from the filling. Raises ``ValueError`` for another character or too many digits.
    """
    if len(digits) > 2 * length:
        raise ValueError(f"{len(digits)} digits do not fit {length} bytes")
    if not _HEX_DIGITS.issuperset(digits):
        raise ValueError("a character is not a digit")
    return bytes.fromhex(digits.ljust(2 * length, "F"))


def decode_cn(value: bytes) -> str:
    """The digits without the filling F; unset (all FF) gives the empty string."""
    return value.hex().upper().rstrip("F")
