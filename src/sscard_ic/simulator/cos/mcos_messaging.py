"""Commands with MAC on files that also ask for enciphered data (ref 11 §3.3: CER and CIPH).

Data of an update come enciphered, those of a read leave so; the MAC covers them as they are sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sscard_ic.apdu import Command
from sscard_ic.crypto.secure_messaging import MessageKey
from sscard_ic.simulator import records, secure_messaging
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos import mcos_records
from sscard_ic.simulator.cos.interpreter import Handler, Table
from sscard_ic.simulator.cos.mcos_layout import McosFileSpec
from sscard_ic.simulator.files import ElementaryFile

_READ_BINARY, _UPDATE_BINARY = 0xB0, 0xD6
_BY_SFI = 0x80


def table(update_binary: Handler) -> Table:
    """The protected forms of READ, UPDATE and APPEND; ``update_binary`` is the plain one."""
    plain: dict[int, Handler] = {
        0xB0: records.read_binary,
        0xB2: mcos_records.read_record,
        0xD6: update_binary,
        0xDC: mcos_records.update_record,
        0xE2: records.append_record,
    }
    return {(secure_messaging.BIT, ins): _protected(handler) for ins, handler in plain.items()}


def _protected(handler: Handler) -> Handler:
    def process(card: CardState, command: Command) -> bytes:
        return secure_messaging.process(card, command, _with_cipher(handler))

    return process


def _with_cipher(handler: Handler) -> Callable[[CardState, Command], bytes]:
    def process(card: CardState, command: Command) -> bytes:
        spec = _file(card, command).spec
        assert isinstance(spec, McosFileSpec)
        if command.data and spec.write_enciphered:
            protection = _protection(card, spec.write_key)
            try:
                command = replace(command, data=protection.decipher(command.data))
            except ValueError:
                raise Refusal(0x6A80) from None
        data = handler(card, command)
        if data and spec.read_enciphered:
            return _protection(card, spec.read_key).encipher(data)
        return data

    return process


def _file(card: CardState, command: Command) -> ElementaryFile:
    """The file that a command addresses: by short identifier, or the current one."""
    if command.ins in (_READ_BINARY, _UPDATE_BINARY):
        return records.addressed(card, command.p1 & 0x1F if command.p1 & _BY_SFI else 0)
    return records.addressed(card, command.p2 >> 3)


def _protection(card: CardState, key: int) -> MessageKey:
    """What protects the command by a key of the current directory; refuses a wrong MAC."""
    return card.check_message(card.interpreter.mac_key(card, card.directory, key))
