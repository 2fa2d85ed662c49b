"""Bytes that must not be seen."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """Key, PIN or finished command that carries one; prints as ``‹secret›``.

    Only :meth:`reveal` gives the bytes away, so every place that uses them can be found by name.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes | bytearray) -> None:
        self._value = bytearray(value)

    def reveal(self) -> bytes:
        """The bytes themselves: a copy, which :meth:`clear` does not reach."""
        return bytes(self._value)

    def clear(self) -> None:
        """Overwrite the bytes with zeros, and hold none any more.

        Python copies freely and frees without overwriting, so copies may live on elsewhere: this
        shortens how long a secret lies in memory, it proves nothing (docs/keys.md).
        """
        self._value[:] = bytes(len(self._value))
        self._value.clear()

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash((Secret, bytes(self._value)))

    def __repr__(self) -> str:
        return "‹secret›"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "‹secret›"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


Secretive = bytes | Secret
