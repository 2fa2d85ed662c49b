"""MAC and encipherment of secure messaging in its three variants (ref 02 §4).

What a command is protected with depends on the card's last challenge:

=========================  ============================  =============
method                     key                           start value
=========================  ============================  =============
``card_key``               the card key itself           the challenge
``process_key``            process key of the challenge  zeros
``process_key_challenge``  process key of the challenge  the challenge
=========================  ============================  =============

The reference calls them B, A and C. A challenge shorter than a block is filled with 00 on the
right. A 16-byte 3DES key gives a retail MAC, an 8-byte one (STK, every 3DES process key) a DES
MAC, an SM4 key the folded one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sscard_ic.crypto.mac import MAC_LENGTH, pad80_if_needed
from sscard_ic.crypto.suites import SUITES, Algorithm, Suite

Method = Literal["card_key", "process_key", "process_key_challenge"]


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What protects one command: see :func:`message_key`."""

    suite: Suite
    value: bytes = field(repr=False)
    start: bytes

    def mac(self, data: bytes) -> bytes:
        """4 bytes over ``data`` (for a command: :func:`covered`)."""
        return self.suite.mac(self.value, data, self.start)

    def encipher(self, data: bytes) -> bytes:
        """ECB of :func:`enciphered_form`."""
        return self.suite.encrypt(self.value, enciphered_form(self.suite, data))

    def decipher(self, data: bytes) -> bytes:
        """The data that :meth:`encipher` took; ``ValueError`` when they have another form."""
        if not data or len(data) % self.suite.block:
            raise ValueError("whole blocks are needed")
        plain = self.suite.decrypt(self.value, data)
        counted = plain[: 1 + plain[0]]
        if len(counted) != 1 + plain[0] or pad80_if_needed(counted, self.suite.block) != plain:
            raise ValueError("the deciphered data have another form")
        return counted[1:]


def enciphered_form(suite: Suite, data: bytes) -> bytes:
    """What is enciphered: LL ‖ ``data`` ‖ 80 00…, filled only to whole blocks (ref 02 §4.1)."""
    return pad80_if_needed(bytes((len(data),)) + data, suite.block)


def message_blocks(suite: Suite, challenge: bytes, method: Method) -> tuple[bytes, bytes]:
    """What gives the process key (nothing: the card key itself is used), and the start value.

    Raises ``ValueError`` for a challenge longer than a block.
    """
    if not 0 < len(challenge) <= suite.block:
        raise ValueError(f"a challenge of {suite.algorithm} has 1 to {suite.block} bytes")
    start = challenge.ljust(suite.block, b"\x00")
    if method == "card_key":
        return b"", start
    return start, bytes(suite.block) if method == "process_key" else start


def message_key(algorithm: Algorithm, key: bytes, challenge: bytes, method: Method) -> MessageKey:
    """What protects the one command after ``challenge`` (4 or 8 bytes; 16 with SM4).

    Raises ``ValueError`` for a challenge longer than a block.
    """
    suite = SUITES[algorithm]
    process_block, start = message_blocks(suite, challenge, method)
    value = suite.encrypt(key, process_block) if process_block else key
    return MessageKey(suite, value, start)


def covered(header: bytes, data: bytes) -> bytes:
    """What the MAC of a command is computed over: CLA INS P1 P2, Lc with the MAC, the data.

    Enciphered data are covered as they are sent (ref 02 §4.1).
    """
    return header + bytes((len(data) + MAC_LENGTH,)) + data
