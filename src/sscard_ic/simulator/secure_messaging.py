"""Commands with a MAC on the card's side (ref 02 §4).

A command in class 04 or 84 is taken apart once, before its handler, which then works as on the
plain one. The MAC is checked where the handler asks for a right: there it is known which key the
rule names. Handlers of the issuer's commands ask for a key themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sscard_ic.apdu import Command
from sscard_ic.crypto.mac import MAC_LENGTH
from sscard_ic.crypto.secure_messaging import MessageKey, covered, message_key
from sscard_ic.simulator.application import Refusal

if TYPE_CHECKING:
    from sscard_ic.simulator.card_state import CardState
    from sscard_ic.simulator.keys import StoredKey

BIT = 0x04
"""Of CLA: a MAC ends the data."""

_READ_BINARY, _READ_RECORD = 0xB0, 0xB2
_ANSWER_MAX = 256


class Message:
    """A command with MAC in work: what the MAC covers, and the key that it was right with."""

    __slots__ = ("_covered", "_key", "_mac", "_protection")

    def __init__(self, command: Command) -> None:
        """Refuses 6987 when there is no MAC."""
        body, self._mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
        if len(self._mac) < MAC_LENGTH:
            raise Refusal(0x6987)
        self._covered = covered(command.header, body)
        self._key: StoredKey | None = None
        self._protection: MessageKey | None = None

    @property
    def protection(self) -> MessageKey | None:
        """Key and start value that the MAC was right with; None while it is not checked."""
        return self._protection

    def check(self, card: CardState, key: StoredKey) -> MessageKey:
        """What protects the command under ``key``.

        Refuses 6983 (key locked), 6984 (no challenge, or one longer than a block) and 6988.
        """
        if key is self._key and self._protection is not None:
            return self._protection
        settings = card.dialect.messaging
        key.require_tries()
        challenge = card.challenge.peek()
        if challenge is None or len(challenge) > key.suite.block:
            raise Refusal(0x6984)
        method = settings.secure_messaging
        protection = message_key(key.record.algorithm, key.value, challenge, method)
        if protection.mac(self._covered) != self._mac:
            card.challenge.void()
            if settings.mac_failure_counts:
                key.failed()
            raise Refusal(0x6988)
        if settings.mac_failure_counts:
            key.succeeded()
        self._key, self._protection = key, protection
        return protection


def process(
    card: CardState, command: Command, handler: Callable[[CardState, Command], bytes]
) -> bytes:
    """The answer of ``handler`` to ``command`` without its MAC; the answer of a READ gets one."""
    card.message = message = Message(command)
    try:
        plain = _plain(card, command)
        data = handler(card, plain)
    finally:
        card.message = None
        if message.protection is not None:
            card.challenge.void()
    if message.protection is None or not _answers_mac(card, command):
        return data
    if len(data) + MAC_LENGTH > _ANSWER_MAX:
        raise Refusal(0x6700)
    return data + message.protection.mac(data)


def _plain(card: CardState, command: Command) -> Command:
    """``command`` without MAC; Le of READ BINARY without the MAC of the answer."""
    le = command.le
    if command.ins == _READ_BINARY and _answers_mac(card, command):
        le = min(le or _ANSWER_MAX, _ANSWER_MAX) - MAC_LENGTH
        if le <= 0:
            raise Refusal(0x6700)
    return replace(command, cla=command.cla & ~BIT, data=command.data[:-MAC_LENGTH], le=le)


def _answers_mac(card: CardState, command: Command) -> bool:
    return (
        command.ins in (_READ_BINARY, _READ_RECORD) and card.dialect.messaging.answer_mac == "data"
    )
