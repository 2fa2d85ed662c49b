"""The reference server of a bank: HTTP on this machine alone, at ``POST /bank``.

Nothing is logged. Needs the extra ``serve`` (starlette, uvicorn).
"""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.base.errors import InputError, Text
from sscard_ic.hosts.bank_issuer import BankHost
from sscard_ic.hosts.bank_messages import (
    MessageError,
    decode_message,
    encode_answer,
)
from sscard_ic.hosts.serving import Server, ServiceAnswer, is_loopback

PATH = "/bank"

_TYPE = "application/json"
_OK, _WRONG, _BROKEN = 200, 400, 500


class BankService:
    """Answers messages by a bank; threads may share one.

    ``tell`` gets words for the person who runs it when the bank breaks down.
    """

    def __init__(self, bank: BankHost, tell: Callable[[Text], None] = lambda text: None) -> None:
        self._bank = bank
        self._tell = tell

    def answer(self, body: bytes) -> ServiceAnswer:
        """What the bank says to a message; never an error."""
        try:
            message = decode_message(body)
        except MessageError:
            return ServiceAnswer(_WRONG, _TYPE, b'{"error": "form"}')
        try:
            if message.confirmation is not None:
                self._bank.confirm(message.request, message.confirmation)
                return ServiceAnswer(_OK, _TYPE, encode_answer(None))
            response = self._bank.authorise(message.request, message.order)
        except Exception as unforeseen:  # it may carry values: of it only its class is told
            kind = type(unforeseen).__name__
            self._tell(Text(f"内部错误：{kind}", f"an error within: {kind}"))
            return ServiceAnswer(_BROKEN, _TYPE, b'{"error": "internal"}')
        return ServiceAnswer(_OK, _TYPE, encode_answer(response))


class BankServer(Server):
    """Serves ``bank``; see :class:`~sscard_ic.hosts.serving.Server`.

    Requests and answers are in clear: raises :class:`InputError` for a host beyond this machine,
    and for a bank of production; :class:`~sscard_ic.base.errors.SscardError` without starlette and
    uvicorn.
    """

    def __init__(
        self,
        bank: BankHost,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tell: Callable[[Text], None] = lambda text: None,
    ) -> None:
        if bank.environment != "test":
            raise InputError(
                Text(
                    "此服务以明文应答，仅用于测试银行",
                    "this server answers in clear: it is for test banks",
                ),
                where=bank.name,
            )
        if not is_loopback(host):
            raise InputError(
                Text(
                    "此服务以明文应答，只能在本机监听",
                    "this server answers in clear: it listens on this machine only",
                ),
                where=host,
                hint=Text("使用 127.0.0.1", "use 127.0.0.1"),
            )
        super().__init__(BankService(bank, tell).answer, PATH, host, port)
