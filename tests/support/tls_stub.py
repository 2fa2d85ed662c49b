"""A TLS server that does what a test says, connection by connection, and counts."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from sscard_ic.hosts.server import ServerCertificates

Deed = Callable[["TlsStub", socket.socket], None]
"""What is done with one accepted connection, which is closed afterwards."""


class TlsStub:
    """Listens on 127.0.0.1; ``deeds`` are those of the connections in their order."""

    def __init__(self, certificates: ServerCertificates, *deeds: Deed) -> None:
        self.context = certificates.context()
        # The plain handshake of OpenSSL: it tells a failure by itself.
        self.context.sslobject_class = ssl.SSLObject
        self.connections = 0
        self.requests: list[bytes] = []
        """The bodies that came."""
        self.heads: list[bytes] = []
        """What came before them, in small letters."""
        self._deeds = deeds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}/hsm"

    def _run(self) -> None:
        for deed in self._deeds:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(OSError):
                deed(self, connection)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def read_request(self, connection: ssl.SSLSocket) -> bool:
        """Whether a whole request came; its body is noted."""
        content = b""
        while b"\r\n\r\n" not in content:
            part = connection.recv(65536)
            if not part:
                return False
            content += part
        head, _, body = content.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            body += connection.recv(65536)
        self.heads.append(head.lower())
        self.requests.append(body)
        return True


def answers(*bodies: bytes, status: bytes = b"200 OK", more: bytes = b"") -> Deed:
    """Answers so many requests of one connection."""

    def deed(stub: TlsStub, connection: socket.socket) -> None:
        with stub.context.wrap_socket(connection, server_side=True) as secure:
            for body in bodies:
                if not stub.read_request(secure):
                    return
                length = f"Content-Length: {len(body)}\r\n".encode()
                secure.sendall(b"HTTP/1.1 " + status + b"\r\n" + length + more + b"\r\n" + body)

    return deed


def sends(raw: bytes) -> Deed:
    """Reads one request and answers with these bytes."""

    def deed(stub: TlsStub, connection: socket.socket) -> None:
        with stub.context.wrap_socket(connection, server_side=True) as secure:
            stub.read_request(secure)
            secure.sendall(raw)

    return deed


def goes_before(stub: TlsStub, connection: socket.socket) -> None:
    """Hangs up before TLS."""


def goes_after(stub: TlsStub, connection: socket.socket) -> None:
    """Reads a request and hangs up."""
    sends(b"")(stub, connection)


def speaks_http(stub: TlsStub, connection: socket.socket) -> None:
    """Is a server without TLS."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def shakes_hands(stub: TlsStub, connection: socket.socket) -> None:
    """Does no more than the handshake, which may fail, and waits for the other side to leave."""
    with stub.context.wrap_socket(connection, server_side=True) as secure:
        secure.recv(65536)


def stays_mute(stub: TlsStub, connection: socket.socket) -> None:
    """Reads a request and never answers."""
    with stub.context.wrap_socket(connection, server_side=True) as secure:
        stub.read_request(secure)
        secure.recv(1)


def never_shakes_hands(stub: TlsStub, connection: socket.socket) -> None:
    """Takes the connection and says nothing."""
    while connection.recv(65536):
        pass
