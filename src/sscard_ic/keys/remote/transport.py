"""The way to an HSM service: HTTPS with certificates on both sides, and nothing else.

The service is trusted by the certificates of the settings alone, never by those of the system;
proxies and other settings of the environment are not heeded. Needs the extra ``remote`` (httpx).
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sscard_ic.base.clock import Clock
from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.remote.certificates import OwnCertificate, tls_context
from sscard_ic.keys.remote.errors import RemoteError, RemoteKind
from sscard_ic.keys.remote.settings import RemoteSettings

if TYPE_CHECKING:
    import httpx

LONGEST_REPLY = 65_536

_WRONG_HOST = frozenset({62, 64})
_OUT_OF_DATE = frozenset({9, 10})
"""Verification codes of OpenSSL: host name, IP address; not yet valid, expired."""
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
_BEFORE_SENDING: frozenset[RemoteKind] = frozenset({"unreachable"})
_MAY_HAVE_ARRIVED: frozenset[RemoteKind] = frozenset({"closed"})

_WHAT: dict[RemoteKind, Text] = {
    "unreachable": Text("无法连接加密机服务", "cannot connect to the HSM service"),
    "timeout": Text("加密机服务没有按时应答", "the HSM service did not answer in time"),
    "not_tls": Text("对方不是 TLS 服务", "whoever answers there does not speak TLS"),
    "untrusted": Text(
        "加密机服务的证书不受信任", "the certificate of the HSM service is not trusted"
    ),
    "wrong_host": Text(
        "加密机服务的证书属于另一主机", "the certificate of the HSM service is for another host"
    ),
    "service_expired": Text(
        "加密机服务的证书不在有效期内", "the certificate of the HSM service is out of date"
    ),
    "own_certificate": Text(
        "加密机服务拒绝了本机的客户端证书", "the HSM service refused our client certificate"
    ),
    "closed": Text(
        "加密机服务在应答之前断开了连接",
        "the HSM service closed the connection before it had answered",
    ),
    "reply": Text(
        "加密机服务的应答过长，或不符合 HTTP",
        "the reply of the HSM service is too long, or no HTTP",
    ),
}
_HINTS: dict[RemoteKind, Text] = {
    "unreachable": Text(
        "检查网址、端口、网络，以及服务是否已启动",
        "check address, port and network, and whether the service runs",
    ),
    "timeout": Text(
        "检查网络；必要时加大 connect_timeout、read_timeout",
        "check the network; where need be, raise connect_timeout, read_timeout",
    ),
    "not_tls": Text("检查端口：加密机服务须为 https", "check the port: the service is https"),
    "untrusted": Text(
        "ca_file 应为服务方给出的 CA 证书；不要绕过此检查",
        "ca_file is the CA certificate that the operator gave; never go around this check",
    ),
    "wrong_host": Text(
        "网址应使用证书中的主机名；不要绕过此检查",
        "the address takes the name in the certificate; never go around this check",
    ),
    "service_expired": Text(
        "检查本机日期；请服务方更换证书",
        "check the date of this machine; have the operator replace the certificate",
    ),
    "own_certificate": Text(
        "证书须由服务方认可的 CA 签发且未被撤销；请联系服务方",
        "it must come from a CA that the service accepts; ask its operator",
    ),
    "reply": Text(
        "检查网址：对方可能不是加密机服务",
        "check the address: whoever answers there may be no HSM service",
    ),
    "closed": Text(
        "若每次如此，服务可能不接受本机的客户端证书；请联系服务方",
        "if it does so every time, it may not accept our client certificate; ask its operator",
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status of HTTP, and what came with it."""

    status: int
    body: bytes


