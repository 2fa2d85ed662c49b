"""The reference server of a certificate authority: HTTP on this machine alone.

One place, ``POST /certificates``, takes requests in the form that the settings of a client have by
default. A refusal has one of the ministry's codes (ref 03 §4.3), and names nobody. Nothing is
logged. Needs the extra ``serve`` (starlette, uvicorn).
"""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.base.errors import InputError, Text
from sscard_ic.hosts.authority_answers import grant_answer, refusal_answer
from sscard_ic.hosts.authority_codes import meaning_of
from sscard_ic.hosts.authority_requests import decode_request
from sscard_ic.hosts.certificate_authority import (
    CertificateAuthority,
    RequestError,
    RequestField,
)
from sscard_ic.hosts.certificate_settings import AnswerForm, RequestForm
from sscard_ic.hosts.serving import Server, ServiceAnswer, is_loopback

PATH = "/certificates"

_DATA, _WITHIN = "10001", "10012"
_EMPTY: dict[RequestField, str] = {
    "name": "10022",
    "card_number": "10023",
    "social_security_number": "10024",
    "public_key": "10025",
    "region": "10026",
    "reference": "10027",
}
_WRONG: dict[RequestField, str] = {
    "card_number": "10031",
    "social_security_number": "10032",
    "public_key": "10033",
    "region": "10034",
}


class AuthorityService:
    """Answers requests in one form by an authority; threads may share one.

    ``tell`` gets words for the person who runs it when the authority breaks down.
    """

    def __init__(
        self,
        authority: CertificateAuthority,
        request_form: RequestForm | None = None,
        answer_form: AnswerForm | None = None,
        tell: Callable[[Text], None] = lambda text: None,
    ) -> None:
        self._authority = authority
        self._tell = tell
        self._request_form = request_form or RequestForm()
        self._answer_form = answer_form or AnswerForm()

    def answer(self, body: bytes) -> ServiceAnswer:
        """The grant or the refusal of a request; never an error."""
        try:
            return self._granted(body)
        except RequestError as error:
            codes = _EMPTY if error.empty else _WRONG
            code = codes.get(error.field, _DATA)
        except Exception as unforeseen:  # it may carry values: of it only its class is told
            code, kind = _WITHIN, type(unforeseen).__name__
            self._tell(Text(f"内部错误：{kind}", f"an error within: {kind}"))
        return self._refused(code)

    def _granted(self, body: bytes) -> ServiceAnswer:
        request = decode_request(body, self._request_form)
        if request is None:
            return self._refused(_DATA)
        request.require_usable()
        answer = grant_answer(self._authority.register(request), self._answer_form)
        return _json(answer.reveal())

    def _refused(self, code: str) -> ServiceAnswer:
        meaning = meaning_of(code)
        words = meaning.text.zh if meaning else ""
        return _json(refusal_answer(code, words, self._answer_form))


class AuthorityServer(Server):
    """Serves ``authority``; see :class:`~sscard_ic.hosts.serving.Server`.

    Requests and answers are in clear: raises :class:`InputError` for a host beyond this machine,
    and for an authority of production; :class:`~sscard_ic.base.errors.SscardError` without
    starlette and uvicorn.
    """

    def __init__(
        self,
        authority: CertificateAuthority,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        request_form: RequestForm | None = None,
        answer_form: AnswerForm | None = None,
        tell: Callable[[Text], None] = lambda text: None,
    ) -> None:
        _require_safe(authority, host)
        service = AuthorityService(authority, request_form, answer_form, tell)
        super().__init__(service.answer, PATH, host, port)


def _require_safe(authority: CertificateAuthority, host: str) -> None:
    if authority.environment != "test":
        raise InputError(
            Text(
                "此服务以明文应答，仅用于测试证书机构",
                "this server answers in clear: it is for test authorities",
            ),
            where=authority.name,
            hint=Text("生产环境请直接访问证书机构", "for production, ask the authority itself"),
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


def _json(body: bytes) -> ServiceAnswer:
    return ServiceAnswer(200, "application/json; charset=utf-8", body)
