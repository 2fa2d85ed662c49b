"""Issuer application data, tag 9F10 (ref 14 §6.2, 04 §6.7).

``07 ‖ DKI ‖ CVN ‖ CVR (4) ‖ algorithm``, then perhaps ``length ‖ discretionary data``.
"""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.codec.tlv import TlvError

_FIXED = 8
_CVR_LENGTH = 3
LONGEST = 32


@dataclass(frozen=True, slots=True)
class IssuerData:
    """Issuer application data in its parts."""

    derivation_index: int
    version: int
    """Cryptogram version number: 01, or 17 hex."""
    cvr: int
    """Bytes 2-4 of the card verification results, see :class:`~.bits.Cvr`."""
    algorithm: int
    """01 3DES, 04 SM4 (02 SSF33)."""
    discretionary: bytes = b""
    """What follows its length byte: identifier, values and MAC; as personalized: identifier."""
    room: int | None = None
    """Length byte where it is another one than the discretionary data have: as personalized."""

    @classmethod
    def parse(cls, data: bytes) -> IssuerData:
        """Raises :class:`TlvError` for another structure.

        A length byte without all its data, as cards are personalized, is kept in ``room``.
        """
        if not _FIXED <= len(data) <= LONGEST or data[0] != _FIXED - 1 or data[3] != _CVR_LENGTH:
            raise TlvError("issuer application data of another structure")
        rest = data[_FIXED:]
        room = rest[0] if rest and rest[0] != len(rest) - 1 else None
        cvr = int.from_bytes(data[4:7], "big")
        return cls(data[1], data[2], cvr, data[7], rest[1:], room)

    @property
    def card_verification_results(self) -> bytes:
        """All 4 bytes of the CVR, 03 first."""
        return bytes((_CVR_LENGTH,)) + self.cvr.to_bytes(_CVR_LENGTH, "big")

    def __bytes__(self) -> bytes:
        head = bytes((_FIXED - 1, self.derivation_index, self.version))
        fixed = head + self.card_verification_results + bytes((self.algorithm,))
        if not self.discretionary and self.room is None:
            return fixed
        room = len(self.discretionary) if self.room is None else self.room
        return fixed + bytes((room,)) + self.discretionary
