"""The two families of card keys behind one set of words: 3DES (algorithm 01) and SM4 (03).

Both sides of the wire do the same arithmetic with either; only blocks and folding differ
(ref 02 §3): SM4 works on 16 bytes, challenges of 8 are extended with zeros, results of 16 are
folded to 8 by XOR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from sscard_ic.crypto import des, mac, sm4
from sscard_ic.crypto.factors import FACTOR_LENGTH

Algorithm = Literal["3des", "sm4"]

CHALLENGE_LENGTH = 8
_INVERSE = bytes(0xFF - byte for byte in range(256))


class Engine(Protocol):
    """ECB encryption with one key, set up once; belongs to one thread."""

    def encrypt(self, data: bytes) -> bytes:
        """Encryption of whole blocks."""
        ...

    def encrypt_into(self, data: bytes, buffer: memoryview) -> None:
        """Encryption of whole blocks; ``buffer`` is a block less one byte longer than they are."""
        ...


@dataclass(frozen=True, slots=True)
class Suite:
    """Block cipher and the rules built on it; see :data:`SUITES`."""

    algorithm: Algorithm
    block: int
    """Bytes of a block."""
    flag: str
    """Two digits in FCI and interfaces: 01, 03 (ref 02 §2.4)."""
    encrypt: Callable[[bytes, bytes], bytes]
    """ECB encryption: key, whole blocks."""
    decrypt: Callable[[bytes, bytes], bytes]
    encrypt_cbc: Callable[[bytes, bytes, bytes], bytes]
    """CBC encryption: key, whole blocks, start value of one block."""
    engine: Callable[[bytes], Engine]
    _mac: Callable[[bytes, bytes, bytes], bytes]

    def diversification_block(self, factor: bytes, key_length: int = 16) -> bytes:
        """What a parent key encrypts: D ‖ ¬D of the 8-byte factor; D for a DES key of 8 bytes."""
        if len(factor) != FACTOR_LENGTH:
            raise ValueError(f"a factor has {FACTOR_LENGTH} bytes")
        return factor if key_length == FACTOR_LENGTH else factor + factor.translate(_INVERSE)

    def diversify(self, key: bytes, factor: bytes) -> bytes:
        """One level; as many bytes as ``key`` has (ref 02 §3.1, §3.4, 01 §10.3)."""
        return self.encrypt(key, self.diversification_block(factor, len(key)))

    def process_key(self, key: bytes, challenge: bytes) -> bytes:
        """Process key of an 8-byte challenge: 8 bytes (3DES) or 16 (SM4), ref 02 §3.2."""
        return self.encrypt(key, self.extended(challenge))

    def authentication_cryptogram(self, key: bytes, challenge: bytes, text: bytes) -> bytes:
        """8 bytes over 8 bytes of ``text`` under the process key of ``challenge`` (ref 02 §3).

        External authentication: ``challenge`` is the card's, ``text`` the terminal's (§3.3, §3.4).
        Internal authentication: the two halves of the command's data (§3.5).
        """
        return self.folded(self.encrypt(self.process_key(key, challenge), self.extended(text)))

    def direct_cryptogram(self, key: bytes, challenge: bytes) -> bytes:
        """8 bytes over an 8-byte challenge under ``key`` itself, as PBOC has it (ref 02 §3.6)."""
        return self.folded(self.process_key(key, challenge))

    def mac(self, key: bytes, data: bytes, iv: bytes = b"") -> bytes:
        """4 bytes over ``data`` with padding 80 00…; ``iv`` is filled with 00 to a block.

        3DES: retail MAC with a 16-byte key, DES MAC with an 8-byte one. SM4: CBC, the four words
        of the last block joined by XOR (ref 02 §4.1).
        """
        return self._mac(key, data, iv.ljust(self.block, b"\x00"))

    def extended(self, challenge: bytes) -> bytes:
        """8 bytes as one block: filled with 00 on the right."""
        if len(challenge) != CHALLENGE_LENGTH:
            raise ValueError(f"{CHALLENGE_LENGTH} bytes are needed")
        return challenge.ljust(self.block, b"\x00")

    def folded(self, block: bytes) -> bytes:
        """One block as 8 bytes: its halves joined by XOR where it has 16."""
        if len(block) == CHALLENGE_LENGTH:
            return block
        left, right = block[:CHALLENGE_LENGTH], block[CHALLENGE_LENGTH:]
        return bytes(a ^ b for a, b in zip(left, right, strict=True))

    def check_value(self, key: bytes) -> bytes:
        """First three bytes of the encryption of a block of zeros."""
        return self.encrypt(key, bytes(self.block))[:3]


def _mac_3des(key: bytes, data: bytes, iv: bytes) -> bytes:
    method = mac.des_mac if len(key) == des.BLOCK else mac.retail_mac
    return method(key, data, iv)


SUITES: Mapping[Algorithm, Suite] = {
    "3des": Suite(
        "3des", 8, "01", des.encrypt, des.decrypt, des.encrypt_cbc, des.Encryptor, _mac_3des
    ),
    "sm4": Suite(
        "sm4", 16, "03", sm4.encrypt, sm4.decrypt, sm4.encrypt_cbc, sm4.Encryptor, mac.sm4_mac
    ),
}
