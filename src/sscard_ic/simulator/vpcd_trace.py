"""What foreign programs send to a virtual card, as a trace (docs/trace-format.md)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TextIO

from sscard_ic.apdu import StatusWord, trace
from sscard_ic.apdu.redaction import Redactor, redact_atr
from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.simulator.card import CardLost, Loss, VirtualCard

_KINDS: dict[Loss, str] = {"removed": "removed", "torn": "removed", "mute": "mute"}
"""What a reader would report."""


class TracedCard:
    """A card around another one that writes each power-up in which a command comes to ``out``.

    Secrets and personal data are left out. What a service does by itself, powering a card up and
    down to see what it is, is not written. A stream is for cards of one slot.
    """

    def __init__(
        self,
        card: VirtualCard,
        out: TextIO,
        *,
        name: str = "",
        clock: Clock | None = None,
        timer: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._card = card
        self._out = out
        self._name = name
        self._clock = clock or SystemClock()
        self._timer = timer
        self._redactor = Redactor()
        self._power_up = ""
        self._open = False

    @property
    def atr(self) -> bytes:
        """The ATR of the last reset; before the first one, that of the coming one."""
        return self._card.atr

    @property
    def protocol(self) -> Literal["T=0", "T=1"]:
        """Transmission protocol that the card speaks."""
        return self._card.protocol

    @property
    def powered(self) -> bool:
        """Whether the card has power."""
        return self._card.powered

    def power_on(self) -> bytes:
        """Apply power; the ATR."""
        self._end()
        self._power_up = ""
        atr = self._card.power_on()
        self._begin(atr)
        return atr

    def power_off(self) -> None:
        """Take power away; the session ends."""
        self._end()
        self._card.power_off()

    def reset(self, cold: bool) -> bytes:
        """Cold or warm reset; the ATR."""
        start = self._timer()
        try:
            atr = self._card.reset(cold)
        except CardLost as lost:
            if self._open:
                self._write(trace.reset_line(cold) + self._no_answer(lost, start))
            raise
        if self._open:
            self._write(trace.reset_line(cold, redact_atr(atr)))
        else:
            self._begin(atr)
        return atr

    def transmit(self, raw: bytes) -> bytes:
        """One exchange, written down."""
        if not self._open:
            self._open = True
            self._write(self._power_up)
        self._write(trace.command_line(self._redactor.command(raw)))
        start = self._timer()
        try:
            answer = self._card.transmit(raw)
        except CardLost as lost:
            self._write(self._no_answer(lost, start))
            raise
        took = self._since(start)
        data = self._redactor.answer(answer[:-2])
        sw = StatusWord(int.from_bytes(answer[-2:], "big"))
        self._write(trace.answer_line(trace.Answer(data, sw, took)))
        return answer

    def close(self) -> None:
        """End the session and let go of the card."""
        self._end()
        self._card.close()

    def _begin(self, atr: bytes) -> None:
        """What is written when the first command comes."""
        self._redactor = Redactor()
        opened = trace.Opened(
            reader=self._name,
            started=f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
            protocol=self.protocol,
        )
        self._power_up = trace.opening_lines(opened) + trace.reset_line(True, redact_atr(atr))

    def _end(self) -> None:
        if self._open:
            self._open = False
            self._write(trace.CLOSED_LINE)

    def _no_answer(self, lost: CardLost, start: int) -> str:
        failure = trace.NoAnswer(_KINDS[lost.loss], self._since(start))
        return trace.no_answer_line(failure)

    def _since(self, start: int) -> int:
        return (self._timer() - start) // 1000

    def _write(self, lines: str) -> None:
        self._out.write(lines)
        self._out.flush()
