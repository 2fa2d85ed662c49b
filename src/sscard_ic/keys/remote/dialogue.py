"""One request to an HSM service and its reply, in the form that the settings say."""

from __future__ import annotations

from typing import TypeVar

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.errors import MissingCapabilityError
from sscard_ic.keys.remote import bars, xml_form
from sscard_ic.keys.remote.errors import RefusedError, RemoteError
from sscard_ic.keys.remote.fields import MessageError
from sscard_ic.keys.remote.parts import (
    Message,
)
from sscard_ic.keys.remote.posting import Answer
from sscard_ic.keys.remote.replies import (
    Refusal,
)
from sscard_ic.keys.remote.requests import (
    Request,
)
from sscard_ic.keys.remote.settings import RemoteSettings
from sscard_ic.keys.remote.transport import HttpsTransport

ANSWERED, REFUSED = 200, 422
"""Statuses of HTTP: a reply, or a refusal of the bar form (ours; no source says one)."""

R = TypeVar("R", bound=Message)


class Dialogue:
    """Asks one service; threads may share one."""

    def __init__(self, transport: HttpsTransport, settings: RemoteSettings) -> None:
        self._transport = transport
        self._settings = settings

    @property
    def place(self) -> str:
        """The address of the service."""
        return self._transport.place

    def ask(self, request: Request, reply: type[R], *, repeatable: bool) -> R:
        """The service's reply of the kind that belongs to ``request``.

        Raises :class:`RemoteError`, and :class:`MissingCapabilityError` where the form has no such
        message.
        """
        body = self._written(request)
        try:
            answer = self._transport.post(body, repeatable=repeatable)
        finally:
            body.clear()
        try:
            found = self._read(answer, reply)
        except MessageError as error:
            what = error.what
        else:
            if isinstance(found, Refusal):
                raise RefusedError(found, self.place)
            return found
        raise RemoteError(
            "reply",
            Text(
                f"加密机服务的应答不合格式：{what.zh}",
                f"the reply of the HSM service has another form: {what.en}",
            ),
            self.place,
            Text(
                "检查 form、success_code 设置是否与服务一致",
                "check whether form and success_code of the settings are those of the service",
            ),
        )

    def _written(self, request: Request) -> Secret:
        if self._settings.form == "bar":
            return bars.write_request(request)
        if xml_form.has_form(request):
            return xml_form.write_request(request, self._settings.personal)
        raise MissingCapabilityError(
            Text(
                f"XML 形式没有业务类型 {request.TYPE} 的报文",
                f"the XML form has no message of the type {request.TYPE}",
            ),
            where=self.place,
            hint=Text(
                '若服务支持竖线分隔的形式，请设置 form = "bar"',
                'if the service has the form with bars, set form = "bar"',
            ),
        )

    def _read(self, answer: Answer, reply: type[R]) -> R | Refusal:
        if answer.status == REFUSED and self._settings.form == "bar":
            return bars.read_refusal(answer.body)
        if answer.status != ANSWERED:
            raise self._status(answer.status)
        if self._settings.form == "bar":
            return bars.read_reply(answer.body, reply)
        return xml_form.read_reply(answer.body, reply, self._settings.success_code)

    def _status(self, status: int) -> RemoteError:
        return RemoteError(
            "status",
            Text(f"加密机服务返回 HTTP {status}", f"the HSM service answers HTTP {status}"),
            self.place,
            Text("检查网址的路径", "check the path of its address"),
        )
