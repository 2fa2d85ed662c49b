"""The way to an HSM service: HTTPS with certificates on both sides, and nothing else.

The service is trusted by the certificates of the settings alone, never by those of the system;
proxies and other settings of the environment are not heeded. Needs the extra ``remote`` (httpx).
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from sscard_ic.base.clock import Clock
from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.remote.certificates import OwnCertificate, tls_context
from sscard_ic.keys.remote.errors import RemoteError, RemoteKind
from sscard_ic.keys.remote.posting import (
    BEFORE_SENDING,
    MAY_HAVE_ARRIVED,
    Answer,
    open_client,
    post,
)
from sscard_ic.keys.remote.settings import RemoteSettings

if TYPE_CHECKING:
    import httpx

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


class HttpsTransport:
    """Posts messages to one service; threads may share one.

    Raises :class:`RemoteError` for files that cannot be used, and :class:`SscardError` without
    httpx.
    """

    def __init__(self, settings: RemoteSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._own = OwnCertificate.read(settings.certificate)
        context = tls_context(settings)
        self._lasting = _client(settings, context, lasting=True)
        # A connection that has rested may be dead: what is sent once only gets one of its own.
        self._single = _client(settings, context, lasting=False)

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
        found = post(
            self._lasting if repeatable else self._single,
            self.place,
            body,
            again=BEFORE_SENDING | MAY_HAVE_ARRIVED if repeatable else BEFORE_SENDING,
            retries=self._settings.retries,
        )
        if isinstance(found, Answer):
            return found
        raise RemoteError(found, _WHAT[found], self.place, _HINTS[found])

    def close(self) -> None:
        """End all connections."""
        self._lasting.close()
        self._single.close()


def _client(settings: RemoteSettings, context: ssl.SSLContext, *, lasting: bool) -> httpx.Client:
    kind = "application/xml" if settings.form == "xml" else "text/plain"
    try:
        return open_client(
            context,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            lasting=lasting,
            headers={"Content-Type": f"{kind}; charset=utf-8"},
        )
    except ImportError:
        raise _without_httpx() from None


def _without_httpx() -> SscardError:
    return SscardError(
        Text("未安装 httpx，不能使用远程加密机", "httpx is not installed: no remote HSM"),
        hint=Text(
            "pip install 'sscard-ic[remote]'（源码目录中：make remote）",
            "pip install 'sscard-ic[remote]' (in a clone: make remote)",
        ),
    )
