"""A foreign PC/SC client: the plain functions of PC/SC, nothing of this project's driver."""

from __future__ import annotations

import time
from types import TracebackType

from smartcard import scard

_PATIENCE = 20.0
WARM, COLD, LEAVE = scard.SCARD_RESET_CARD, scard.SCARD_UNPOWER_CARD, scard.SCARD_LEAVE_CARD


class PlainClient:
    """A context of the PC/SC service; a context manager."""

    def __enter__(self) -> PlainClient:
        result, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        _check(result)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        scard.SCardReleaseContext(self._context)

    def readers(self) -> list[str]:
        """Names of all readers."""
        result, names = scard.SCardListReaders(self._context, [])
        return list(names) if result == scard.SCARD_S_SUCCESS else []

    def await_readers(self, *names: str, there: bool = True) -> None:
        """Wait until all of ``names`` are readers, or none is."""
        deadline = time.monotonic() + _PATIENCE
        while [name in self.readers() for name in names] != [there] * len(names):
            assert time.monotonic() < deadline, f"{names} are {'not' if there else 'still'} there"
            time.sleep(0.01)

    def await_card(self, reader: str, *, there: bool = True) -> bytes:
        """Wait until a card is in the reader and was powered, or none is there; its ATR."""
        deadline = time.monotonic() + _PATIENCE
        known = scard.SCARD_STATE_UNAWARE
        while time.monotonic() < deadline:
            result, [(_, state, atr)] = scard.SCardGetStatusChange(
                self._context, 1000, [(reader, known)]
            )
            if result != scard.SCARD_E_TIMEOUT:
                _check(result)
            if bool(state & scard.SCARD_STATE_PRESENT) == there and (not there or atr):
                return bytes(atr)
            known = state
        raise AssertionError(f"{reader}: a card is {'not' if there else 'still'} there")

    def connect(self, reader: str) -> PlainCard:
        """Connect to the card, shared, with the protocol that it offers."""
        result, handle, protocol = scard.SCardConnect(
            self._context,
            reader,
            scard.SCARD_SHARE_SHARED,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
        )
        _check(result)
        return PlainCard(handle, protocol)


class PlainCard:
    """A connection to a card."""

    def __init__(self, handle: int, protocol: int) -> None:
        self._handle = handle
        self._pci = (
            scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        )

    def __call__(self, command: str) -> str:
        """One exchange, both sides in hex."""
        result, answer = scard.SCardTransmit(self._handle, self._pci, list(bytes.fromhex(command)))
        _check(result)  # first of all: beside an error stands memory that nobody wrote
        return bytes(answer).hex().upper()

    def reset(self, how: int) -> None:
        """Reconnect with a warm or a cold reset."""
        result, _ = scard.SCardReconnect(
            self._handle,
            scard.SCARD_SHARE_SHARED,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
            how,
        )
        _check(result)

    def disconnect(self, how: int) -> None:
        """Let the card go, with a reset, without power, or as it is."""
        _check(scard.SCardDisconnect(self._handle, how))


def _check(result: int) -> None:
    assert result == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(result)
