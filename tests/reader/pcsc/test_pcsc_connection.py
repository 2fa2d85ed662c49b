"""What the driver does with calls that do not come back, and with other systems' answers."""

from __future__ import annotations

import signal
import threading
from queue import SimpleQueue

import pytest
from tests.reader.pcsc.fake_scard import FakeScard

from sscard_ic.reader.errors import (
    AccessDenied,
    MuteCard,
    NoCard,
    NoReader,
    NoService,
    ReaderBusy,
    ReaderError,
)
from sscard_ic.reader.pcsc import Access, open_pcsc
from sscard_ic.reader.pcsc import connection as connection_module

PATIENCE = 20.0
LEAVE, RESET = 0, 1


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


def await_release(scard: FakeScard, context: int) -> None:
    while scard.released.get(timeout=PATIENCE) != context:
        pass


def test_a_connection_that_comes_too_late_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_POWER_UP", 0.0)
    scard = Blocked()
    with pytest.raises(ReaderBusy):
        open_pcsc("reader", patience=0.01, scard=scard)
    assert "connect" not in scard.calls
    scard.let.set()
    await_release(scard, 1)
    assert scard.calls[-2:] == ["disconnect", "release"]


def test_a_service_that_answers_nobody_is_not_another_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "_POWER_UP", 0.0)
    monkeypatch.setattr(connection_module, "_SERVED_WITHIN", 0.01)
    scard = Blocked()
    first, plain = 1, scard.SCardEstablishContext

    def establish(scope: int) -> tuple[int, int]:
        code, context = plain(scope)
        assert context == first or scard.let.wait(PATIENCE)
        return code, context

    scard.SCardEstablishContext = establish  # type: ignore[method-assign]
    with pytest.raises(NoService, match="does not answer"):
        open_pcsc("reader", patience=0.01, scard=scard)
    scard.let.set()
    await_release(scard, first)


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
    await_release(scard, 1)
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
    await_release(scard, 1)


def test_closed_inside_its_own_transaction() -> None:
    scard = FakeScard()
    connection = open_pcsc("reader", access="shared", scard=scard)
    with connection.transaction():
        connection.close()
    assert scard.calls[-2:] == ["begin", "disconnect"]
    with pytest.raises(ReaderError, match="closed"), connection.transaction():
        pass


@pytest.mark.parametrize(
    ("ended", "expected"),
    [(0, [("end", RESET), ("disconnect", LEAVE)]), (0x80100013, [("disconnect", RESET)])],
)
def test_nobody_comes_to_the_card_before_it_is_reset(
    ended: int, expected: list[tuple[str, int]]
) -> None:
    scard = FakeScard()
    done: list[tuple[str, int]] = []

    def end(card: int, disposition: int) -> int:
        if not ended:
            done.append(("end", disposition))
        return ended

    def disconnect(card: int, disposition: int) -> int:
        done.append(("disconnect", disposition))
        return 0

    scard.SCardEndTransaction = end  # type: ignore[method-assign]
    scard.SCardDisconnect = disconnect  # type: ignore[method-assign]
    connection = open_pcsc("reader", access="shared", scard=scard)
    with connection.transaction():
        connection.transmit(bytes.fromhex("0084000008"))
        connection.close()
    assert done == expected


def test_what_was_only_looked_at_is_not_reset() -> None:
    scard = FakeScard()
    done: list[int] = []

    def disconnect(card: int, disposition: int) -> int:
        done.append(disposition)
        return 0

    scard.SCardDisconnect = disconnect  # type: ignore[method-assign]
    connection = open_pcsc("reader", access="shared", scard=scard)
    with connection.transaction():
        connection.close()
    assert done == [LEAVE]


@pytest.mark.parametrize("access", ["exclusive", "shared"])
def test_a_card_that_could_not_be_read_is_let_go(access: Access) -> None:
    scard = FakeScard()
    let_go: SimpleQueue[int] = SimpleQueue()
    scard.SCardStatus = lambda card: (0x80100066, "", 0, 0, [])  # type: ignore[method-assign]

    def disconnect(card: int, disposition: int) -> int:
        let_go.put(card)
        return 0

    scard.SCardDisconnect = disconnect  # type: ignore[method-assign]
    with pytest.raises(MuteCard):
        open_pcsc("reader", access=access, scard=scard)
    assert let_go.get(timeout=PATIENCE) == 9


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
    assert scard.calls[-1] == "disconnect"


def test_the_next_connection_uses_the_context_again() -> None:
    scard = FakeScard()
    for _ in range(3):
        open_pcsc("reader", scard=scard).close()
    assert scard.calls.count("establish") == 1


@pytest.mark.parametrize("code", [0x8010001D, 0x8010001E, 0x80100003])
def test_a_context_that_died_meanwhile_is_made_anew(code: int) -> None:
    scard = FakeScard()
    open_pcsc("reader", scard=scard).close()
    results = iter(((code, 0, 0), (0, 9, 1)))
    scard.SCardConnect = lambda *given: next(results)  # type: ignore[method-assign]
    open_pcsc("reader", scard=scard).close()
    await_release(scard, 1)
    assert scard.calls.count("establish") == 2


def test_a_context_whose_card_was_not_let_go_is_not_used_again() -> None:
    scard = FakeScard()
    scard.SCardDisconnect = lambda *given: 0x80100069  # type: ignore[method-assign]
    open_pcsc("reader", scard=scard).close()
    await_release(scard, 1)


@pytest.mark.parametrize("said", [0x80100013, 0x8010006A])
def test_a_service_that_is_killed_in_an_exchange_is_told_as_gone(said: int) -> None:
    """pcscd 1.9.9 gives either number; the second one elsewhere means a refused user."""
    scard = FakeScard()
    connection = open_pcsc("reader", scard=scard)
    scard.SCardTransmit = lambda *a: (said, [])  # type: ignore[method-assign]
    scard.SCardGetStatusChange = lambda *a: (0x8010001D, [])  # type: ignore[method-assign]
    with pytest.raises(NoService):
        connection.transmit(bytes.fromhex("0084000008"))


def test_a_user_who_is_refused_is_told_so() -> None:
    scard = FakeScard()
    scard.SCardConnect = lambda *a: (0x8010006A, 0, 0)  # type: ignore[method-assign]
    with pytest.raises(AccessDenied):
        open_pcsc("reader", scard=scard)
