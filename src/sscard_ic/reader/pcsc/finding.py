"""Which reader a card is in."""

from __future__ import annotations

import time

from sscard_ic.base.errors import Text
from sscard_ic.reader.errors import NoCard
from sscard_ic.reader.pcsc.binding import Scard
from sscard_ic.reader.pcsc.monitor import ReaderMonitor

_PATIENCE = 5.0
"""Seconds; the service looks for cards every 0.4 s (ref 09 §1.4)."""


def find_card(atr: bytes, *, patience: float = _PATIENCE, scard: Scard | None = None) -> str:
    """The name of the reader with the card of this ATR, which is one card's alone.

    Waits ``patience`` seconds until the service has seen it. Raises :class:`NoCard` then, and
    every :class:`ReaderError` of the service.
    """
    deadline = time.monotonic() + patience
    with ReaderMonitor(scard=scard) as monitor:
        while True:
            for reader in monitor.readers():
                if reader.atr == atr:
                    return reader.name
            left = deadline - time.monotonic()
            if left <= 0:
                break
            monitor.wait(left)
    raise NoCard(
        Text("没有读写器看到这张卡", "no reader has seen the card"),
        hint=Text(
            "运行 sscard doctor，检查该读写器的驱动与端口",
            "sscard doctor looks at drivers and ports",
        ),
    )
