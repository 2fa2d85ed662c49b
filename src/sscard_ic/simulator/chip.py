"""The chip: power and resets, T=0 answers, and the way of a command to its application."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from sscard_ic.apdu import ApduError, Command
from sscard_ic.base import CardError, Text
from sscard_ic.profile.dialect import Features
from sscard_ic.simulator.application import Application, Refusal
from sscard_ic.simulator.card import CardLost, Interface
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.silicon import Challenge, Identity

_SELECT, _GET_RESPONSE = 0xA4, 0xC0
_GET_CHALLENGE = 0x84
_BY_NAME, _BY_FID = 0x04, 0x00
_FIRST, _NEXT = 0x00, 0x02
_MF = b"\x3f\x00"
_OK = b"\x90\x00"
_NOT_FOUND, _CLOSED = 0x6A82, 0x6A81
_SHORT_MAX = 256
_HEADER_ONLY = 5
"""Bytes of a command without data: such commands repeat and carry no secret."""

_parse_header_only = lru_cache(maxsize=1024)(Command.parse)


class Chip:
    """A virtual card chip.

    ``applications[0]`` is the file system: current after a reset, and it owns the MF. ``restore``
    makes all applications read the memory anew. ``interface`` is the face that the reader talks
    to: it decides on ATR and protocol. ``environments`` are directories below the MF that belong
    to other applications: file identifier → name. ``claimed`` answers who is asked for a name
    before the current application is. While ``closed`` answers true the chip selects nothing, and
    6A81 is all that it says after a reset. ``delivered`` learns that an
    answer goes out whole, before the memory keeps what it changed. Not safe for use from several
    threads at once, like a chip in a reader.
    """

    __slots__ = (
        "_applications",
        "_atr",
        "_challenge",
        "_challenge_lives",
        "_claimed",
        "_closed",
        "_current",
        "_delivered",
        "_environments",
        "_exact_le",
        "_identity",
        "_interface",
        "_memory",
        "_powered",
        "_restore",
        "_t0",
        "_waiting",
    )

    def __init__(
        self,
        memory: Memory,
        applications: Sequence[Application],
        identity: Identity,
        challenge: Challenge,
        features: Features,
        challenge_life: Literal["until_used", "next_command"],
        restore: Callable[[], None],
        interface: Interface = "contact",
        environments: Mapping[bytes, bytes] | None = None,
        claimed: Callable[[bytes], Application | None] = lambda name: None,
        closed: Callable[[], bool] = lambda: False,
        delivered: Callable[[], None] = lambda: None,
    ) -> None:
        self._memory = memory
        self._applications = tuple(applications)
        self._current = self._applications[0]
        self._environments = environments or {}
        self._claimed = claimed
        self._closed = closed
        self._delivered = delivered
        self._identity = identity
        self._challenge = challenge
        self._challenge_lives = challenge_life == "until_used"
        self._interface = interface
        self._t0 = features.protocol == "T=0" and interface == "contact"
        self._exact_le = features.wrong_le == "6Cxx"
        self._restore = restore
        self._atr = self._answer_to_reset()
        self._powered = False
        self._waiting = b""

    @property
    def atr(self) -> bytes:
        """The ATR of the last reset; before the first one, that of the coming one."""
        return self._atr

    @property
    def protocol(self) -> Literal["T=0", "T=1"]:
        """Transmission protocol that the chip speaks; readers show T=CL as T=1."""
        return "T=0" if self._t0 else "T=1"

    @property
    def powered(self) -> bool:
        """Whether the chip has power."""
        return self._powered

    @property
    def writes(self) -> int:
        """Number of commands so far that changed the persistent memory."""
        return self._memory.writes

    def power_on(self) -> bytes:
        """Apply power; the ATR."""
        return self.reset(cold=True)

    def power_off(self) -> None:
        """Take power away; everything volatile is gone."""
        self._clear()
        self._powered = False

    def reset(self, cold: bool) -> bytes:
        """Cold or warm reset, both forget everything volatile; the ATR."""
        self._clear()
        self._powered = True
        self._atr = self._answer_to_reset()
        return self._atr

    def close(self) -> None:
        """Take power away and let go of the image file."""
        self.power_off()
        self._memory.close()

    def persistent_state(self) -> dict[str, object]:
        """What the non-volatile memory holds: path → hex digits or number.

        Paths ending in ``/tries`` are counters.
        """
        return dict(self._memory.states)

    def transmit(self, raw: bytes) -> bytes:
        """Answer one command APDU: data and status word, whatever ``raw`` is.

        Everything the command changed is in the image before this returns. Raises
        :class:`CardError` without power and :class:`InputError` when the image cannot be written.
        """
        if not self._powered:
            raise CardError(
                Text("卡没有上电", "the card has no power"),
                hint=Text("请先上电或复位", "power it on or reset it first"),
            )
        try:
            command = _parse_header_only(raw) if len(raw) == _HEADER_ONLY else _parse(raw)
        except ApduError:
            self._waiting = b""
            self._current.pass_over()
            return b"\x67\x00"
        if command.ins == _GET_RESPONSE:
            return self._get_response(command)
        self._waiting = b""
        try:
            data = self._route(command)
        except Refusal as refusal:
            answer = refusal.sw.to_bytes(2, "big")
            if refusal.data:
                answer = self._warn(command, refusal.data) + answer
        else:
            answer = self._answer(command, data) if data else _OK
            if answer == data + _OK:
                self._delivered()
        if not self._challenge_lives and command.ins != _GET_CHALLENGE:
            self._challenge.void()
        self._memory.commit()
        return answer

    def transmit_torn(self, raw: bytes) -> bytes:
        """Like :meth:`transmit`, but the power fails before a change reaches the memory.

        Raises :class:`CardLost` then: the memory is as it was, and the chip has no power.
        """
        try:
            with self._memory.torn():
                return self.transmit(raw)
        except CardLost:
            self._restore()
            self.power_off()
            raise

    def _answer_to_reset(self) -> bytes:
        if self._interface == "contactless":
            return self._identity.contactless_atr()
        return self._identity.atr()

    def _clear(self) -> None:
        self._waiting = b""
        self._challenge.void()
        self._current = self._applications[0]
        for application in self._applications:
            application.reset()

    def _route(self, command: Command) -> bytes:
        selecting = command.ins == _SELECT and command.cla == 0x00
        if self._closed() and (selecting or self._current is self._applications[0]):
            raise Refusal(_CLOSED)
        if selecting:
            if command.p1 == _BY_NAME:
                self._current.pass_over()
                return self._select_name(command)
            if command.p1 == _BY_FID and command.data in (b"", _MF):
                self._current.pass_over()
                home = self._applications[0]
                answer = home.process(command)
                self._switch(home)
                return answer
            if command.p1 == _BY_FID and command.data in self._environments:
                return self._select_environment(command)
        return self._current.process(command)

    def _select_environment(self, command: Command) -> bytes:
        """SELECT by an identifier that another application has below the MF, too."""
        try:
            return self._current.process(command)
        except Refusal as refusal:
            if refusal.sw != _NOT_FOUND:
                raise
        return self._select_name(
            Command(0x00, _SELECT, _BY_NAME, _FIRST, self._environments[command.data])
        )

    def _select_name(self, command: Command) -> bytes:
        name = command.data
        if command.p2 not in (_FIRST, _NEXT):
            raise Refusal(0x6A86)
        following = command.p2 == _NEXT
        owner = None if following else self._claimed(name)
        if owner is not None and owner is not self._current:
            answer = self._enter(owner, name)
        else:
            answer = self._current.select(name, following) if name else None
        if answer is not None:
            return answer
        others = [each for each in self._applications if each is not self._current]
        if following:
            place = self._applications.index(self._current)
            others = list(self._applications[place + 1 :])
        for application in others:
            answer = self._enter(application, name) if name else None
            if answer is not None:
                return answer
        raise Refusal(_NOT_FOUND)

    def _enter(self, application: Application, name: bytes) -> bytes | None:
        """SELECT in another application, current afterwards where it answers: a warning, too."""
        try:
            answer = application.select(name, following=False)
        except Refusal as refusal:
            if refusal.data:
                self._switch(application)
            raise
        if answer is not None:
            self._switch(application)
        return answer

    def _switch(self, application: Application) -> None:
        """The firewall: what was proved to one application means nothing to another."""
        if application is not self._current:
            self._current.deselect()
            self._challenge.void()
            self._current = application

    def _answer(self, command: Command, data: bytes) -> bytes:
        """Data the way the protocol carries it (ISO/IEC 7816-3 §12, ref 02 §1.2)."""
        le = command.le
        outgoing = le is not None and not command.data and command.ins != _SELECT
        if self._t0 and not outgoing:
            return self._hold(data)
        if le is None or le == len(data):
            return data + _OK
        if not outgoing or not self._exact_le or (le == _SHORT_MAX and not self._t0):
            return data[:le] + _OK
        return bytes((0x6C, len(data) & 0xFF))

    def _warn(self, command: Command, data: bytes) -> bytes:
        """Data that go with a warning; at T=0 they wait for GET RESPONSE."""
        if self._t0:
            self._waiting = data
            return b""
        return b"" if command.le is None else data[: command.le]

    def _hold(self, data: bytes) -> bytes:
        self._waiting = data
        return bytes((0x61, min(len(data), _SHORT_MAX) & 0xFF))

    def _get_response(self, command: Command) -> bytes:
        """GET RESPONSE: the waiting data; 61xx while some are left, 6985 when none are."""
        if command.cla != 0x00:
            self._current.pass_over()
            return b"\x6e\x00"
        if command.p1 or command.p2:
            return b"\x6a\x86"
        if command.data or command.le is None:
            return b"\x67\x00"
        waiting = self._waiting
        if not waiting:
            return b"\x69\x85"
        if command.le > len(waiting) and self._exact_le:
            return bytes((0x6C, len(waiting) & 0xFF))
        rest = waiting[command.le :]
        self._waiting = rest
        return waiting[: command.le] + (self._hold(rest) if rest else _OK)


def _parse(raw: bytes) -> Command:
    """A short command; the card knows no extended lengths."""
    if len(raw) > _HEADER_ONLY and raw[4] == 0:
        raise ApduError("extended length")
    return Command.parse(raw)
