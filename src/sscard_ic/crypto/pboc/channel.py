"""Arithmetic of the secure channels SCP01 and SCP02 (ref 04 §7.2-7.3, 15 §5.3, §6.2-6.5).

All keys are two-key 3DES of 16 bytes. Where the encryption under a card's own key is done is for
the caller to say: an :data:`Encryption` may be a cipher in memory or an HSM.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sscard_ic.crypto import des
from sscard_ic.crypto.mac import pad80, pad80_if_needed, whole_retail_mac

Encryption = Callable[[bytes], bytes]
"""ECB encryption of whole blocks of 8 under one key."""
Protocol = Literal["01", "02"]
Derivation = Literal["emv_cps", "visa2", "visa2_zero"]
InitialVector = Literal["plain", "enciphered"]
Covered = Literal["plain", "enciphered"]
"""What the C-MAC of level 03 covers."""

KEY_DATA_LENGTH = 10
MAC_LENGTH = 8
WITH_MAC, WITH_ENCIPHERMENT = 0x01, 0x02
"""Bits of a security level."""

_KINDS = {"enc": 0x01, "mac": 0x02, "dek": 0x03}
_SESSION = {"enc": 0x0182, "mac": 0x0101, "dek": 0x0181}
_BLOCK = des.BLOCK

Kind = Literal["enc", "mac", "dek"]


def derivation_block(rule: Derivation, key_data: bytes, kind: Kind) -> bytes:
    """16 bytes that the KMC encrypts to one key of a card; ``key_data`` are 10 bytes."""
    if len(key_data) != KEY_DATA_LENGTH:
        raise ValueError(f"key data have {KEY_DATA_LENGTH} bytes")
    first = bytes(2) if rule == "visa2_zero" else key_data[:2]
    six = key_data[4:] if rule == "emv_cps" else first + key_data[4:8]
    number = bytes((_KINDS[kind],))
    return six + b"\xf0" + number + six + b"\x0f" + number


def session_key(
    protocol: Protocol, kind: Kind, card_key: Encryption, host: bytes, card: bytes
) -> bytes:
    """A session key from the challenges of host and card, 8 bytes each.

    That of SCP02 comes from the sequence counter, the first two bytes of the card's challenge.
    SCP01 has none for ``dek``: the card's key itself is used (ref 04 §7.3); ``ValueError``.
    """
    if protocol == "02":
        # CBC with zeros from the second block on.
        first = card_key(_SESSION[kind].to_bytes(2, "big") + card[:2] + bytes(4))
        return first + card_key(first)
    if kind == "dek":
        raise ValueError("SCP01 has no session key for data")
    return card_key(card[4:] + host[:4] + card[:4] + host[4:])


def cryptogram(session_enc: bytes, first: bytes, second: bytes) -> bytes:
    """8 bytes over two challenges: the card's own over host ‖ card, the host's over card ‖ host."""
    return _whole_mac(session_enc, first + second, bytes(_BLOCK))


@dataclass(slots=True)
class MessageChain:
    """The C-MACs of one session, one after the other, and what level 03 enciphers."""

    protocol: Protocol
    mac_key: bytes = field(repr=False)
    """Session key, 16 bytes."""
    enc_key: bytes = field(repr=False)
    initial_vector: InitialVector = "plain"
    covered: Covered = "plain"
    level: int = 0
    _last: bytes = field(default=b"", repr=False)

    def mac(self, head: bytes, data: bytes) -> bytes:
        """C-MAC, 8 bytes, over CLA INS P1 P2, Lc with the MAC, and ``data``; goes on from the last.

        Raises ``ValueError`` for more data than a short command holds beside it.
        """
        size = len(data) + MAC_LENGTH
        if size > 0xFF:
            raise ValueError("no room for the MAC")
        compute = whole_retail_mac if self.protocol == "02" else _whole_mac
        self._last = compute(self.mac_key, head + bytes((size,)) + data, self._start())
        return self._last

    def protect(self, head: bytes, data: bytes) -> bytes:
        """What the data field becomes at this level; ``head`` has the class 84."""
        if self.level & WITH_ENCIPHERMENT and data and self.covered == "enciphered":
            data = self._encipher(data)
        mac = self.mac(head, data) if self.level & WITH_MAC else b""
        if self.level & WITH_ENCIPHERMENT and data and self.covered == "plain":
            data = self._encipher(data)
        return data + mac

    def open(self, head: bytes, field: bytes) -> bytes:
        """The data of a protected field; raises ``ValueError`` for a wrong MAC or filling."""
        if not self.level & WITH_MAC:
            return field
        if len(field) < MAC_LENGTH:
            raise ValueError("no MAC")
        sent, mac = field[:-MAC_LENGTH], field[-MAC_LENGTH:]
        ciphered = bool(self.level & WITH_ENCIPHERMENT and sent)
        data = self._decipher(sent) if ciphered else sent
        covered = sent if self.covered == "enciphered" else data
        if not hmac.compare_digest(self.mac(head, covered), mac):
            raise ValueError("the MAC is wrong")
        return data

    def _start(self) -> bytes:
        if not self._last or self.initial_vector == "plain":
            return self._last or bytes(_BLOCK)
        key = self.mac_key[:_BLOCK] if self.protocol == "02" else self.mac_key
        return des.encrypt(key, self._last)

    def _encipher(self, data: bytes) -> bytes:
        filled = pad80(data) if self.protocol == "02" else _with_length(data)
        return des.encrypt_cbc(self.enc_key, filled, bytes(_BLOCK))

    def _decipher(self, sent: bytes) -> bytes:
        if len(sent) % _BLOCK:
            raise ValueError("whole blocks are needed")
        chained = bytes(_BLOCK) + sent[:-_BLOCK]
        filled = bytes(a ^ b for a, b in zip(des.decrypt(self.enc_key, sent), chained, strict=True))
        if self.protocol == "02":
            return unpad80(filled)
        data = filled[1 : 1 + filled[0]]
        if _with_length(data) != filled:
            raise ValueError("length or filling is wrong")
        return data


def unpad80(data: bytes) -> bytes:
    """``data`` without 80 00… at its end; raises ``ValueError`` where there is none."""
    stripped = data.rstrip(b"\x00")
    if stripped[-1:] != b"\x80":
        raise ValueError("filling is wrong")
    return stripped[:-1]


def _with_length(data: bytes) -> bytes:
    """As SCP01 enciphers it: length, data, and a filling where blocks are not whole."""
    return pad80_if_needed(bytes((len(data),)) + data)


def _whole_mac(key: bytes, data: bytes, start: bytes) -> bytes:
    """Last block of 3DES-CBC over ``data`` and 80 00…: 8 bytes."""
    return des.encrypt_cbc(key, pad80(data), start)[-_BLOCK:]
