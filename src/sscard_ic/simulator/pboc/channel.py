"""The card's end of a secure channel, SCP01 or SCP02 (ref 04 §7.3, 15 §6)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sscard_ic.apdu import Command
from sscard_ic.crypto import des
from sscard_ic.crypto.pboc.channel import (
    MAC_LENGTH,
    WITH_MAC,
    Kind,
    MessageChain,
    cryptogram,
    session_key,
)
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.registry import LAST_SEQUENCE, Registry

_CHALLENGE = 8
_LEVELS = (0x00, 0x01, 0x03)
_SECURED = 0x04
"""Bit of the class: the command has a C-MAC."""
_SECURITY, _CONDITIONS, _WRONG_CRYPTOGRAM = 0x6982, 0x6985, 0x6300


@dataclass(frozen=True, slots=True)
class _Session:
    """Keys between INITIALIZE UPDATE and the end of the channel."""

    chain: MessageChain = field(repr=False)
    data_key: bytes = field(repr=False)
    expected: bytes = field(repr=False)
    """Cryptogram of the host."""


class CardChannel:
    """Closed; prepared by INITIALIZE UPDATE; open after EXTERNAL AUTHENTICATE.

    Applications have one each, by the same keys and the same sequence counter.
    """

    __slots__ = ("_entropy", "_open", "_registry", "_session")

    def __init__(self, registry: Registry, entropy: Callable[[int], bytes]) -> None:
        self._registry = registry
        self._entropy = entropy
        self._session: _Session | None = None
        self._open = False

    @property
    def is_open(self) -> bool:
        """Whether the host has proved itself."""
        return self._open

    def close(self) -> None:
        """Forget the session."""
        self._session, self._open = None, False

    def initialize(self, command: Command) -> bytes:
        """INITIALIZE UPDATE: 28 bytes. An open channel is closed.

        Refuses 6700; 6A88 for another key version; 6985 when the sequence counter is used up. The
        key identifier in P2 is not looked at.
        """
        self.close()
        registry, chip = self._registry, self._registry.model.chip
        host = command.data
        if len(host) != _CHALLENGE:
            raise Refusal(0x6700)
        if command.p1 not in (0, chip.key_version):
            raise Refusal(0x6A88)
        if registry.sequence > LAST_SEQUENCE:
            raise Refusal(_CONDITIONS)
        if chip.protocol == "02":
            card = registry.sequence.to_bytes(2, "big") + self._entropy(_CHALLENGE - 2)
        else:
            card = self._entropy(_CHALLENGE)
        enc, mac = self._session_key("enc", host, card), self._session_key("mac", host, card)
        data_key = registry.key("dek")
        if chip.protocol == "02":
            data_key = self._session_key("dek", host, card)
        chain = MessageChain(chip.protocol, mac, enc, chip.initial_vector, chip.mac_covers)
        self._session = _Session(chain, data_key, cryptogram(enc, card, host))
        key_information = bytes((chip.key_version, int(chip.protocol)))
        return registry.key_data + key_information + card + cryptogram(enc, host, card)

    def authenticate(self, command: Command) -> bytes:
        """EXTERNAL AUTHENTICATE, always with C-MAC: opens the channel, counts the sequence.

        Refuses 6985 without INITIALIZE UPDATE right before, 6A86, 6700; 6300 for a wrong cryptogram
        and 6982 for a wrong C-MAC, which both take another INITIALIZE UPDATE.
        """
        session, was_open = self._session, self._open
        self.close()
        if session is None or was_open:
            raise Refusal(_CONDITIONS)
        if command.p1 not in _LEVELS or command.p2:
            raise Refusal(0x6A86)
        if len(command.data) != _CHALLENGE + MAC_LENGTH:
            raise Refusal(0x6700)
        sent, mac = command.data[:_CHALLENGE], command.data[_CHALLENGE:]
        if not hmac.compare_digest(sent, session.expected):
            raise Refusal(_WRONG_CRYPTOGRAM)
        if not hmac.compare_digest(session.chain.mac(command.header, sent), mac):
            raise Refusal(_SECURITY)
        session.chain.level = command.p1
        self._session, self._open = session, True
        self._registry.sequence += 1
        return b""

    def unwrap(self, command: Command, closed: int = _SECURITY) -> Command:
        """A command as it is meant, in class 80; refuses ``closed`` without a channel.

        Refuses 6982 what lacks the C-MAC of the level, where the chip asks for it, and what has one
        that the level knows not; for a wrong C-MAC, too, which ends the channel.
        """
        session = self._session
        if session is None or not self._open:
            raise Refusal(closed)
        with_mac = bool(session.chain.level & WITH_MAC)
        if not command.cla & _SECURED:
            if with_mac and self._registry.model.chip.require_level:
                raise Refusal(_SECURITY)
            return command
        if not with_mac:
            raise Refusal(_SECURITY)
        try:
            data = session.chain.open(command.header, command.data)
        except ValueError:
            self.close()
            raise Refusal(_SECURITY) from None
        return replace(command, cla=command.cla & ~_SECURED, data=data)

    def decipher(self, data: bytes) -> bytes:
        """Whole blocks under the session DEK, ECB; refuses 6A80 for others."""
        session = self._session
        assert session is not None
        if not data or len(data) % des.BLOCK:
            raise Refusal(0x6A80)
        return des.decrypt(session.data_key, data)

    def _session_key(self, kind: Kind, host: bytes, card: bytes) -> bytes:
        own = self._registry.key(kind)
        protocol = self._registry.model.chip.protocol
        return session_key(protocol, kind, lambda blocks: des.encrypt(own, blocks), host, card)
