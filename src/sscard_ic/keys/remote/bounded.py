"""Connections on which the answer to a request is whole in time, or is none.

The timeouts of httpx are those of single reads: a server that sends a byte now and then keeps a
client for hours. These streams know when a request was begun, and give each read what is left.

Imported late: needs the extra ``remote`` (httpx, and httpcore below it).
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator

import httpcore
import httpx

FAILURES = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
"""What :class:`BoundedTransport` raises."""

_CONNECTIONS = 100
_RESTING = 20
_REST = 5.0
"""Connections, those of them that wait for the next request, and how many seconds they do."""


class BoundedTransport(httpx.BaseTransport):
    """HTTP/1.1; ``patience`` seconds from the beginning of a request to the end of its answer.

    Raises what is in :data:`FAILURES`. ``context`` is needed for https alone; without ``lasting``
    each request has a connection of its own.
    """

    def __init__(self, context: ssl.SSLContext | None, patience: float, *, lasting: bool) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_RESTING if lasting else 0,
            keepalive_expiry=_REST,
            network_backend=_Backend(patience),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body not yet read."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        body = _Body(answer)
        return httpx.Response(answer.status, headers=answer.headers, stream=body)

    def close(self) -> None:
        """End all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore.SyncBackend):
    def __init__(self, patience: float) -> None:
        self._patience = patience

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._patience)


class _Stream(httpcore.NetworkStream):
    """A connection; the first write after a read begins the next request."""

    def __init__(self, stream: httpcore.NetworkStream, patience: float) -> None:
        self._stream = stream
        self._patience = patience
        self._writing = False
        self._last = 0.0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._writing = False
        left = self._last - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._writing:
            self._writing = True
            self._last = time.monotonic() + self._patience
        self._stream.write(buffer, self._patience)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(
            self._stream.start_tls(ssl_context, server_hostname, timeout), self._patience
        )

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)
