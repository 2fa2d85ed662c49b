"""Padding and message authentication codes of secure messaging (ref 02 §4, 11 §3.4)."""

from __future__ import annotations

from sscard_ic.crypto import des, sm4

MAC_LENGTH = 4


def pad80(data: bytes, block: int = des.BLOCK) -> bytes:
    """``data``, 80, then 00 up to a multiple of ``block``; aligned data get a full block."""
    padded = data + b"\x80"
    return padded + bytes(-len(padded) % block)


def pad80_if_needed(data: bytes, block: int = des.BLOCK) -> bytes:
    """As :func:`pad80`, but aligned data stay as they are (enciphered key records)."""
    return data if len(data) % block == 0 else pad80(data, block)


def retail_mac(key: bytes, data: bytes, iv: bytes = bytes(8)) -> bytes:
    """ISO 9797-1 algorithm 3 over ``pad80(data)`` with a 16-byte key: 4 bytes."""
    return whole_retail_mac(key, data, iv)[:MAC_LENGTH]


def whole_retail_mac(key: bytes, data: bytes, iv: bytes = bytes(8)) -> bytes:
    """ISO 9797-1 algorithm 3 over ``pad80(data)`` with a 16-byte key: 8 bytes."""
    if len(key) != 2 * des.BLOCK:
        raise ValueError("a retail MAC needs a key of 16 bytes")
    padded = pad80(data)
    chained = iv
    if len(padded) > des.BLOCK:
        chained = des.encrypt_cbc(key[:8], padded[: -des.BLOCK], iv)[-des.BLOCK :]
    return des.encrypt_cbc(key, padded[-des.BLOCK :], chained)


def des_mac(key: bytes, data: bytes, iv: bytes = bytes(8)) -> bytes:
    """Single-DES CBC-MAC over ``pad80(data)`` with an 8-byte key: 4 bytes."""
    if len(key) != des.BLOCK:
        raise ValueError("a DES MAC needs a key of 8 bytes")
    return des.encrypt_cbc(key, pad80(data), iv)[-des.BLOCK :][:MAC_LENGTH]


def sm4_mac(key: bytes, data: bytes, iv: bytes = bytes(sm4.BLOCK)) -> bytes:
    """SM4-CBC over ``pad80(data)`` with a 16-byte key, last block folded: 4 bytes.

    The four 4-byte words of the last block are joined by XOR (ref 02 §4.1, §8.5).
    """
    return folded_words(sm4.encrypt_cbc(key, pad80(data, sm4.BLOCK), iv)[-sm4.BLOCK :])


def folded_words(last: bytes) -> bytes:
    """The four 4-byte words of a block of 16 bytes joined by XOR."""
    words = (last[at : at + MAC_LENGTH] for at in range(0, sm4.BLOCK, MAC_LENGTH))
    return bytes(a ^ b ^ c ^ d for a, b, c, d in zip(*words, strict=True))
