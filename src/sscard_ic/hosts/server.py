"""The reference server of an HSM service: HTTPS that asks every client for a certificate.

One place, ``POST /hsm``, takes messages of both forms. Nothing of them is logged. Needs the extra
``serve`` (starlette, uvicorn).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.hosts.hsm_service import HsmService
from sscard_ic.hosts.serving import Server

PATH = "/hsm"

_NO_CERTIFICATE = "PEER_DID_NOT_RETURN_A_CERTIFICATE"


class _Handshake(ssl.SSLObject):
    """A handshake that tells a client why its certificate is refused.

    asyncio by itself drops the alert and hangs up.
    """

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            unproven = isinstance(error, ssl.SSLCertVerificationError)
            if not unproven and error.reason != _NO_CERTIFICATE:
                raise
            self._failure = error
            # Whoever waits for more to read sends what there is to send: the alert.
            raise ssl.SSLWantReadError from None


@dataclass(frozen=True, slots=True)
class ServerCertificates:
    """PEM files: our certificate and its key, and the CA of those who may ask."""

    certificate: Path
    private_key: Path
    client_ca: Path

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or later that refuses clients without a certificate of the CA.

        Raises :class:`InputError`.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.sslobject_class = _Handshake
        try:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(self.certificate, self.private_key, password=b"")
        except (OSError, ValueError) as error:
            raise _unusable(self.certificate, error) from None
        try:
            context.load_verify_locations(self.client_ca)
        except (OSError, ValueError) as error:
            raise _unusable(self.client_ca, error) from None
        return context


class HsmServer(Server):
    """Serves ``service``; see :class:`~sscard_ic.hosts.serving.Server`.

    Raises :class:`InputError` for certificates or an address that cannot be used,
    :class:`~sscard_ic.base.errors.SscardError` without starlette and uvicorn.
    """

    def __init__(
        self,
        service: HsmService,
        certificates: ServerCertificates,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(service.answer, PATH, host, port, certificates.context())


def _unusable(path: Path, error: Exception) -> InputError:
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
        what = Text(
            "证书或私钥不能使用：不是 PEM、两者不匹配，或私钥经过加密",
            "certificate or key cannot be used: no PEM, not of one pair, or an enciphered key",
        )
    else:
        reason = os_reason(error)
        what = Text(f"无法读取（{reason.zh}）", f"cannot be read ({reason.en})")
    return InputError(
        what,
        where=str(path),
        hint=Text(
            "检查 --certificate、--key、--client-ca；试用可用 --test-certificates DIR",
            "check --certificate, --key, --client-ca; to try it, use --test-certificates DIR",
        ),
    )
