"""A test bank that is asked by HTTP on this machine, as ``sscard bank host`` serves one.

Needs the extra ``remote`` (httpx).
"""

from __future__ import annotations

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    Confirmation,
)
from sscard_ic.hosts.bank_issuer import NO_ORDER, BankHostError, Order
from sscard_ic.hosts.bank_messages import (
    BankMessage,
    MessageError,
    decode_answer,
    encode_message,
)
from sscard_ic.hosts.bank_settings import HttpBankSettings
from sscard_ic.keys.inventory import Environment
from sscard_ic.keys.remote.errors import RemoteKind
from sscard_ic.keys.remote.posting import (
    BEFORE_SENDING,
    MAY_HAVE_ARRIVED,
    Answer,
    open_client,
    post,
)

_OK = 200
_RETRIES = 2
_WHAT: dict[RemoteKind, Text] = {
    "unreachable": Text("无法连接银行", "cannot connect to the bank"),
    "timeout": Text("银行没有按时应答", "the bank did not answer in time"),
    "closed": Text(
        "银行在应答之前断开了连接", "the bank closed the connection before it had answered"
    ),
}
_STRANGE = Text("银行的应答不完整，或不是银行", "the answer is not complete, or no bank's")


class HttpBank:
    """Asks one address; threads may share one. Nothing is sent before the first request.

    Raises :class:`~sscard_ic.base.errors.SscardError` without httpx.
    """

    def __init__(self, settings: HttpBankSettings) -> None:
        self._settings = settings
        try:
            self._client = open_client(
                None,
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                lasting=False,
                headers={"Content-Type": "application/json"},
            )
        except ImportError:
            raise _without_httpx() from None

    @property
    def name(self) -> str:
        """Its address."""
        return self._settings.url

    @property
    def environment(self) -> Environment:
        """Always test: it is asked in clear."""
        return "test"

    def __repr__(self) -> str:
        return f"<HttpBank {self.name}>"

    def authorise(
        self, request: AuthorisationRequest, order: Order = NO_ORDER
    ) -> AuthorisationResponse:
        """See :class:`~sscard_ic.hosts.bank_issuer.BankHost`.

        Sent again only while it cannot have arrived: the bank answers a transaction once.
        """
        body = self._post(BankMessage(request, order), BEFORE_SENDING)
        try:
            return decode_answer(body)
        except MessageError:
            raise self._strange() from None

    def confirm(self, request: AuthorisationRequest, confirmation: Confirmation) -> None:
        """See :class:`~sscard_ic.hosts.bank_issuer.BankHost`."""
        message = BankMessage(request, confirmation=confirmation)
        self._post(message, BEFORE_SENDING | MAY_HAVE_ARRIVED)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _post(self, message: BankMessage, again: frozenset[RemoteKind]) -> bytes:
        body = encode_message(message)
        try:
            found = post(self._client, self.name, body, again=again, retries=_RETRIES)
        finally:
            body.clear()
        if isinstance(found, Answer):
            if found.status == _OK:
                return found.body
            raise self._strange()
        raise BankHostError(
            _WHAT.get(found, _STRANGE),
            where=self.name,
            hint=Text(
                "检查网址，以及 sscard bank host 是否在运行",
                "check the address, and whether `sscard bank host` runs",
            ),
            again=found in BEFORE_SENDING,
        )

    def _strange(self) -> BankHostError:
        return BankHostError(
            _STRANGE,
            where=self.name,
            hint=Text(
                "检查网址，并看 sscard bank host 的提示",
                "check the address, and see what `sscard bank host` says",
            ),
        )


def _without_httpx() -> SscardError:
    return SscardError(
        Text("未安装 httpx，不能访问银行", "httpx is not installed: no bank can be asked"),
        hint=Text(
            "pip install 'sscard-ic[remote]'（源码目录中：make remote）",
            "pip install 'sscard-ic[remote]' (in a clone: make remote)",
        ),
    )
