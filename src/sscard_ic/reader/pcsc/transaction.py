"""Transactions: nobody else reaches the card meanwhile, and no person is asked anything meanwhile.

A program that waits for a person inside a transaction stops every other one, and Windows resets
the card after five seconds (ref 10 part B2 row 22). So each thread knows whether it is in one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sscard_ic.reader.connection import Connection

_scopes = threading.local()


def held() -> bool:
    """Whether this thread is inside a transaction."""
    return getattr(_scopes, "depth", 0) > 0


def assert_no_transaction() -> None:
    """Call it before a person is asked; raises ``RuntimeError``, since no person can mend it."""
    if held():
        raise RuntimeError("a person is asked while a transaction is held")


@contextmanager
def noted() -> Iterator[None]:
    """A transaction of this thread, for as long as the scope lasts."""
    _scopes.depth = getattr(_scopes, "depth", 0) + 1
    try:
        yield
    finally:
        _scopes.depth -= 1


def transaction(connection: Connection) -> AbstractContextManager[None]:
    """A transaction on the driver below ``connection``; nothing where the driver needs none."""
    layer: Any = connection
    while layer is not None:
        if hasattr(layer, "transaction"):
            scope: Callable[[], AbstractContextManager[None]] = layer.transaction
            return scope()
        layer = getattr(layer, "inner", None)
    return nullcontext()