class HttpsTransport:
    """Posts messages to one service; threads may share one.

    Raises :class:`RemoteError` for files that cannot be used, and :class:`SscardError` without
    httpx.
    """

    def __init__(self, settings: RemoteSettings, clock: Clock) -> None:
        try:
            import httpx
        except ImportError:
            raise _without_httpx() from None
        self._settings = settings
        self._clock = clock
        self._own = OwnCertificate.read(settings.certificate)
        context = tls_context(settings)
        self._lasting = _client(settings, context, httpx.Limits())
        # A connection that has rested may be dead: what is sent once only gets one of its own.
        self._single = _client(settings, context, httpx.Limits(max_keepalive_connections=0))

    @property
    def place(self) -> str:
        """The address of the service."""
        return self._settings.url

    def post(self, body: Secret, *, repeatable: bool) -> Answer:
        """What the service answers to ``body``.

        After a failed connection the request is sent again, as often as the settings allow; one
        that is not ``repeatable`` only while it cannot have reached the service. Raises
        :class:`RemoteError`.
        """
        self._own.require_valid(self._clock.now())
        again = _BEFORE_SENDING | _MAY_HAVE_ARRIVED if repeatable else _BEFORE_SENDING
        client = self._lasting if repeatable else self._single
        left = self._settings.retries
        while isinstance(found := self._once(client, body), str):
            if found not in again or not left:
                break
            left -= 1
        else:
            return found
        raise RemoteError(found, _WHAT[found], self.place, _HINTS[found])

    def close(self) -> None:
        """End all connections."""
        self._lasting.close()
        self._single.close()

    def _once(self, client: httpx.Client, body: Secret) -> Answer | RemoteKind:
        """One attempt; the errors of httpx know the request, so that none of them is kept."""
        import httpx

        try:
            return self._exchange(client, body)
        except httpx.HTTPError as error:
            return failure_kind(error)

    def _exchange(self, client: httpx.Client, body: Secret) -> Answer | RemoteKind:
        last = time.monotonic() + self._settings.read_timeout
        with client.stream("POST", self._settings.url, content=body.reveal()) as response:
            content = bytearray()
            for part in response.iter_raw():
                content += part
                if len(content) > LONGEST_REPLY:
                    return "reply"
                if time.monotonic() > last:
                    return "timeout"
            return Answer(response.status_code, bytes(content))


def _client(
    settings: RemoteSettings, context: ssl.SSLContext, limits: httpx.Limits
) -> httpx.Client:
    import httpx

    kind = "application/xml" if settings.form == "xml" else "text/plain"
    return httpx.Client(
        verify=context,
        trust_env=False,
        follow_redirects=False,
        limits=limits,
        timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
        headers={"Content-Type": f"{kind}; charset=utf-8", "Accept-Encoding": "identity"},
    )


def failure_kind(error: Exception) -> RemoteKind:
    """What an error of httpx means, by the errors that it came from."""
    import httpx

    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _WRONG_HOST:
                return "wrong_host"
            return "service_expired" if cause.verify_code in _OUT_OF_DATE else "untrusted"
        if isinstance(cause, ssl.SSLError):
            return _tls_kind(cause.reason or "", connecting=isinstance(error, httpx.ConnectError))
    if isinstance(error, httpx.TimeoutException):
        # Connecting again is harmless, but who waits has waited long enough.
        return "timeout"
    if isinstance(error, httpx.RemoteProtocolError) and "connect" not in str(error):
        return "reply"
    return "unreachable" if isinstance(error, httpx.ConnectError) else "closed"


def _tls_kind(reason: str, *, connecting: bool) -> RemoteKind:
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return "own_certificate"
    if not connecting:
        return "closed"
    return "not_tls" if reason in _NO_TLS else "unreachable"


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _without_httpx() -> SscardError:
    return SscardError(
        Text("未安装 httpx，不能使用远程加密机", "httpx is not installed: no remote HSM"),
        hint=Text(
            "pip install 'sscard-ic[remote]'（源码目录中：make hsm）",
            "pip install 'sscard-ic[remote]' (in a clone: make hsm)",
        ),
    )
