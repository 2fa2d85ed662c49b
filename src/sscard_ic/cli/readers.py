"""The ``--reader`` option and the session behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from sscard_ic.reader import Connection, open_connection, open_session
from sscard_ic.reader.opening import ENVIRONMENT, reader_spec

F = TypeVar("F", bound=Callable[..., Any])


def reader_option(command: F) -> F:
    """Adds ``--reader``."""
    return click.option(
        "--reader",
        metavar="READER",
        help=f"Card 读写器: virtual:FILE, virtual:new:PROFILE; else {ENVIRONMENT}.",
    )(command)


def deck_option(command: F) -> F:
    """Adds ``--reader`` for commands through which many cards pass."""
    return click.option(
        "--reader",
        metavar="READER",
        help=f"Deck 一叠卡: virtual:dir:DIR, virtual:new:PROFILE; else {ENVIRONMENT}.",
    )(command)


@contextmanager
def session(reader: str | None, *, plain: bool = False) -> Iterator[Connection]:
    """The card of ``--reader``; ``plain`` leaves out the handling of 61xx and 6Cxx."""
    connection = open_connection(reader_spec(reader))
    try:
        yield connection if plain else open_session(connection)
    finally:
        connection.close()
