"""Calls that may never come back, made so that the caller does."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")

_SLICE = 0.5
"""Seconds after which a wait goes on, unless a person has interrupted it."""

_Jobs = SimpleQueue[Callable[[], object]]

_idle: deque[_Jobs] = deque()
"""Threads without a caller: where machines are busy, a new one waits long for its first turn."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads do not come along


class TookTooLong(Exception):
    """The call has not come back; it still may, and then the worker's last words follow it."""


class Worker:
    """A thread that makes calls one after the other, for one caller.

    A call that did not come back in time is still under way: nothing but :meth:`end` makes sense
    then, whose last words are said when the call comes back at last.
    """

    def __init__(self) -> None:
        try:
            self._jobs = _idle.pop()
        except IndexError:
            self._jobs = SimpleQueue()
            # A daemon: a call that never comes back does not hold up the end of the program.
            threading.Thread(target=_work, args=(self._jobs,), name="pcsc", daemon=True).start()

    def call(self, function: Callable[[], T], patience: float) -> T:
        """What ``function`` returns or raises; :class:`TookTooLong` after ``patience`` seconds."""
        outcome: SimpleQueue[BaseException | None] = SimpleQueue()
        result: list[T] = []

        def job() -> None:
            try:
                result.append(function())
            except BaseException as error:
                outcome.put(error)
            else:
                outcome.put(None)

        self._jobs.put(job)
        error = _wait(outcome, patience)
        if error is not None:
            raise error
        return result[0]

    def end(self, last_words: Callable[[], object] | None = None) -> None:
        """No more calls; returns at once. ``last_words`` are called in the worker's thread."""
        jobs = self._jobs
        if last_words is not None:
            jobs.put(last_words)
        jobs.put(lambda: _idle.append(jobs))


def _wait(outcome: SimpleQueue[T], patience: float) -> T:
    """What comes; a person's interruption, which a wait may miss just as it begins, counts soon."""
    deadline = time.monotonic() + patience
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            return outcome.get(timeout=min(left, _SLICE))
        except Empty:
            if left <= _SLICE:
                raise TookTooLong from None


def _work(jobs: _Jobs) -> None:
    while True:
        jobs.get()()
