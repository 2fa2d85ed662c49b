"""What the driver does with calls that do not come back, and with other systems' answers."""

from __future__ import annotations

import signal
import threading

import pytest
from tests.reader.pcsc.fake_scard import FakeScard

from sscard_ic.reader.errors import MuteCard, NoCard, NoReader, ReaderBusy, ReaderError
from sscard_ic.reader.pcsc import connection as connection_module
from sscard_ic.reader.pcsc import open_pcsc

PATIENCE = 20.0


class Blocked(FakeScard):
    """``SCardConnect`` comes back when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.let = threading.Event()

    def SCardConnect(
        self, context: int, reader: str, share: int, protocols: int, /
    ) -> tuple[int, int, int]:
        self.entered.set()
        assert self.let.wait(PATIENCE)
        return super().SCardConnect(context, reader, share, protocols)


def test_a_connection_that_comes_too_late_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_POWER_UP", 0.0)
    scard = Blocked()
    with pytest.raises(ReaderBusy):
        open_pcsc("reader", patience=0.01, scard=scard)
    assert scard.calls == ["establish"]
    scard.let.set()
    assert scard.released.wait(PATIENCE)
    assert scard.calls[1] == "connect"
    assert scard.calls[-2:] == ["disconnect", "release"]


def test_a_person_who_interrupts_the_wait_leaves_nothing_open() -> None:
    scard, person = Blocked(), threading.get_ident()

    def interrupt() -> None:
        assert scard.entered.wait(PATIENCE)
        signal.pthread_kill(person, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        open_pcsc("reader", patience=PATIENCE, scard=scard)
    thread.join()
    scard.let.set()
    assert scard.released.wait(PATIENCE)
    assert scard.calls[-2:] == ["disconnect", "release"]


def test_memory_beside_an_error_is_no_answer() -> None:
    scard = FakeScard()
    connection = open_pcsc("reader", scard=scard)
    scard.SCardTransmit = lambda *given: (0x80100016, [0x90, 0x00])  # type: ignore[method-assign]
    with pytest.raises(MuteCard):
        connection.transmit(bytes.fromhex("0084000008"))


def test_a_reader_that_left_in_an_exchange() -> None:
    scard = FakeScard()
    connection = open_pcsc("reader", scard=scard)
    scard.answer = []
    scard.SCardGetStatusChange = lambda *given: (0x80100009, [])  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(NoReader, match="unplugged"):
            connection.transmit(bytes.fromhex("0084000008"))
    assert scard.calls.count("transmit") == 1
    assert connection.lost


def test_no_card_in_the_words_of_windows() -> None:
    scard = FakeScard()
    scard.SCardConnect = lambda *given: (0x80100069, 0, 0)  # type: ignore[method-assign]
    with pytest.raises(NoCard):
        open_pcsc("reader", scard=scard)


def test_closed_inside_its_own_transaction() -> None:
    scard = FakeScard()
    connection = open_pcsc("reader", access="shared", scard=scard)
    with connection.transaction():
        connection.close()
    assert scard.released.wait(PATIENCE)
    assert scard.calls[-3:] == ["begin", "disconnect", "release"]
    with pytest.raises(ReaderError, match="closed"), connection.transaction():
        pass


def test_shared_exchanges_are_transactions_of_their_own() -> None:
    scard = FakeScard()
    connection = open_pcsc("reader", access="shared", scard=scard)
    connection.transmit(bytes.fromhex("0084000008"))
    assert scard.calls[-3:] == ["begin", "transmit", "end"]
    with connection.transaction():
        connection.transmit(bytes.fromhex("0084000008"))
        connection.transmit(bytes.fromhex("0084000008"))
    assert scard.calls[-4:] == ["begin", "transmit", "transmit", "end"]
    connection.close()
    assert scard.released.wait(PATIENCE)
    assert scard.calls[-2:] == ["disconnect", "release"]
