"""The way to a certificate authority: HTTPS, or plain HTTP within this machine.

The server is trusted by the certificates of the settings alone, never by those of the system;
proxies and other settings of the environment are not heeded, redirects are not followed. Needs the
extra ``remote`` (httpx).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from sscard_ic.base.errors import SscardError, Text, os_reason
from sscard_ic.base.secret import Secret
from sscard_ic.hosts.authority_errors import HttpAuthorityError
from sscard_ic.hosts.authority_requests import content_type
from sscard_ic.hosts.certificate_settings import HttpAuthoritySettings
from sscard_ic.keys.remote.errors import RemoteKind
from sscard_ic.keys.remote.posting import (
    BEFORE_SENDING,
    MAY_HAVE_ARRIVED,
    Answer,
    open_client,
    post,
)

_LATER: frozenset[RemoteKind] = frozenset({"unreachable", "closed", "timeout"})
"""What may be gone when the same request is sent again, unchanged."""

_WHAT: dict[RemoteKind, Text] = {
    "unreachable": Text("无法连接证书机构", "cannot connect to the certificate authority"),
    "timeout": Text("证书机构没有按时应答", "the certificate authority did not answer in time"),
    "not_tls": Text("对方不是 TLS 服务", "whoever answers there does not speak TLS"),
    "untrusted": Text(
        "证书机构服务器的证书不受信任", "the certificate of the authority's server is not trusted"
    ),
    "wrong_host": Text(
        "证书机构服务器的证书属于另一主机",
        "the certificate of the authority's server is for another host",
    ),
    "service_expired": Text(
        "证书机构服务器的证书不在有效期内",
        "the certificate of the authority's server is out of date",
    ),
    "own_certificate": Text(
        "证书机构拒绝了本机的客户端证书",
        "the certificate authority refused our client certificate",
    ),
    "closed": Text(
        "证书机构在应答之前断开了连接",
        "the certificate authority closed the connection before it had answered",
    ),
    "reply": Text(
        "证书机构的应答过长，或不符合 HTTP",
        "the answer of the certificate authority is too long, or no HTTP",
    ),
}
_HINTS: dict[RemoteKind, Text] = {
    "unreachable": Text(
        "检查网址、端口、网络，以及服务是否已启动",
        "check address, port and network, and whether the service runs",
    ),
    "timeout": Text(
        "检查网络；必要时加大 connect_timeout、read_timeout；以同一流水号重试",
        "check the network; where need be, raise connect_timeout, read_timeout; try again with "
        "the same reference",
    ),
    "not_tls": Text("检查网址与端口", "check address and port"),
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
        "设置 client_certificate、client_key；证书须由服务方认可的 CA 签发且在有效期内",
        "set client_certificate, client_key; it must come from a CA that the server accepts and be "
        "in date",
    ),
    "closed": Text(
        "以同一流水号重试；若每次如此，请联系服务方",
        "try again with the same reference; if it does so every time, ask the operator",
    ),
    "reply": Text(
        "检查网址：对方可能不是证书机构",
        "check the address: whoever answers there may be no certificate authority",
    ),
}


class AuthorityTransport:
    """Posts requests to one address, each over a connection of its own; threads may share one.

    Raises :class:`HttpAuthorityError` for files that cannot be used, and :class:`SscardError`
    without httpx.
    """

    def __init__(self, settings: HttpAuthoritySettings) -> None:
        self._settings = settings
        context = tls_context(settings) if settings.url.startswith("https:") else None
        try:
            self._client = open_client(
                context,
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                lasting=False,  # one that has rested may be dead; a card asks once
                headers={**settings.headers, "Content-Type": content_type(settings.request)},
            )
        except ImportError:
            raise _without_httpx() from None

    def post(self, body: Secret) -> Answer:
        """What comes back for ``body``.

        After a failed connection it is sent again, as often as the settings allow; one without a
        reference only while it cannot have arrived. Raises :class:`HttpAuthorityError`.
        """
        repeatable = bool(self._settings.request.reference)
        found = post(
            self._client,
            self._settings.url,
            body,
            again=BEFORE_SENDING | MAY_HAVE_ARRIVED if repeatable else BEFORE_SENDING,
            retries=self._settings.retries,
        )
        if isinstance(found, Answer):
            return found
        raise HttpAuthorityError(
            found, _WHAT[found], self._settings.url, _HINTS[found], again=found in _LATER
        )


def tls_context(settings: HttpAuthoritySettings) -> ssl.SSLContext:
    """TLS 1.2 or later that trusts the CA file of the settings alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # An intermediate authority, or the server itself, may be all that is trusted.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if settings.ca_file is not None:
        _trust(context, settings.ca_file)
    if settings.client_certificate is not None and settings.client_key is not None:
        _read(settings.client_certificate), _read(settings.client_key)
        _show(context, settings.client_certificate, settings.client_key)
    return context


def _trust(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(cadata=_read(file).decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise _settings(
            file, Text("文件中没有可用的 CA 证书（PEM）", "the file holds no CA certificates (PEM)")
        ) from None


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # Without a password OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password=b"")
    except (OSError, ValueError):
        raise _settings(
            key,
            Text(
                "证书与私钥不能使用：两者不匹配，或私钥经过加密、不是 PEM",
                "certificate and private key cannot be used: they do not belong together, or the "
                "key is enciphered or no PEM",
            ),
        ) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = os_reason(error)
    raise _settings(path, Text(f"无法读取（{reason.zh}）", f"cannot be read ({reason.en})"))


def _settings(path: Path, what: Text) -> HttpAuthorityError:
    hint = Text("检查 [certificates.http] 的设置", "check the settings [certificates.http]")
    return HttpAuthorityError("settings", what, str(path), hint)


def _without_httpx() -> SscardError:
    return SscardError(
        Text("未安装 httpx，不能访问证书机构", "httpx is not installed: no certificate authority"),
        hint=Text(
            "pip install 'sscard-ic[remote]'（源码目录中：make remote）",
            "pip install 'sscard-ic[remote]' (in a clone: make remote)",
        ),
    )
