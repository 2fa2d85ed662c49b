"""A server of HTTP in a thread of its own: one place, which answers POST.

Nothing of what comes and goes is logged. Needs the extra ``serve`` (starlette, uvicorn).
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sscard_ic.base.errors import InputError, SscardError, Text, os_reason

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request

LONGEST_REQUEST = 16_384
_SECONDS = 10.0
"""In which a request must be there, and in which running ones may end when the server stops."""
_MOST_CONNECTIONS = 128
_IDLE = 60
"""Seconds that a connection may rest."""


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What goes back: status of HTTP, type of the content, the content."""

    status: int
    content_type: str
    body: bytes


class Server:
    """Listens at once, and answers with ``respond`` in a thread of its own from :meth:`start` on.

    ``port`` 0 takes a free one; leaving the block ends everything. Raises :class:`InputError` for
    an address that cannot be used, :class:`SscardError` without starlette and uvicorn.
    """

    def __init__(
        self,
        respond: Callable[[bytes], ServiceAnswer],
        path: str,
        host: str,
        port: int,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = _uvicorn(_application(respond, path), context)
        self._socket = _listening(host, port)
        self._scheme = "http" if context is None else "https"
        self._host, self._path = host, path
        self._port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name=f"serves {path}", daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """What clients are told."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self.port}{self._path}"

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


def is_loopback(host: str) -> bool:
    """Whether ``host`` is an address of this machine that no other one reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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


def _application(respond: Callable[[bytes], ServiceAnswer], path: str) -> Starlette:
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
        found = await run_in_threadpool(respond, body)
        return Response(found.body, found.status, media_type=found.content_type)

    return Starlette(routes=[Route(path, answer, methods=["POST"])])


async def _body(request: Request) -> bytes | None:
    """The body; None when it is too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_REQUEST:
            return None
    return bytes(body)


def _uvicorn(application: Starlette, context: ssl.SSLContext | None) -> uvicorn.Server:
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

    class Abrupt(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Closing politely, TLS waits for clients that rest and do not listen.
            for connection in list(self.server_state.connections):
                cycle = getattr(connection, "cycle", None)
                transport = getattr(connection, "transport", None)
                if transport is not None and (cycle is None or cycle.response_complete):
                    transport.abort()
            await super().shutdown(sockets)

    return Abrupt(config)


def _without_parts() -> SscardError:
    return SscardError(
        Text(
            "未安装 starlette 与 uvicorn，不能提供服务",
            "starlette and uvicorn are not installed: nothing can be served",
        ),
        hint=Text(
            "pip install 'sscard-ic[serve]'（源码目录中：make remote）",
            "pip install 'sscard-ic[serve]' (in a clone: make remote)",
        ),
    )
