"""Public keys of the payment scheme's certification authority (ref 14 §7.1, 04 §6.13)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sscard_ic.crypto.rsa import RsaPublic

RID_LENGTH = 5
POINT_LENGTH = 64
"""X‖Y of a key of SM2."""

Kind = Literal["rsa", "sm2"]
Status = Literal["live", "test", "demo", "unknown"]
"""``live``: of the scheme; ``test``: of its test laboratories; ``demo``: the private key is
published; ``unknown``: seen in lists, nobody says what for."""


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """One key, as a terminal finds it by the RID of the application and the index (tag 8F)."""

    rid: bytes
    """5 bytes."""
    index: int
    public: RsaPublic | bytes
    """A key of RSA, or X‖Y of SM2 (64 bytes)."""
    status: Status
    expires: date | None = None
    """Its last day, where one is published: always a 31 December."""
    checksum: bytes | None = None
    """As published: 20 bytes; see :func:`checksum_of`."""

    def __post_init__(self) -> None:
        if len(self.rid) != RID_LENGTH or not 0 <= self.index <= 0xFF:
            raise ValueError("a RID has 5 bytes, an index one")
        if isinstance(self.public, bytes) and len(self.public) != POINT_LENGTH:
            raise ValueError("a public key of SM2 has 64 bytes")

    @property
    def kind(self) -> Kind:
        """Algorithm."""
        return "rsa" if isinstance(self.public, RsaPublic) else "sm2"

    @property
    def is_right(self) -> bool:
        """Whether the key is the one that its checksum was published for, if one was."""
        if self.checksum is None or isinstance(self.public, bytes):
            return self.checksum is None
        return self.checksum == checksum_of(self.rid, self.index, self.public)

    def has_expired(self, at: date) -> bool:
        """Whether terminals use it no longer on the day ``at``."""
        return self.expires is not None and at > self.expires


def checksum_of(rid: bytes, index: int, public: RsaPublic) -> bytes:
    """SHA-1 over RID, index, modulus and exponent: 20 bytes (ref 14 §7.1)."""
    data = rid + bytes((index,)) + public.modulus_bytes + public.exponent_bytes
    return hashlib.sha1(data, usedforsecurity=False).digest()
