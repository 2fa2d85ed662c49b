"""The card's connection to one slot of a vpcd driver, and why there is none (ref 09 §1.4, §1.5)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from sscard_ic.base import InputError, Text
from sscard_ic.simulator.vpcd_protocol import CONTROLS, MAX_FRAME, Frames, frame

_PIECE = 4096
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_DOCTOR = Text("用 sscard doctor 检查", "see: sscard doctor")


class NoVpcdReader(InputError):
    """Nobody listens on the port."""


class CardNotRead(InputError):
    """Somebody listens on the port, but does not ask for a card."""


class LinkClosed(Exception):
    """The driver ended the connection."""


class LinkSilent(Exception):
    """The driver, which asks for the card several times a second, said nothing for long."""


class Link:
    """One connection: a card that is in the slot. Used by one thread, except for leaving."""

    __slots__ = ("_frames", "_recv", "_socket", "address")

    def __init__(self, host: str, port: int, patience: float) -> None:
        """Connect within ``patience`` seconds; raises :class:`NoVpcdReader` or a CardNotRead."""
        self.address = f"{host}:{port}"
        self._frames = Frames()
        try:
            self._socket = socket.create_connection((host, port), patience)
        except TimeoutError as error:
            # A full backlog drops further connections without a word.
            raise self._not_read() from error
        except (OSError, UnicodeError) as error:
            raise _no_reader(self.address, error) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._recv = self._receiver()

    def _receiver(self) -> Callable[[int], bytes]:
        """``recv`` that acknowledges at once.

        Debian's driver sends the length and the rest of a frame in two writes, the second of which
        its system holds back until the first is acknowledged, and ours delays that by 40 ms. The
        option lasts until the system thinks better of it, so it is set again before every read.
        """
        recv, setsockopt = self._socket.recv, self._socket.setsockopt
        option = _QUICKACK
        if option is None:
            return recv

        def acknowledge_and_receive(size: int) -> bytes:
            setsockopt(socket.IPPROTO_TCP, option, 1)
            return recv(size)

        return acknowledge_and_receive

    def first(self, patience: float) -> bytes:
        """The first frame, within ``patience`` seconds; it is a control message of a driver.

        Raises :class:`CardNotRead`. Debian's driver takes a second card of a slot only when the
        first one leaves; until then that connection waits and no frame ever comes.
        """
        end = time.monotonic() + patience
        try:
            while (received := self._frames.take()) is None:
                self._socket.settimeout(max(end - time.monotonic(), 0.001))
                self._more()
        except (LinkClosed, LinkSilent) as error:
            raise self._not_read() from error
        if len(received) != 1 or received[0] not in CONTROLS:
            raise self._not_read()
        return received

    def expect_frames_within(self, seconds: float) -> None:
        """From now on :meth:`receive` raises :class:`LinkSilent` after so long without a byte."""
        self._socket.settimeout(seconds)

    def receive(self) -> bytes:
        """The next frame; raises :class:`LinkClosed` or :class:`LinkSilent`."""
        frames = self._frames
        while (received := frames.take()) is None:
            self._more()
        return received

    def _more(self) -> None:
        try:
            piece = self._recv(_PIECE)
        except TimeoutError as error:
            raise LinkSilent from error
        except OSError as error:
            raise LinkClosed from error
        if not piece:
            raise LinkClosed
        self._frames.feed(piece)

    def send(self, payload: bytes) -> None:
        """Send one frame in one write; raises :class:`LinkClosed`.

        The driver must never see a part of a frame before the end of a connection: it takes the
        part for the whole.
        """
        assert 0 < len(payload) <= MAX_FRAME, "an empty frame blocks the driver"
        try:
            self._socket.sendall(frame(payload))
        except OSError as error:
            raise LinkClosed from error

    def leave(self) -> None:
        """Tell the driver that the card leaves; may be called from another thread.

        Nothing is sent any more. The driver sees it when it asks for the card the next time, and
        ends the connection, which :meth:`receive` tells.
        """
        with suppress(OSError):  # it is closed already
            self._socket.shutdown(socket.SHUT_WR)

    def see_off(self, patience: float) -> list[bytes]:
        """After :meth:`leave`: wait until the driver ended the connection, or time is up.

        The frames that still came, which nobody answers any more.
        """
        end = time.monotonic() + patience
        unanswered = []
        with suppress(LinkClosed, LinkSilent):
            while (left := end - time.monotonic()) > 0:
                self._socket.settimeout(left)
                unanswered.append(self.receive())
        return unanswered

    def drop(self) -> None:
        """End the connection for both directions; may be called from another thread."""
        with suppress(OSError):  # it is closed already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _not_read(self) -> CardNotRead:
        return CardNotRead(
            Text(
                "没有读写器来读卡：这个端口上已有另一张虚拟卡，或者监听的不是 vpcd",
                "no reader asks for the card: another virtual card is in this slot, "
                "or it is not vpcd that listens there",
            ),
            where=self.address,
            hint=Text(
                f"先取出另一张卡，或换一个端口；{_DOCTOR.zh}",
                f"take the other card out, or choose another port; {_DOCTOR.en}",
            ),
        )


def _no_reader(address: str, error: Exception) -> NoVpcdReader:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return NoVpcdReader(
        Text(
            f"端口上没有 vpcd 读写器（{reason}）",
            f"no vpcd reader listens there ({reason})",
        ),
        where=address,
        hint=Text(
            f"请启动带 vpcd 驱动的 pcscd（Debian 软件包 vsmartcard-vpcd）；{_DOCTOR.zh}",
            f"start pcscd with the vpcd driver (Debian package vsmartcard-vpcd); {_DOCTOR.en}",
        ),
    )
