"""A virtual card with faults on order around another virtual card."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from typing import Literal, NoReturn

from sscard_ic.base import InputError, Text
from sscard_ic.simulator.card import CardLost, Loss, VirtualCard
from sscard_ic.simulator.chip import Chip
from sscard_ic.simulator.fault_file import FaultFile, Signature
from sscard_ic.simulator.faults import TORN, Fault, FaultKind


class _Order:
    """A fault on order: what is left of it, and what goes well before it strikes."""

    __slots__ = ("fault", "id", "wait")

    def __init__(self, fault: Fault, id_: str = "") -> None:
        self.fault = fault
        self.id = id_
        """Its name in the file beside the image; empty for one that is in no file."""
        self.wait = fault.after


class FaultyCard:
    """A card to which happens what is on order; between the orders it is ``card`` itself.

    ``faults`` and those of :meth:`order` are counted from there on; those in ``file`` from the
    power-up or exchange that first sees them. Of several orders of one kind the older one strikes
    first, and an exchange that a fault takes away is none for the others. After a loss everything
    but a power-up raises :class:`CardLost`. ``sleep`` waits so many seconds, ``choose`` draws a
    number below another one. Raises :class:`InputError` for a torn write on a card whose writes
    cannot be seen, and :class:`FaultFileError` while the file cannot be read.
    """

    def __init__(
        self,
        card: VirtualCard,
        faults: Iterable[Fault] = (),
        *,
        file: FaultFile | None = None,
        sleep: Callable[[float], None] = time.sleep,
        choose: Callable[[int], int] = random.randrange,
    ) -> None:
        self._card = card
        self._file = file
        self._sleep = sleep
        self._choose = choose
        self._orders: list[_Order] = []
        self._seen: Signature | None = None
        self._loss: Loss | None = None
        for fault in faults:
            self.order(fault)

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

    @property
    def pending(self) -> tuple[Fault, ...]:
        """What is left of the orders."""
        return tuple(order.fault for order in self._orders)

    def order(self, fault: Fault) -> None:
        """Add a fault, counted from now on; also while the card is in use."""
        self._add(_Order(fault))

    def power_on(self) -> bytes:
        """Apply power; the ATR. Ends a loss, as if the card was put in again."""
        self._before_reset()
        return self._card.power_on()

    def power_off(self) -> None:
        """Take power away; everything volatile is gone."""
        self._card.power_off()

    def reset(self, cold: bool) -> bytes:
        """Cold or warm reset; the ATR. Only a cold one ends a loss."""
        if not cold:
            self._require_answer()
        self._before_reset()
        return self._card.reset(cold)

    def close(self) -> None:
        """Take power away and let go of the image file."""
        self._card.close()

    def transmit(self, raw: bytes) -> bytes:
        """Data and status word, or what is on order instead."""
        self._require_answer()
        self._look()
        if not self._orders or not self._card.powered:
            return self._card.transmit(raw)
        due = self._due()
        answer = self._without_card(due)
        wrote = False
        if answer is None:
            answer, wrote = self._with_card(raw, due)
        if (order := due.get("bit-error")) is not None:
            answer = self._flipped(order, answer)
        for order in tuple(self._orders):
            kind = order.fault.kind
            if order.wait and kind != "mute-reset" and (wrote or kind not in TORN):
                order.wait -= 1
        return answer

    def _add(self, order: _Order) -> None:
        if order.fault.kind in TORN and not isinstance(self._card, Chip):
            raise InputError(
                Text("看不到此卡的写入", "the writes of this card cannot be seen"),
                where=order.fault.kind,
                hint=Text(
                    "此故障只用于芯片（Chip）本身", "order this fault for a Chip itself only"
                ),
            )
        self._orders.append(order)

    def _require_answer(self) -> None:
        if self._loss is not None:
            raise CardLost(self._loss)

    def _before_reset(self) -> None:
        self._look()
        order = self._due().get("mute-reset")
        if order is not None:
            self._lose(order, "mute")
        self._loss = None
        for each in tuple(self._orders):
            if each.wait and each.fault.kind == "mute-reset":
                each.wait -= 1

    def _look(self) -> None:
        """Take over what has changed in the file."""
        if self._file is None:
            return
        signature = self._file.signature()
        if signature == self._seen:
            return
        ordered = self._file.read()
        for order in tuple(self._orders):
            if order.id and ordered.get(order.id) == order.fault:
                del ordered[order.id]
            elif order.id:
                self._orders.remove(order)
        for id_, fault in ordered.items():
            self._add(_Order(fault, id_))
        self._seen = signature

    def _due(self) -> dict[FaultKind, _Order]:
        """The oldest order of each kind that strikes now."""
        due: dict[FaultKind, _Order] = {}
        for order in tuple(self._orders):
            if not order.wait:
                due.setdefault(order.fault.kind, order)
        return due

    def _without_card(self, due: dict[FaultKind, _Order]) -> bytes | None:
        """What happens before the card has the command; an answer when it does not get it."""
        if (order := due.get("slow")) is not None:
            assert order.fault.milliseconds is not None
            self._strike(order)
            self._sleep(order.fault.milliseconds / 1000)
        if (order := due.get("removed")) is not None:
            self._lose(order, "removed")
        if (order := due.get("mute")) is not None:
            self._lose(order, "mute")
        if (order := due.get("reset")) is not None:
            self._strike(order)
            self._card.reset(cold=False)
        if (order := due.get("status")) is not None:
            assert order.fault.status is not None
            self._strike(order)
            return order.fault.status.to_bytes(2, "big")
        return None

    def _with_card(self, raw: bytes, due: dict[FaultKind, _Order]) -> tuple[bytes, bool]:
        """The answer, and whether the card wrote."""
        chip = self._card
        if not isinstance(chip, Chip):
            return chip.transmit(raw), False
        writes = chip.writes
        if (order := due.get("torn-before")) is not None:
            try:
                answer = chip.transmit_torn(raw)
            except CardLost:
                self._lose(order, "torn")
        else:
            answer = chip.transmit(raw)
        wrote = chip.writes != writes
        if wrote and (order := due.get("torn-after")) is not None:
            self._lose(order, "torn")
        return answer, wrote

    def _flipped(self, order: _Order, answer: bytes) -> bytes:
        bits = 8 * len(answer)
        bit = self._choose(bits) if order.fault.bit is None else order.fault.bit
        if bit >= bits:
            return answer
        self._strike(order)
        wrong = bytearray(answer)
        wrong[bit // 8] ^= 0x80 >> bit % 8
        return bytes(wrong)

    def _lose(self, order: _Order, loss: Loss) -> NoReturn:
        self._card.power_off()
        self._loss = loss
        self._strike(order)
        raise CardLost(loss)

    def _strike(self, order: _Order) -> None:
        """Take one strike off an order, in the file as well."""
        before, left = order.fault, order.fault.struck()
        if left is None:
            self._orders.remove(order)
        else:
            order.fault = left
        if order.id and left != before:
            assert self._file is not None
            self._file.settle(order.id, left)
