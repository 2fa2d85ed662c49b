"""Records what goes over the wire as a trace (docs/trace-format.md), without secrets by default."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import TextIO

from sscard_ic.apdu import StatusWord, trace
from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.redaction import Redactor, redact_atr
from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.reader.connection import Connection
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.wrappers import Wrapper

OTHER = "other"
"""Kind of an error that no reader caused: an interruption, a fault of the program."""


class TraceWriter(Wrapper):
    """Writes one session to ``out``, each line as soon as it is known.

    ``with_secrets`` writes everything in clear: PINs, keys and personal data. Streams are not
    shared between threads.
    """

    def __init__(
        self,
        inner: Connection,
        out: TextIO,
        *,
        reader: str = "",
        with_secrets: bool = False,
        clock: Clock | None = None,
        timer: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        super().__init__(inner)
        self.exchanges = 0
        self._out = out
        self._redactor = None if with_secrets else Redactor()
        self._timer = timer
        self._closed = False
        opened = trace.Opened(
            reader=reader,
            started=f"{(clock or SystemClock()).now():%Y-%m-%dT%H:%M:%SZ}",
            protocol=inner.protocol,
            redacted=not with_secrets,
            program=_program(),
        )
        self._write(trace.opening_lines(opened))
        self._write(trace.reset_line(True, self._atr(inner.atr)))

    def transmit(self, command: Secretive) -> bytes:
        """One exchange, written down, also when it fails."""
        self._write(trace.command_line(self._command(command)))
        self.exchanges += 1
        start = self._timer()
        try:
            answer = self.inner.transmit(command)
        except BaseException as error:
            self._failed(error, start)
            raise
        took = self._since(start)
        if len(answer) < 2:
            self._write(f"# the answer had {len(answer)} bytes, no status word\n")
            self._write(trace.no_answer_line(trace.NoAnswer(ReaderError.kind, took)))
            return answer
        sw = StatusWord(int.from_bytes(answer[-2:], "big"))
        self._write(trace.answer_line(trace.Answer(self._data(answer[:-2]), sw, took)))
        return answer

    def reset(self, cold: bool) -> bytes:
        """A reset, written down, also when it fails."""
        start = self._timer()
        try:
            atr = self.inner.reset(cold)
        except BaseException as error:
            self._write(trace.reset_line(cold))
            self._failed(error, start)
            raise
        self._write(trace.reset_line(cold, self._atr(atr)))
        return atr

    def close(self) -> None:
        """Let the card go; the end of the session is written once."""
        try:
            if not self._closed:
                self._closed = True
                self._write(trace.CLOSED_LINE)
        finally:
            self.inner.close()

    def _command(self, command: Secretive) -> Masked:
        secret = isinstance(command, Secret)
        raw = command.reveal() if isinstance(command, Secret) else command
        if self._redactor is None:
            return Masked.of(raw)
        return self._redactor.command(raw, secret=secret)

    def _data(self, data: bytes) -> Masked:
        return Masked.of(data) if self._redactor is None else self._redactor.answer(data)

    def _atr(self, atr: bytes) -> Masked:
        return Masked.of(atr) if self._redactor is None else redact_atr(atr)

    def _failed(self, error: BaseException, start: int) -> None:
        kind = error.kind if isinstance(error, ReaderError) else OTHER
        self._write(trace.no_answer_line(trace.NoAnswer(kind, self._since(start))))

    def _since(self, start: int) -> int:
        return (self._timer() - start) // 1000

    def _write(self, lines: str) -> None:
        self._out.write(lines)
        # A program that is killed, or waits for ever, leaves everything up to its last command.
        self._out.flush()


class Recording:
    """Where the sessions of one command go; the file is opened when the first one begins."""

    def __init__(self, open_file: Callable[[], TextIO], *, with_secrets: bool = False) -> None:
        self._open_file = open_file
        self._with_secrets = with_secrets
        self._out: TextIO | None = None
        self._writers: list[TraceWriter] = []

    @property
    def sessions(self) -> int:
        """Sessions that were recorded."""
        return len(self._writers)

    @property
    def exchanges(self) -> int:
        """Exchanges that were recorded."""
        return sum(writer.exchanges for writer in self._writers)

    def of(self, connection: Connection, reader: str = "") -> TraceWriter:
        """``connection`` to the ``reader`` of that name, recorded from now on."""
        if self._out is None:
            self._out = self._open_file()
        writer = TraceWriter(connection, self._out, reader=reader, with_secrets=self._with_secrets)
        self._writers.append(writer)
        return writer

    def close(self) -> None:
        """Close the file."""
        if self._out is not None:
            self._out.close()


def traced(connection: Connection, out: TextIO | Recording | None, reader: str = "") -> Connection:
    """``connection`` to the ``reader`` of that name, recorded to ``out`` if there is one."""
    if out is None:
        return connection
    if isinstance(out, Recording):
        return out.of(connection, reader)
    return TraceWriter(connection, out, reader=reader)


@cache
def _program() -> str:
    return f"sscard-ic {metadata.version('sscard-ic')}"
