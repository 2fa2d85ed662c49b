"""The ``--reader`` option and the session behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import say
from sscard_ic.reader import Connection, open_connection, open_session
from sscard_ic.reader.opening import ENVIRONMENT
from sscard_ic.reader.pcsc import Access, PcscConnection, ProtocolChoice, transaction
from sscard_ic.reader.pcsc.transaction import noted
from sscard_ic.reader.replay import ReplayConnection
from sscard_ic.reader.trace import traced

F = TypeVar("F", bound=Callable[..., Any])

TRACE = "sscard.trace"
"""Where the root context keeps the stream, or the recording, that sessions are written to."""


def reader_option(command: F) -> F:
    """Adds ``--reader``."""
    return click.option(
        "--reader",
        metavar="READER",
        help="Card 读写器: name, part of it or number; virtual:FILE, virtual:new:PROFILE, "
        f"replay:FILE; else {ENVIRONMENT}, else the only one.",
    )(command)


_PROTOCOLS: dict[str | None, ProtocolChoice] = {None: "any", "t0": "T=0", "t1": "T=1"}


def _protocol(
    context: click.Context, parameter: click.Parameter, chosen: str | None
) -> ProtocolChoice:
    return _PROTOCOLS[chosen]


def protocol_option(command: F) -> F:
    """Adds ``--protocol``, as :data:`ProtocolChoice`."""
    return click.option(
        "--protocol",
        type=click.Choice(["t0", "t1"]),
        callback=_protocol,
        help="Transmission protocol 传输协议; what card and reader agree on when left out.",
    )(command)


_GUESSED = Text(
    "此记录已脱敏：隐藏的数据按 00 给出，显示的内容不是卡上的内容",
    "This recording is redacted: hidden data are given as 00 and are not what the card holds.",
)


@contextmanager
def session(
    reader: str | None,
    *,
    plain: bool = False,
    access: Access = "shared",
    protocol: ProtocolChoice = "any",
    psam: str | None = None,
) -> Iterator[Connection]:
    """The card of ``--reader``, which no other program reaches until the scope is left.

    ``plain`` leaves out the handling of 61xx and 6Cxx. ``exclusive`` access is for commands that
    write; others share the reader and hold one transaction. ``psam`` is the full name of a reader
    that has the PSAM. Nobody may be asked anything inside.
    """
    context = click.get_current_context(silent=True)
    trace = context.find_root().meta.get(TRACE) if context else None
    connection = driver = open_connection(reader, access=access, protocol=protocol, psam=psam)
    if isinstance(driver, ReplayConnection) and driver.tolerant and driver.hidden:
        say(_GUESSED)
    try:
        # The name of an image would tell which card it is.
        name = driver.name if isinstance(driver, PcscConnection) else ""
        if plain:
            connection = traced(driver, trace, name)
        else:
            connection = open_session(driver, trace=trace, reader=name)
        with transaction(driver), noted(), closing(connection):  # no other program before the reset
            yield connection
    finally:
        connection.close()
