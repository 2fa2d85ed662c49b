"""Secure messaging at the terminal: MACs and encipherment for single commands (ref 02 §4)."""

from __future__ import annotations

from dataclasses import replace

from sscard_ic.apdu import Command, iso, issuer
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.keys import CardKey, answer_checker, message_protector
from sscard_ic.profile import Located
from sscard_ic.profile.dialect import Messaging

_CHALLENGE = Text("取随机数", "get a challenge")
_WRONG_MAC = (StatusWord(0x6988), StatusWord(0x9302))
_NO_SUCH_KEY = StatusWord(0x6A88)
_NOT_OFFERED = (StatusWord(0x6882), StatusWord(0x6D00), StatusWord(0x6E00))
_KEY_LOCKED = StatusWord(0x6983)
_BLOCK = 252
"""Bytes of data that one answer with MAC holds."""


class MessageRefused(Refused):
    """The card refused a command with MAC; the hint says what a status means for its key."""

    def __init__(
        self, command: Text, sw: StatusWord, key: str, *, missing: Text | None = None
    ) -> None:
        super().__init__(command, sw, missing=missing)
        self.key = key
        if sw in _WRONG_MAC:
            self.hint = Text(
                f"密钥服务的 {key} 与卡内的不同，或卡按另一种方式计算（卡规范的 "
                "secure_messaging、message_challenge）；不要重试，每次都可能消耗次数",
                f"the key service has another {key} than the card, or the card computes "
                "otherwise (secure_messaging and message_challenge of the profile); do not "
                "repeat it, every time may cost a try",
            )
        elif sw == _NO_SUCH_KEY:
            self.hint = Text(f"卡内没有密钥 {key}", f"the card has no key {key}")
        elif sw in _NOT_OFFERED:
            self.hint = Text("此卡不支持该命令", "this card does not have the command")
        elif sw == _KEY_LOCKED:
            # Of a command with MAC it is the MAC key that has no tries left.
            self.hint = Text(
                f"卡内密钥 {key} 已锁定，请退回发卡机构",
                f"the key {key} in the card is locked; the card goes back to its issuer",
            )


class Messages:
    """Commands with MAC to one card; ``service`` computes, the card's ``settings`` say how.

    Raises :class:`MissingCapabilityError` when the key service cannot protect messages.
    """

    def __init__(self, channel: Channel, service: object, settings: Messaging) -> None:
        self._channel = channel
        self._service = service
        self._protector = message_protector(service)
        self._settings = settings

    def protect(self, command: Command, key: CardKey) -> Command:
        """``command`` with its MAC by ``key``: good for the next command (one exchange)."""
        return self._finish(command, key, self._draw())

    def enciphered(self, command: Command, data: Secret, key: CardKey) -> Secret:
        """``command`` with the enciphered ``data`` and their MAC, finished."""
        challenge, method = self._draw(), self._settings.secure_messaging
        field = self._protector.protect_command(
            key, command.header, data, challenge, method, enciphered=True
        )
        return Secret(bytes(replace(command, data=field)))

    def read(self, command: Command, key: CardKey, what: Text) -> bytes:
        """The data that a READ with MAC answers, their own MAC checked (two exchanges).

        Raises :class:`MessageRefused`, and :class:`CardError` for a wrong MAC of the answer.
        """
        challenge = self._draw()
        response = self._channel.ask(self._finish(issuer.protected(command), key, challenge))
        if not response.sw.ok:
            raise MessageRefused(what, response.sw, key.name)
        if not self._answer_mac:
            return response.data
        data, mac = response.data[: -issuer.MAC_LENGTH], response.data[-issuer.MAC_LENGTH :]
        method = self._settings.secure_messaging
        if mac != answer_checker(self._service).answer_mac(key, data, challenge, method):
            raise CardError(
                Text(f"“{what.zh}”的应答 MAC 不符", f"the MAC of the answer is wrong: {what.en}"),
                hint=Text(
                    "数据在途中被改动，或卡规范的 answer_mac 与此卡不符",
                    "the data were changed on their way, or answer_mac of the profile is not "
                    "that of this card",
                ),
            )
        return data

    def read_item(self, located: Located, key: CardKey) -> bytes:
        """The value of an item of the selected file, read with MAC."""
        what = Text(f"读取 {located.path}", f"read {located.path} {located.item.en}")
        if located.file.structure != "transparent":
            record = self.read(iso.read_record(located.number), key, what)
            return record[2:] if located.file.tagged else record
        value = b""
        while len(value) < located.item.length:
            wanted = min(_BLOCK, located.item.length - len(value))
            block = self.read(iso.read_binary(len(value), wanted + self._answer_mac), key, what)
            if not block:
                break
            value += block
        return value

    @property
    def _answer_mac(self) -> int:
        """Bytes at the end of an answer that are its MAC."""
        return 0 if self._settings.answer_mac == "none" else issuer.MAC_LENGTH

    def _draw(self) -> bytes:
        challenge = iso.get_challenge(self._settings.message_challenge)
        return self._channel.send(challenge, _CHALLENGE).data

    def _finish(self, command: Command, key: CardKey, challenge: bytes) -> Command:
        issuer.require_room(command)
        method = self._settings.secure_messaging
        field = self._protector.protect_command(
            key, command.header, Secret(command.data), challenge, method, enciphered=False
        )
        return replace(command, data=field)
