"""The driver's side of vpcd, as Debian's driver and pcscd behave (ref 09 §1.4), for tests."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Writes = Callable[[bytes], Iterator[bytes]]
"""Cuts a frame into the pieces in which it is sent."""

PATIENCE = 10.0


def whole(frame: bytes) -> Iterator[bytes]:
    """One write, as upstream does since 2023."""
    yield frame


def in_two(frame: bytes) -> Iterator[bytes]:
    """The length and the rest, as Debian's 0.8 does."""
    yield frame[:2]
    yield frame[2:]


def bytewise(frame: bytes) -> Iterator[bytes]:
    """One byte at a time."""
    for at in range(len(frame)):
        yield frame[at : at + 1]


class NoAnswer(Exception):
    """The card closed its connection instead of answering."""


class VpcdDriver:
    """A slot on a free port of the loopback interface.

    A thread looks for the card again and again, by asking for the ATR, and lets go of one that
    left; ``seen`` counts the cards it found. Only :meth:`send` may be used while a card is at work.
    """

    def __init__(self, writes: Writes = in_two, *, look_every: float = 0.01, port: int = 0) -> None:
        self._writes = writes
        self._look_every = look_every
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._client: socket.socket | None = None
        self._lock = threading.RLock()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self.seen = 0
        self.looked = 0
        self.atr = b""
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def __enter__(self) -> VpcdDriver:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """The service ends."""
        self.die()
        self._thread.join(PATIENCE)

    def die(self) -> None:
        """The service ends; its thread will notice."""
        with self._lock:
            self._stopped.set()
            self._eject()
            self._listener.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A block in which the driver does not look for the card by itself."""
        with self._lock:
            yield

    @property
    def present(self) -> bool:
        """Whether there is a card."""
        return self._client is not None

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition``, which looks at this driver."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE)

    def looks(self, times: int = 2) -> None:
        """Wait until the card answered so many further looks."""
        goal = self.looked + times
        self.wait(lambda: self.looked >= goal)

    def power_on(self) -> bytes:
        """Power on, then ask for the ATR, as the driver does."""
        with self._lock:
            self.send(b"\x01")
            return self.exchange(b"\x04")

    def power_off(self) -> None:
        """Power off; there is no answer."""
        self.send(b"\x00")

    def reset(self) -> bytes:
        """Warm reset, then ask for the ATR."""
        with self._lock:
            self.send(b"\x02")
            return self.exchange(b"\x04")

    def apdu(self, command: str) -> str:
        """One exchange, in hex digits."""
        return self.exchange(bytes.fromhex(command)).hex().upper()

    def exchange(self, payload: bytes) -> bytes:
        """Send a frame and wait for the answer; raises :class:`NoAnswer`."""
        with self._lock:
            self.send(payload)
            return self.receive()

    def send(self, payload: bytes) -> None:
        """Send a frame."""
        self.send_bytes(len(payload).to_bytes(2, "big") + payload)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes, cut as all frames are."""
        with self._lock:
            if self._client is None:
                raise NoAnswer
            for piece in self._writes(data):
                try:
                    self._client.sendall(piece)
                except OSError:
                    self._eject()
                    raise NoAnswer from None

    def receive(self) -> bytes:
        """The next frame of the card."""
        with self._lock:
            return self._receive(int.from_bytes(self._receive(2), "big"))

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                piece = self._client.recv(size - len(data)) if self._client else b""
            except OSError:
                piece = b""
            if not piece:
                self._eject()
                raise NoAnswer
            data += piece
        return data

    def _look(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                if not self._stopped.is_set():
                    self._accept()
                if self._client is not None:
                    with suppress(NoAnswer):
                        self.atr = self.exchange(b"\x04")
                        self.looked += 1
            with self._changed:
                self._changed.notify_all()
            time.sleep(self._look_every)

    def _accept(self) -> None:
        if self._client is None:
            self._listener.settimeout(self._look_every)
            with suppress(TimeoutError):
                self._client = self._listener.accept()[0]
                self._client.settimeout(PATIENCE)
                self.seen += 1

    def _eject(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
