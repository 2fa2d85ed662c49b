"""Wrappers around a connection, each with one concern; :mod:`.session` composes them."""

from __future__ import annotations

from sscard_ic.apdu import Command, iso
from sscard_ic.apdu.command import Response
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.reader.connection import Connection, TransmissionProtocol
from sscard_ic.reader.errors import ReaderError


class Wrapper:
    """Passes everything on to the ``inner`` connection."""

    def __init__(self, inner: Connection) -> None:
        self.inner = inner

    @property
    def atr(self) -> bytes:
        """Answer to the last reset."""
        return self.inner.atr

    @property
    def protocol(self) -> TransmissionProtocol:
        """Transmission protocol in use."""
        return self.inner.protocol

    def transmit(self, command: Secretive) -> bytes:
        """One exchange."""
        return self.inner.transmit(command)

    def reset(self, cold: bool) -> bytes:
        """Reset the card; the new ATR."""
        return self.inner.reset(cold)

    def close(self) -> None:
        """Let the card go."""
        self.inner.close()


class RequireStatus(Wrapper):
    """An answer has a status word; anything shorter is no answer of a card."""

    def transmit(self, command: Secretive) -> bytes:
        """One exchange; raises :class:`ReaderError` under two bytes."""
        answer = self.inner.transmit(command)
        if len(answer) < 2:
            raise ReaderError(
                Text(
                    f"卡的应答只有 {len(answer)} 字节，没有状态字",
                    f"the card answered {len(answer)} bytes, fewer than a status word",
                ),
                hint=Text("重新插卡后再试", "take the card out, insert it again"),
            )
        return answer


_LONGEST_ANSWER = 65536


class FetchWaiting(Wrapper):
    """61xx: fetches the waiting answer, but only of a command that asked for one.

    A SELECT whose FCI nobody wants thus costs one exchange and not two.
    """

    def transmit(self, command: Secretive) -> bytes:
        """One command with its whole answer."""
        answer = self.inner.transmit(command)
        if answer[-2] != 0x61 or not _wants_answer(command):
            return answer
        collected = answer[:-2]
        while answer[-2] == 0x61:
            waiting = Response.parse(answer).sw.remaining
            assert waiting is not None
            answer = self.inner.transmit(bytes(iso.get_response(waiting)))
            collected += answer[:-2]
            if len(answer) == 2 or len(collected) > _LONGEST_ANSWER:
                break
        return collected + answer[-2:]


class CorrectLength(Wrapper):
    """6Cxx: sends the command again with the length that the card names, once."""

    def transmit(self, command: Secretive) -> bytes:
        """One command, repeated with the right Le where the card asks for it."""
        answer = self.inner.transmit(command)
        if answer[-2] != 0x6C:
            return answer
        corrected = Command.parse(_reveal(command)).with_le(answer[-1] or 256)
        return self.inner.transmit(_like(command, bytes(corrected)))


class CaseFour(Wrapper):
    """T=0 has no case 4: Le is left out, the card answers 61xx."""

    def transmit(self, command: Secretive) -> bytes:
        """One command in the form that the protocol can carry."""
        if self.inner.protocol == "T=0":
            raw = _reveal(command)
            if len(raw) > 5 and len(raw) == 6 + raw[4] and raw[4]:
                command = _like(command, raw[:-1])
        return self.inner.transmit(command)


def _wants_answer(command: Secretive) -> bool:
    return Command.parse(_reveal(command)).le is not None


def _reveal(command: Secretive) -> bytes:
    return command.reveal() if isinstance(command, Secret) else command


def _like(original: Secretive, raw: bytes) -> Secretive:
    return Secret(raw) if isinstance(original, Secret) else raw
