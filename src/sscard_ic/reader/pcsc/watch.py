"""Questions about readers, to a service that may stop, come back, or not answer at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sscard_ic.reader.pcsc.binding import E_NO_SERVICE, E_UNKNOWN_READER, Context, Scard, ScardError
from sscard_ic.reader.pcsc.worker import TookTooLong, Worker

T = TypeVar("T")

_PATIENCE = 5.0
"""Seconds that the service may take for an answer, beside those it is asked to wait."""


class Watch:
    """A context in a thread of its own, made when it is needed, and anew after it failed.

    For one thread at a time. A card that hangs can stop the whole service; whoever asks then is
    told that it does not run, and can still be interrupted.
    """

    def __init__(self, scard: Scard) -> None:
        self._scard = scard
        self._session: _Session | None = None

    def ask(self, question: Callable[[Context], T], wait: float = 0.0) -> T:
        """The answer of a question that may wait ``wait`` seconds; raises :class:`ScardError`."""
        session = self._session = self._session or _Session(self._scard)
        try:
            return session.worker.call(lambda: question(session.context()), wait + _PATIENCE)
        except TookTooLong:
            self.drop()
            raise ScardError(E_NO_SERVICE) from None
        except BaseException as error:
            if not (isinstance(error, ScardError) and error.code == E_UNKNOWN_READER):
                self.drop()
            raise

    def drop(self) -> None:
        """End the conversation, when there is one; returns at once."""
        session, self._session = self._session, None
        if session is not None:
            session.worker.end(session.release)


class _Session:
    """One context; all but the constructor happens in the worker's thread."""

    def __init__(self, scard: Scard) -> None:
        self.worker = Worker()
        self._scard = scard
        self._context: Context | None = None

    def context(self) -> Context:
        self._context = self._context or Context(self._scard)
        return self._context

    def release(self) -> None:
        if self._context is not None:
            self._context.release()
