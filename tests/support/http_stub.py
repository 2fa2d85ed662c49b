"""A server of plain HTTP on 127.0.0.1 that does what a test says, connection by connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass
class Asked:
    """One request: head and body."""

    head: str
    body: bytes = field(repr=False)

    @property
    def fields(self) -> dict[str, str]:
        """The headers, by lower-case name."""
        lines = (line.partition(":") for line in self.head.split("\r\n")[1:])
        return {name.lower(): value.strip() for name, _, value in lines}


Deed = Callable[[socket.socket], None]
"""What is done once a request was read; the connection is closed afterwards."""


class HttpStub:
    """``deeds`` are those of the connections in their order; later ones are not accepted."""

    def __init__(self, *deeds: Deed) -> None:
        self.asked: list[Asked] = []
        self._deeds = deeds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/ca/register"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        for deed in self._deeds:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self.asked.append(_read(connection))
                deed(connection)

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


def _read(connection: socket.socket) -> Asked:
    content = b""
    while b"\r\n\r\n" not in content:
        content += connection.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    asked = Asked(head.decode("ascii"), body)
    while len(asked.body) < int(asked.fields["content-length"]):
        asked.body += connection.recv(65536)
    return asked


def answers(body: bytes, status: str = "200 OK", more: str = "") -> Deed:
    """Answers with a body."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return sends(head.encode() + body)


def sends(raw: bytes) -> Deed:
    """Answers with these bytes."""
    return lambda connection: connection.sendall(raw)


def hangs_up(connection: socket.socket) -> None:
    """Answers nothing."""


def stays_mute(connection: socket.socket) -> None:
    """Answers nothing until the other side leaves."""
    connection.recv(1)
