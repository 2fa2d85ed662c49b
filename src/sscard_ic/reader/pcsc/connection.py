"""A card in a PC/SC reader."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TypeVar

from sscard_ic.apdu import ApduError, Command
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.reader.connection import TransmissionProtocol
from sscard_ic.reader.errors import CardRemoved, MuteCard, NoReader, NoService, ReaderError
from sscard_ic.reader.pcsc import binding
from sscard_ic.reader.pcsc.binding import (
    Context,
    Scard,
    ScardError,
    check,
    keep_context,
    load_scard,
    spare_context,
    unsigned,
)
from sscard_ic.reader.pcsc.failures import busy, failure, service_silent
from sscard_ic.reader.pcsc.holders import holders
from sscard_ic.reader.pcsc.transaction import noted
from sscard_ic.reader.pcsc.worker import TookTooLong, Worker

Access = Literal["exclusive", "shared"]
ProtocolChoice = Literal["any", "T=0", "T=1"]

PATIENCE = 5.0
"""Seconds that another program may keep the reader before it is told to be busy."""

_T = TypeVar("_T")

_SHARES = {"exclusive": binding.SHARE_EXCLUSIVE, "shared": binding.SHARE_SHARED}
_PROTOCOLS = {
    "any": binding.PROTOCOL_T0 | binding.PROTOCOL_T1,
    "T=0": binding.PROTOCOL_T0,
    "T=1": binding.PROTOCOL_T1,
}
_NAMES: dict[int, TransmissionProtocol] = {binding.PROTOCOL_T0: "T=0", binding.PROTOCOL_T1: "T=1"}

_BUSY_PAUSE = 0.05
"""Seconds after which a reader that was busy is tried again."""

_POWER_UP = 2.0
"""Seconds that a card may take until it has power and has given its ATR."""

_NOTICE = 1.0
"""Seconds within which the service finds out that a card has left: it looks every 0.4 s."""

_SERVED_WITHIN = 0.5
"""Seconds within which a service that is well takes another client."""

_SHORTEST_ANSWER = 2

_CONTEXT_DEAD = frozenset(
    (
        binding.E_INVALID_HANDLE,
        binding.F_COMM_ERROR,
        binding.E_NO_SERVICE,
        binding.E_SERVICE_STOPPED,
    )
)
"""What a context says that was made before the service was started anew."""

_UNCLEAR = frozenset(
    (
        binding.F_COMM_ERROR,
        binding.E_NOT_TRANSACTED,
        binding.E_COMM_DATA_LOST,
        binding.W_UNPOWERED_CARD,
        binding.E_INVALID_HANDLE,
        binding.W_SECURITY_VIOLATION,
    )
)
"""What is said both when the card is silent and when card, reader or service are gone.

