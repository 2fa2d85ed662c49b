"""The reference server of an HSM service: HTTPS that asks every client for a certificate.

One place, ``POST /hsm``, takes messages of both forms. Nothing of them is logged. Needs the extra
``serve`` (starlette, uvicorn).
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sscard_ic.base.errors import InputError, SscardError, Text, os_reason
from sscard_ic.hosts.hsm_service import HsmService

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request

PATH = "/hsm"
LONGEST_REQUEST = 16_384
_SECONDS = 10.0
"""In which a request must be there, and in which running ones may end when the server stops."""
_MOST_CONNECTIONS = 128
_IDLE = 60
"""Seconds that a connection may rest."""


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


class HsmServer:
    """Listens at once, and serves ``service`` in a thread of its own from :meth:`start` on.

    ``port`` 0 takes a free one; leaving the block ends everything. Raises :class:`InputError` for
    certificates or an address that cannot be used, :class:`SscardError` without starlette and
    uvicorn.
    """

    def __init__(
        self,
        service: HsmService,
        certificates: ServerCertificates,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._server = _uvicorn(_application(service), certificates.context())
        self._socket = _listening(host, port)
        self._host, self._port = host, self._socket.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="hsm service", daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        number: int = self._port
        return number

    @property
    def url(self) -> str:
        """What clients are told."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"https://{host}:{self.port}{PATH}"

    @property
    def runs(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Answer from now on, those too who have connected already."""
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        if self.runs:
            self._thread.join()
        self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Where a socket is not told that it is TCP, asyncio lets every answer wait for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        reason = os_reason(error)
    else:
        return listener
    raise InputError(
        Text(
            f"不能在该地址监听（{reason.zh}）",
            f"cannot listen there ({reason.en})",
        ),
        where=f"{host}:{port}",
        hint=Text("换一个端口，或先结束占用它的程序", "use another port, or end what holds it"),
    )


def _application(service: HsmService) -> Starlette:
    try:
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import PlainTextResponse, Response
        from starlette.routing import Route
    except ImportError:
        raise _without_parts() from None

    async def answer(request: Request) -> Response:
        try:
            async with asyncio.timeout(_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return PlainTextResponse("Request Timeout", 408)
        if body is None:
            return PlainTextResponse("Content Too Large", 413)
        found = await run_in_threadpool(service.answer, body)
        return Response(found.body, found.status, media_type=found.content_type)

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


async def _body(request: Request) -> bytes | None:
    """The body; None when it is too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_REQUEST:
            return None
    return bytes(body)


def _uvicorn(application: Starlette, context: ssl.SSLContext) -> uvicorn.Server:
    try:
        import uvicorn
    except ImportError:
        raise _without_parts() from None
    config = uvicorn.Config(
        application,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=int(_SECONDS),
    )
    config.load()
    config.ssl = context

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Closing politely, TLS waits for clients that rest and do not listen.
            for connection in list(self.server_state.connections):
                cycle = getattr(connection, "cycle", None)
                transport = getattr(connection, "transport", None)
                if transport is not None and (cycle is None or cycle.response_complete):
                    transport.abort()
            await super().shutdown(sockets)

    return Server(config)


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


def _without_parts() -> SscardError:
    return SscardError(
        Text(
            "未安装 starlette 与 uvicorn，不能提供加密机服务",
            "starlette and uvicorn are not installed: no HSM service",
        ),
        hint=Text(
            "pip install 'sscard-ic[serve]'（源码目录中：make hsm）",
            "pip install 'sscard-ic[serve]' (in a clone: make hsm)",
        ),
    )
