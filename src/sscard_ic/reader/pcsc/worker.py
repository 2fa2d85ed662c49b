"""Calls that may never come back, made so that the caller does."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class TookTooLong(Exception):
    """The call has not come back; it still may, and then the worker's last words follow it."""


class Worker:
    """A thread that makes calls one after the other, for one caller.

    A call that did not come back in time is still under way: nothing but :meth:`end` makes sense
    then, whose last words are said when the call comes back at last.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._outcomes: SimpleQueue[BaseException | None] = SimpleQueue()
        # Not by `threading`: that waits until the thread runs, a third of the price of connecting.
        # Like a daemon, it does not hold up the end of the program.
        _thread.start_new_thread(self._run, ())

    def call(self, function: Callable[[], T], patience: float) -> T:
        """What ``function`` returns or raises; :class:`TookTooLong` after ``patience`` seconds."""
        result: list[T] = []
        self._jobs.put(lambda: result.append(function()))
        try:
            error = self._outcomes.get(timeout=patience)
        except Empty:
            raise TookTooLong from None
        if error is not None:
            raise error
        return result[0]

    def end(self, last_words: Callable[[], object] | None = None) -> None:
        """No more calls; returns at once. ``last_words`` are called in the worker's thread."""
        if last_words is not None:
            self._jobs.put(last_words)
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException as error:
                self._outcomes.put(error)
            else:
                self._outcomes.put(None)
