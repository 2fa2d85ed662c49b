"""Card keys, session keys, cryptograms, script messages (ref 14 §6, 04 §6.2-6.8).

One set of words for 3DES (algorithm 01) and SM4 (04): blocks and folding differ. Master keys,
card keys and session keys have 16 bytes, cryptograms 8, the ATC is a number of two bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sscard_ic.codec.pboc.elements import fitted
from sscard_ic.crypto import des, mac, sm4
from sscard_ic.crypto.suites import SUITES, Algorithm

SmMac = Literal["folded", "leftmost"]
"""The 8 bytes that a MAC takes of the last SM4 block: halves joined by XOR, or the left half."""

CRYPTOGRAM_LENGTH = 8
SCRIPT_MAC_LENGTH = 4
_DIGITS = 16
_COUNTER_MAX = 0xFFFF
_INVERSE = bytes(0xFF - byte for byte in range(256))
_IDENTIFIERS: Mapping[Algorithm, int] = {"3des": 0x01, "sm4": 0x04}
_VERSION_01 = (
    (0x9F02, 6),
    (0x9F03, 6),
    (0x9F1A, 2),
    (0x95, 5),
    (0x5F2A, 2),
    (0x9A, 3),
    (0x9C, 1),
    (0x9F37, 4),
)
_VERSION_17 = 0x17


def account_block(pan: str, sequence: int | None) -> bytes:
    """Y: the 16 rightmost digits of PAN and sequence number (none: 00), zeros before fewer."""
    digits = f"{pan}{sequence or 0:02d}"
    return bytes.fromhex(digits[-_DIGITS:].rjust(_DIGITS, "0"))


def account_blocks(pan: str, sequence: int | None) -> bytes:
    """Y and its complement, 16 bytes: what a master key encrypts to the key of a card."""
    block = account_block(pan, sequence)
    return block + block.translate(_INVERSE)


def cryptogram_input(
    version: int, values: Mapping[int, bytes], aip: bytes, atc: int, cvr: bytes
) -> bytes:
    """What a cryptogram of a version (CVN) covers: 37 bytes for 01, 13 for 17 hex.

    ``values`` are the terminal's, by tag; a missing one is 00. ``cvr`` has 4 bytes, 03 first. A TC
    hash (tag 98) among them comes first. Raises ``ValueError`` for an unknown version.
    """
    counter = atc.to_bytes(2, "big")
    if version == _VERSION_17:
        amount = fitted(0x9F02, values.get(0x9F02, b""), 6)
        return amount + fitted(0x9F37, values.get(0x9F37, b""), 4) + counter + cvr[1:2]
    if version != 1:
        raise ValueError(f"cryptogram version {version:02X}")
    terminal = b"".join(fitted(tag, values.get(tag, b""), size) for tag, size in _VERSION_01)
    return values.get(0x98, b"") + terminal + aip + counter + cvr


@dataclass(frozen=True, slots=True)
class BankSuite:
    """The arithmetic of one algorithm."""

    algorithm: Algorithm
    sm_mac: SmMac = "folded"
    sm_arpc: SmMac = "leftmost"
    """The 8 bytes that an ARPC takes of its SM4 block (ref 14 §16)."""

    @property
    def identifier(self) -> int:
        """Algorithm identifier in the issuer application data: 01 or 04."""
        return _IDENTIFIERS[self.algorithm]

    def card_key(self, master: bytes, pan: str, sequence: int | None) -> bytes:
        """UDK of a card, with odd parity for 3DES (ref 14 §6)."""
        return self.finished(SUITES[self.algorithm].encrypt(master, account_blocks(pan, sequence)))

    def finished(self, key: bytes) -> bytes:
        """UDK from the encryption of :func:`account_blocks` under the master key."""
        return odd_parity(key) if self.algorithm == "3des" else key

    def session_key(self, card_key: bytes, atc: int) -> bytes:
        """Key of one transaction."""
        counters = atc.to_bytes(8, "big"), (_COUNTER_MAX - atc).to_bytes(8, "big")
        return SUITES[self.algorithm].encrypt(card_key, b"".join(counters))

    def mac(self, key: bytes, data: bytes) -> bytes:
        """8 bytes over ``data`` with padding 80 00…, always padded."""
        if self.algorithm == "3des":
            return mac.whole_retail_mac(key, data)
        padded = mac.pad80(data, sm4.BLOCK)
        last = sm4.encrypt_cbc(key, padded, bytes(sm4.BLOCK))[-sm4.BLOCK :]
        return _eight(last, self.sm_mac)

    def response_cryptogram(self, session_key: bytes, arqc: bytes, response_code: bytes) -> bytes:
        """ARPC, method 1: 8 bytes over the ARQC and the authorisation response code of 2."""
        block = bytes(a ^ b for a, b in zip(arqc, response_code.ljust(8, b"\x00"), strict=True))
        if self.algorithm == "3des":
            return des.encrypt(session_key, block)
        return _eight(sm4.encrypt(session_key, block.ljust(sm4.BLOCK, b"\x00")), self.sm_arpc)

    def script_mac(
        self, session_key: bytes, head: bytes, atc: int, cryptogram: bytes, data: bytes
    ) -> bytes:
        """4 bytes of a script command: ``head`` is CLA INS P1 P2, ``data`` what precedes the MAC.

        ``cryptogram`` is that of the first GENERATE AC; enciphered data go in as they are sent.
        """
        length = bytes((len(data) + SCRIPT_MAC_LENGTH,))
        message = head + length + atc.to_bytes(2, "big") + cryptogram + data
        return self.mac(session_key, message)[:SCRIPT_MAC_LENGTH]

    def discretionary_mac(self, session_key: bytes, atc: int, values: bytes) -> bytes:
        """4 bytes over the one or two amounts of 5 bytes in the issuer discretionary data."""
        message = atc.to_bytes(2, "big") + values
        message += bytes(-len(message) % des.BLOCK)
        return self.mac(session_key, message)[:SCRIPT_MAC_LENGTH]

    def encipher(self, session_key: bytes, data: bytes) -> bytes:
        """ECB over ``length ‖ data``, filled with 80 00… where it ends within a block."""
        suite = SUITES[self.algorithm]
        block = bytes((len(data),)) + data
        return suite.encrypt(session_key, mac.pad80_if_needed(block, suite.block))

    def decipher(self, session_key: bytes, data: bytes) -> bytes:
        """What :meth:`encipher` was given; raises ``ValueError`` for what it cannot have made."""
        suite = SUITES[self.algorithm]
        if not data or len(data) % suite.block:
            raise ValueError("whole blocks are needed")
        block = suite.decrypt(session_key, data)
        length = block[0]
        data = block[: 1 + length]
        if len(data) <= length or mac.pad80_if_needed(data, suite.block) != block:
            raise ValueError("length or filling is wrong")
        return data[1:]


def odd_parity(key: bytes) -> bytes:
    """``key`` with an odd number of bits in every byte."""
    return bytes(byte ^ (byte.bit_count() + 1) % 2 for byte in key)


def pin_block(pin: str, control: int = 2) -> bytes:
    """8 bytes: control nibble (2 in VERIFY, 0 in a change), number of digits, digits, F."""
    return bytes.fromhex(f"{control:X}{len(pin):X}{pin}".ljust(_DIGITS, "F"))


def change_block(mask: bytes, new: str, current: str | None = None) -> bytes:
    """D of PIN CHANGE, 8 bytes (ref 14 §6.4).

    ``mask`` are 4 bytes of a card key (bytes 5-8); ``current`` is the PIN that is given along
    with P2 = 01.
    """
    old = bytes.fromhex((current or "").ljust(_DIGITS, "0"))
    parts = pin_block(new, 0), mask.rjust(8, b"\x00"), old
    return bytes(a ^ b ^ c for a, b, c in zip(*parts, strict=True))


def _eight(block: bytes, choice: SmMac) -> bytes:
    left, right = block[:8], block[8:]
    return left if choice == "leftmost" else bytes(a ^ b for a, b in zip(left, right, strict=True))
