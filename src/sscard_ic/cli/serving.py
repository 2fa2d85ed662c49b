"""What the commands share that serve other programs: where they listen, and how they end."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click

from sscard_ic.cli.common import tr

_LAST_PORT = 65535
_LOOK = 0.5
"""Seconds between two looks whether the server still runs."""

Address = tuple[str, int]


class Serving(Protocol):
    """A server that answers in a thread of its own."""

    @property
    def runs(self) -> bool:
        """Whether it serves."""
        ...


def listen_address(context: click.Context, option: click.Parameter, value: str) -> Address:
    """``ADDRESS:PORT``."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]\s]+)):([0-9]{1,5})", value)
    if found is None or int(found[3]) > _LAST_PORT:
        wanted = tr("应为 地址:端口，例如 127.0.0.1:8443", "ADDRESS:PORT, as 127.0.0.1:8443")
        raise click.BadParameter(wanted, context, option)
    return found[1] or found[2], int(found[3])


def wait_while(server: Serving) -> None:
    """Until the server ends of itself, which it does not do, or somebody interrupts."""
    never = threading.Event()
    while server.runs:
        never.wait(_LOOK)


@contextmanager
def until_stopped() -> Iterator[None]:
    """Ctrl-C or SIGTERM ends the block, and what is behind it goes on."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