The last one, which stands for a refused user, is also what an exchange gives in which pcscd was
killed [measured, pcsc-lite 1.9.9].
"""


def open_pcsc(
    reader_name: str,
    *,
    access: Access = "exclusive",
    protocol: ProtocolChoice = "any",
    patience: float = PATIENCE,
    scard: Scard | None = None,
) -> PcscConnection:
    """The card in the reader with exactly this name.

    ``exclusive``: no other program reaches the card, and it starts from a reset. ``shared``: it
    is as other programs left it, and they can come in between unless a
    :meth:`~PcscConnection.transaction` is held. Another program is waited for ``patience``
    seconds. Raises every :class:`ReaderError` of the taxonomy.
    """
    connection = PcscConnection(scard or load_scard(), reader_name, access, protocol, patience)
    connection.open()
    return connection


class PcscConnection:
    """A powered card; for one thread. Made by :func:`open_pcsc`.

    Once the card, the reader or the service is gone, every call says so, until it is opened anew.
    How long a card may take for its answer is the reader's business: PC/SC has no time limit.
    """

    def __init__(
        self,
        scard: Scard,
        reader_name: str,
        access: Access,
        protocol: ProtocolChoice,
        patience: float,
    ) -> None:
        self.name = reader_name
        self._scard = scard
        self._exclusive = access == "exclusive"
        self._share = _SHARES[access]
        self._protocols = _PROTOCOLS[protocol]
        self._patience = patience
        self._context: Context | None = None
        self._card = 0
        self._atr = b""
        self._lost: ReaderError | None = None
        self._closed = False
        self._given_up = False
        self._mute = False
        self._used = False
        self._inside = False
        self._worker = Worker()

    @property
    def atr(self) -> bytes:
        """Answer to the last reset."""
        return self._atr

    @property
    def protocol(self) -> TransmissionProtocol:
        """Transmission protocol in use."""
        return _NAMES[self._protocols]

    @property
    def lost(self) -> bool:
        """Whether card, reader or service are gone."""
        return self._lost is not None

    def open(self) -> None:
        """Connect; used by :func:`open_pcsc`."""
        try:
            self._behind_others(self._connect, self._patience + _POWER_UP)
        except ScardError as error:
            failed = self._failure(error.code, notice=0.0)
            self._worker.end(self._let_go_and_release)
            raise failed from None

    def transmit(self, command: Secretive) -> bytes:
        """One exchange.

        Raises :class:`InputError`, and sends nothing, for what is shorter than 4 bytes or whose
        lengths disagree: a reader can wait for ever for the rest of it (ref 09 §1.4).
        """
        raw = command.reveal() if isinstance(command, Secret) else command
        _check_lengths(raw)
        if self._exclusive or self._inside:
            return self._exchange(raw)
        with self.transaction():
            return self._exchange(raw)

    def reset(self, cold: bool) -> bytes:
        """Reset the card, with power off and on when ``cold``; the new ATR, the same protocol."""
        self._require()
        kind = binding.UNPOWER_CARD if cold else binding.RESET_CARD
        try:
            if self._exclusive or self._inside:
                self._power_up(kind)
            else:
                self._behind_others(lambda: self._power_up(kind), self._patience + _POWER_UP)
        except ScardError as error:
            failed = self._failure(error.code)
            self._mute = isinstance(failed, MuteCard)
            raise failed from None
        self._mute = False
        return self._atr

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """No other program reaches the card until the scope is left, in whatever way.

        Raises :class:`ReaderBusy` when another program's transaction does not end in time; the
        connection is lost then. An exclusive connection, or an inner scope, needs nothing.
        """
        if self._exclusive or self._inside:
            yield
            return
        self._begin()
        self._inside = True
        try:
            with noted():
                yield
        finally:
            self._inside = False
            if self._card:
                # Where the card is gone or was reset this fails, which the next exchange tells.
                self._scard.SCardEndTransaction(self._card, binding.LEAVE_CARD)

    def close(self) -> None:
        """Let the card go, and leave nobody what was proved to it. Never raises.

        Exclusive: without power. Shared: reset, when anything was sent to it; where that was in a
        :meth:`transaction`, close inside it, or others can come to the card before the reset.
        """
        if self._closed or self._given_up:
            return
        self._closed = True
        try:
            if self._exclusive or self._inside:
                self._let_go()
            else:
                # Another program's transaction is waited for; if it lasts, in the worker's thread.
                with suppress(TookTooLong):
                    self._worker.call(self._let_go, self._patience)
        finally:
            self._worker.end(self._release)

    def _connect(self) -> None:
        spare = spare_context(self._scard)
        if spare is not None:
            try:
                self._connect_on(spare)
            except ScardError as error:
                if error.code not in _CONTEXT_DEAD:
                    raise
                self._context = None
                spare.release()
        if self._context is None:
            self._connect_on(Context(self._scard))
        if self._exclusive:
            self._power_up(binding.RESET_CARD)
        else:
            self._read_atr()

    def _connect_on(self, context: Context) -> None:
        self._context = context
        deadline = time.monotonic() + self._patience
        while not self._card:
            try:
                self._card, self._protocols = context.connect(
                    self.name, self._share, self._protocols
                )
            except ScardError as error:
                # Many programs look at a card that was just put in, and let it go at once.
                if error.code != binding.E_SHARING_VIOLATION or time.monotonic() >= deadline:
                    raise
                time.sleep(_BUSY_PAUSE)

    def _power_up(self, kind: int) -> None:
        code, active = self._scard.SCardReconnect(self._card, self._share, self._protocols, kind)
        check(code)
        self._protocols = active
        self._read_atr()

    def _read_atr(self) -> None:
        code, _, _, _, atr = self._scard.SCardStatus(self._card)
        check(code)
        self._atr = bytes(atr)

    def _exchange(self, raw: bytes) -> bytes:
        self._require()
        if self._mute:
            raise failure(binding.W_UNRESPONSIVE_CARD, self.name)
        self._used = True
        code, answer = self._scard.SCardTransmit(self._card, self._protocols, list(raw))
        if code or len(answer) < _SHORTEST_ANSWER:
            # A card that leaves in the middle makes an empty answer of a call that succeeds.
            raise self._failure(unsigned(code) or binding.E_NOT_TRANSACTED)
        return bytes(answer)

    def _begin(self) -> None:
        self._require()
        begin = self._scard.SCardBeginTransaction
        if code := self._behind_others(lambda: begin(self._card), self._patience):
            raise self._failure(unsigned(code))

    def _behind_others(self, call: Callable[[], _T], patience: float) -> _T:
        """Make a call that lasts as long as other programs please, but at most ``patience``."""
        try:
            return self._worker.call(call, patience)
        except ScardError:
            raise
        except TookTooLong:
            self._give_up(busy(self.name, holders()) if self._served() else service_silent())
        except BaseException:  # the person does not want to wait any longer
            self._give_up(busy(self.name, ()))
            raise
        raise self._again()

    def _give_up(self, why: ReaderError) -> None:
        """The call is still under way: leave it, and the card after it, to the worker."""
        self._lost = why
        self._given_up = True
        self._worker.end(self._let_go_and_release)

    def _served(self) -> bool:
        """Whether the service still answers; if not, it is not another program that is slow."""
        worker = Worker()
        try:
            worker.call(lambda: Context(self._scard).release(), _SERVED_WITHIN)
        except TookTooLong:
            return False
        except ScardError:
            return True
        finally:
            worker.end()
        return True

    def _let_go(self) -> None:
        if not self._card:
            return
        disposition = self._disposition
        # The service lets others in before a disconnection resets: in a transaction, its end does.
        reset_first = self._inside and disposition == binding.RESET_CARD
        if reset_first and not self._scard.SCardEndTransaction(self._card, disposition):
            disposition = binding.LEAVE_CARD
        code = self._scard.SCardDisconnect(self._card, disposition)
        self._card = 0
        # It fails where the card is gone already, and there is nothing to do then.
        if not code and self._lost is None and self._context is not None:
            keep_context(self._context)
            self._context = None

    def _release(self) -> None:
        if self._context is not None:
            self._context.release()
            self._context = None

    def _let_go_and_release(self) -> None:
        self._let_go()
        self._release()

    @property
    def _disposition(self) -> int:
        """What becomes of the card; one that is gone is left alone.

        pcscd would note the reader as empty before it has looked, and then not notice a card
        that is put in before it does [measured, pcsc-lite 1.9.9].
        """
        if isinstance(self._lost, CardRemoved):
            return binding.LEAVE_CARD
        if self._exclusive:
            return binding.UNPOWER_CARD
        return binding.RESET_CARD if self._used else binding.LEAVE_CARD

    def _require(self) -> None:
        if self._closed:
            raise ReaderError(
                Text("读写器连接已关闭", "the connection to the reader is closed"), where=self.name
            )
        if self._lost is not None:
            raise self._again()

    def _again(self) -> ReaderError:
        """The error by which the connection was lost, as a new one: each has its own traceback."""
        lost = self._lost
        assert lost is not None
        return type(lost)(lost.what, where=lost.where, hint=lost.hint)

    def _failure(self, code: int, notice: float = _NOTICE) -> ReaderError:
        if code in _UNCLEAR:
            code = self._clear_up(code, notice)
        elif code == binding.W_REMOVED_CARD and not self._card:
            # What Windows says when there is no card to connect to.
            code = binding.E_NO_SMARTCARD
        elif code == binding.W_RESET_CARD and self._exclusive:
            # Nobody else can have reset it: it was out, or had no power.
            code = binding.W_REMOVED_CARD
        if code == binding.E_SHARING_VIOLATION:
            return busy(self.name, holders())
        error = failure(code, self.name, self._scard.SCardGetErrorMessage(code))
        if isinstance(error, CardRemoved | NoReader | NoService):
            self._lost = error
        return error

    def _clear_up(self, code: int, notice: float) -> int:
        """Whether card, reader or service are gone, or the card is just silent (``code``)."""
        if self._context is None:
            return code
        deadline = time.monotonic() + notice
        try:
            first = seen = self._context.look_at(self.name)
            while seen.card and seen.count == first.count:
                rows = self._context.look({self.name: seen.state}, deadline - time.monotonic())
                if rows is None:
                    return code
                seen = rows[self.name]
        except ScardError as error:
            unplugged = error.code == binding.E_UNKNOWN_READER
            return binding.E_READER_UNAVAILABLE if unplugged else error.code
        return binding.W_REMOVED_CARD


def _check_lengths(raw: bytes) -> None:
    try:
        Command.parse(raw)
    except ApduError as error:
        raise InputError(
            Text(
                f"命令没有发出：共 {len(raw)} 字节，与其长度字段不符，或不足 4 字节",
                f"the command was not sent: {error}",
            ),
            hint=Text(
                "检查 CLA INS P1 P2 [Lc 数据] [Le]", "check it: CLA INS P1 P2 [Lc data] [Le]"
            ),
        ) from error
