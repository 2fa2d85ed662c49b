"""Our own certificate and those we trust, as the settings name them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from sscard_ic.base.errors import Text, os_reason
from sscard_ic.keys.remote.errors import RemoteError
from sscard_ic.keys.remote.settings import RemoteSettings


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """The days of the certificate that we show."""

    path: Path
    first: datetime
    last: datetime

    @classmethod
    def read(cls, path: Path) -> OwnCertificate:
        """The first certificate in ``path``; raises :class:`RemoteError`."""
        try:
            found = x509.load_pem_x509_certificates(_read(path))[0]
        except ValueError:
            raise _settings(
                path,
                Text("文件中没有 PEM 格式的证书", "the file holds no certificate in PEM"),
            ) from None
        return cls(path, found.not_valid_before_utc, found.not_valid_after_utc)

    def require_valid(self, now: datetime) -> None:
        """Raise :class:`RemoteError` outside of its days, before anybody is asked anything."""
        if self.first <= now <= self.last:
            return
        zh, en = ("已过期", "expired") if now > self.last else ("尚未生效", "is not valid before")
        day = f"{self.last if now > self.last else self.first:%Y-%m-%d}"
        raise RemoteError(
            "own_certificate",
            Text(
                f"本机的客户端证书{zh}（{day}）",
                f"our own client certificate {en}{' on' if now > self.last else ''} {day}",
            ),
            str(self.path),
            Text(
                "检查本机日期；向服务方申请新证书",
                "check the date of this machine; ask the operator of the service for a new one",
            ),
        )


def tls_context(settings: RemoteSettings) -> ssl.SSLContext:
    """TLS 1.2 or later with our certificate, trusting the CA file of the settings alone.

    Raises :class:`RemoteError`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # An intermediate authority, or the service itself, may be all that is trusted.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=_read(settings.ca_file).decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise _settings(
            settings.ca_file,
            Text("文件中没有可用的 CA 证书（PEM）", "the file holds no CA certificates (PEM)"),
        ) from None
    _read(settings.certificate), _read(settings.private_key)
    try:
        # Without a password OpenSSL would ask for one at the terminal.
        context.load_cert_chain(settings.certificate, settings.private_key, password=b"")
    except (OSError, ValueError):
        raise _settings(
            settings.private_key,
            Text(
                "证书与私钥不能使用：两者不匹配，或私钥经过加密、不是 PEM",
                "certificate and private key cannot be used: they do not belong together, or the "
                "key is enciphered or no PEM",
            ),
        ) from None
    return context


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = os_reason(error)
    raise _settings(path, Text(f"无法读取（{reason.zh}）", f"cannot be read ({reason.en})"))


def _settings(path: Path, what: Text) -> RemoteError:
    hint = Text("检查 [keys.remote] 的设置", "check the settings [keys.remote]")
    return RemoteError("settings", what, str(path), hint)
