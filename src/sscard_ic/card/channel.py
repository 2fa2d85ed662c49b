"""Commands to a card, with errors that say what was refused and why."""

from __future__ import annotations

from sscard_ic.apdu import Command, Response, iso
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.reader.connection import Connection

_WARNING = 0x62


class Refused(CardError):
    """The card answered a command with an error status.

    ``sw`` is the status word, ``command`` what was asked for, ``missing`` the condition of the
    profile that was not met, ``tries_left`` what a failed verification left.
    """

    def __init__(
        self, command: Text, sw: StatusWord, *, missing: Text | None = None, where: str = ""
    ) -> None:
        self.command = command
        self.sw = sw
        self.missing = missing
        self.tries_left = sw.tries_left
        need_zh = f"；需要：{missing.zh}" if missing else ""
        need_en = f"; needed: {missing.en}" if missing else ""
        super().__init__(
            Text(
                f"卡拒绝“{command.zh}”：{sw}（{sw.text.zh}）{need_zh}",
                f"the card refused to {command.en}: {sw} ({sw.text.en}){need_en}",
            ),
            where=where,
        )


class Channel:
    """Sends commands over a connection and understands status words."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def ask(self, command: Command | Secret) -> Response:
        """The answer, whatever its status."""
        raw = command if isinstance(command, Secret) else bytes(command)
        return Response.parse(self.connection.transmit(raw))

    def ask_whole(self, command: Command) -> Response:
        """The answer with what belongs to a warning, which waits for GET RESPONSE at T=0."""
        response = self.ask(command)
        warned = response.sw >> 8 == _WARNING and not response.data
        if not warned or self.connection.protocol != "T=0":
            return response
        waiting = self.ask(iso.get_response(iso.READ_ALL))
        return Response(waiting.data, response.sw) if waiting.sw.ok else response

    def send(
        self, command: Command | Secret, what: Text, *, missing: Text | None = None
    ) -> Response:
        """The answer of a command that must succeed; :class:`Refused` otherwise."""
        response = self.ask(command)
        if not response.sw.ok:
            raise Refused(what, response.sw, missing=missing)
        return response
