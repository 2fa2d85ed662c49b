"""A certificate authority that is asked by HTTP (ref 05 §4.2-4.4, 03 §4.3)."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.base.errors import Text
from sscard_ic.hosts.authority_answers import AnswerReader
from sscard_ic.hosts.authority_errors import HttpAuthorityError
from sscard_ic.hosts.authority_requests import encode_request
from sscard_ic.hosts.authority_transport import AuthorityTransport
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.certificate_settings import HttpAuthoritySettings
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.inventory import Environment

_OK = 200
_SERVER_FAULTS = range(500, 600)
_TOO_MANY = 429


class HttpAuthority:
    """Asks one address; ``trusted`` are the certificates (DER) that those of cards come from.

    Threads may share one. Nothing is sent before the first request. Raises
    :class:`HttpAuthorityError` for files that cannot be used, and
    :class:`~sscard_ic.base.errors.SscardError` without httpx.
    """

    def __init__(self, settings: HttpAuthoritySettings, trusted: Sequence[bytes] = ()) -> None:
        self._settings = settings
        self._trusted = tuple(trusted)
        self._transport = AuthorityTransport(settings)

    @property
    def name(self) -> str:
        """Its address."""
        return self._settings.url

    @property
    def environment(self) -> Environment:
        """What the settings say about its certificates."""
        return self._settings.environment

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """Certificates (DER) of the files that the settings trust."""
        return self._trusted

    def __repr__(self) -> str:
        return f"<HttpAuthority {self.name}>"

    def register(self, request: CertificateRequest) -> CertificateGrant:
        """The grant for a card; see :class:`~.certificate_authority.CertificateAuthority`.

        Raises :class:`~.certificate_authority.RequestError`, :class:`HttpAuthorityError` and its
        subclass :class:`~.authority_errors.RefusedRequestError`.
        """
        request.require_usable()
        body = encode_request(request, self._settings.request)
        try:
            answer = self._transport.post(body)
        finally:
            body.clear()
        reader = AnswerReader(self._settings.answer, request, self.name)
        if answer.status == _OK:
            return reader.grant(answer.body)
        if refusal := reader.refusal(answer.body):
            raise refusal
        raise self._strange(answer.status)

    def _strange(self, status: int) -> HttpAuthorityError:
        later = status in _SERVER_FAULTS or status == _TOO_MANY
        return HttpAuthorityError(
            "status",
            Text(
                f"证书机构以 HTTP 状态 {status} 应答",
                f"the certificate authority answered with the HTTP status {status}",
            ),
            self.name,
            Text(
                "检查网址；重定向不会被跟随；5xx 可稍后以同一流水号重试",
                "check the address; redirects are not followed; after 5xx, try again later with "
                "the same reference",
            ),
            again=later,
        )
