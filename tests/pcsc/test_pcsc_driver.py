"""The PC/SC driver against the real service: every cause that has a class, and what comes after."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest
from tests.pcsc.conftest import Insert, InsertAll
from tests.pcsc.events import expect
from tests.pcsc.plain_card import PlainCard, torn
from tests.pcsc.plain_client import LEAVE, PlainClient
from tests.support.plant import Issued

from sscard_ic.base import Secret
from sscard_ic.base.errors import InputError
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.errors import (
    CardRemoved,
    CardWasReset,
    MuteCard,
    NoCard,
    NoReader,
    NoService,
    ProtocolMismatch,
    ReaderBusy,
    ReaderError,
)
from sscard_ic.reader.pcsc import Access, PcscConnection, ReaderEvent, ReaderMonitor, open_pcsc
from sscard_ic.reader.pcsc.transaction import assert_no_transaction, held, transaction
from sscard_ic.simulator.vpcd import VpcdSlot
from sscard_ic.testing import machine
from sscard_ic.testing.service import PcscService, ReaderSlot

CHALLENGE = bytes.fromhex("0084000008")
SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
VERIFY = Secret(bytes.fromhex("0020000003123456"))
DF01 = bytes.fromhex("00A4000002DF01")
PIN_DOOR = bytes.fromhex("00B2012C00")
"""A record that is read only after the PIN."""

SHORT = 0.2
"""Seconds of patience where another program is sure to stay in the way."""


@dataclass
class Standing:
    """A card that stays in its reader from test to test."""

    card: PlainCard
    reader: str
    client: PlainClient


@pytest.fixture(scope="module")
def _standing_place(
    the_service: PcscService, _turn: deque[ReaderSlot]
) -> Iterator[tuple[PlainCard, ReaderSlot]]:
    slot = _turn.pop()
    with VpcdSlot(slot.port) as place:
        place.insert(card := PlainCard())
        yield card, slot
    _turn.append(slot)


@pytest.fixture
def standing(
    client: PlainClient, _standing_place: tuple[PlainCard, ReaderSlot]
) -> Iterator[Standing]:
    """A well-behaved card in a reader."""
    card, slot = _standing_place
    card.behave()
    client.await_card(slot.name)
    yield Standing(card, slot.name, client)
    card.behave()


@pytest.fixture
def quick_power_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """These cards need no two seconds until they have power."""
    monkeypatch.setattr("sscard_ic.reader.pcsc.connection._POWER_UP", SHORT)


@pytest.fixture
def opened(insert_all: InsertAll) -> Iterator[Callable[..., PcscConnection]]:
    """``open_pcsc`` whose connections are closed at the end, before the cards are taken out."""
    connections = []

    def open_(reader: str, access: Access = "exclusive", patience: float = 5.0) -> PcscConnection:
        connections.append(open_pcsc(reader, access=access, patience=patience))
        return connections[-1]

    yield open_
    for connection in connections:
        connection.close()


Open = Callable[..., PcscConnection]


def prove_pin(connection: Connection) -> None:
    """Verify the initial PIN, and see that it opens its door."""
    for command in (SSSE, VERIFY, DF01):
        assert connection.transmit(command)[-2] in (0x61, 0x90)
    assert connection.transmit(PIN_DOOR)[-2] == 0x6C


def assert_forgotten(connection: Connection) -> None:
    for command in (SSSE, DF01):
        assert connection.transmit(command)[-2] == 0x61
    assert connection.transmit(PIN_DOOR) == bytes.fromhex("6982")


def shown(error: ReaderError) -> str:
    """What a person reads; every error has a next step."""
    assert error.hint is not None
    return error.render("zh") + error.render("en")


# A card


def test_a_card_answers_as_it_does_without_a_reader(
    opened: Open, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    commands = [SSSE, bytes.fromhex("00B2012C12"), bytes.fromhex("00B2052C06"), DF01, PIN_DOOR]
    direct = dalian_card.session()
    expected = [direct.transmit(command) for command in commands]
    atr, protocol = direct.atr, direct.protocol
    insert(dalian_card.chip, free_slot)
    connection = opened(free_slot.name)
    assert [open_session(connection).transmit(command) for command in commands] == expected
    assert (connection.atr, connection.protocol) == (atr, protocol)


def test_the_longest_answer_arrives_whole(opened: Open, standing: Standing) -> None:
    answer = bytes(range(256)) * 255 + bytes(253) + b"\x90\x00"
    assert len(answer) == 65535
    standing.card.answer = lambda raw: answer
    assert opened(standing.reader).transmit(bytes.fromhex("00B00000000000")) == answer


def test_what_is_no_command_is_not_sent(opened: Open, standing: Standing) -> None:
    connection = opened(standing.reader)
    for command in ("", "00", "04", "0084", "008400", "00A4040003AABB", "00A4040001AABBCC"):
        with pytest.raises(InputError, match="not sent"):
            connection.transmit(Secret(bytes.fromhex(command)))
    assert standing.card.commands == []
    assert connection.transmit(CHALLENGE) == b"\x90\x00"


@pytest.mark.parametrize("access", ["exclusive", "shared"])
def test_nothing_is_proved_after_a_reset(
    opened: Open, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot, access: Access
) -> None:
    insert(dalian_card.chip, free_slot)
    connection = opened(free_slot.name, access)
    for cold in (False, True):
        prove_pin(connection)
        assert connection.reset(cold) == dalian_card.chip.atr == connection.atr
        assert_forgotten(connection)


def test_two_readers_at_once_in_one_thread(
    opened: Open, standing: Standing, insert: Insert, free_slot: ReaderSlot
) -> None:
    """As with a card and a PSAM."""
    standing.card.answer = lambda raw: raw[:4] + b"\x90\x00"
    insert(PlainCard(), free_slot)
    first, second = opened(standing.reader), opened(free_slot.name)
    for _ in range(3):
        challenge = first.transmit(CHALLENGE)
        assert challenge == bytes.fromhex("008400009000")
        assert second.transmit(bytes.fromhex("0088000004") + challenge[:4]) == b"\x90\x00"


# What is left to others


def test_an_exclusive_connection_starts_from_a_reset(
    opened: Open, client: PlainClient, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    other = client.connect(free_slot.name)
    for command in (SSSE, VERIFY.reveal(), DF01):
        other(command.hex())
    other.disconnect(LEAVE)
    connection = opened(free_slot.name)
    assert connection.transmit(bytes.fromhex("00B2012C12")) == bytes.fromhex("6A82"), "at its MF"
    assert_forgotten(connection)


@pytest.mark.parametrize("access", ["exclusive", "shared"])
def test_what_was_proved_is_not_left_to_others(
    insert: Insert, dalian_card: Issued, free_slot: ReaderSlot, access: Access
) -> None:
    place = insert(dalian_card.chip, free_slot)
    connection = open_pcsc(free_slot.name, access=access)
    prove_pin(connection)
    connection.close()
    connection.close()
    if access == "exclusive":
        assert place.wait(lambda: not place.powered, 20)
    with PlainClient() as client:
        other = client.connect(free_slot.name)
        for command in (SSSE, DF01):
            assert other(command.hex()).startswith("61")
        assert other(PIN_DOOR.hex()) == "6982"
    with pytest.raises(ReaderError, match="closed"):
        connection.transmit(CHALLENGE)


def test_a_look_does_not_disturb_others(
    client: PlainClient, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    other = client.connect(free_slot.name)
    for command in (SSSE, VERIFY.reveal(), DF01):
        other(command.hex())
    open_pcsc(free_slot.name, access="shared").close()
    assert other(PIN_DOOR.hex()).startswith("6C")


# Causes


def test_no_service(service: PcscService, free_slot: ReaderSlot) -> None:
    service.stop()
    with pytest.raises(NoService) as caught:
        open_pcsc(free_slot.name)
    assert "pcscd" in shown(caught.value)
    with ReaderMonitor() as monitor, pytest.raises(NoService):
        monitor.readers()


@pytest.mark.parametrize(
    "name", ["nobody's reader", "", "读写器", "x" * 300, "sscard A 00 00\0", "\udcc4"]
)
def test_no_reader_of_this_name(service: PcscService, name: str) -> None:
    with pytest.raises(NoReader) as caught:
        open_pcsc(name)
    assert "sscard readers" in shown(caught.value)


def test_no_card(free_slot: ReaderSlot) -> None:
    with pytest.raises(NoCard, match="no card") as caught:
        open_pcsc(free_slot.name)
    assert caught.value.where == free_slot.name


_HOLD = """
import sys
from smartcard.scard import *
_, context = SCardEstablishContext(SCARD_SCOPE_USER)
result, card, _ = SCardConnect(context, sys.argv[1], SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_ANY)
print(result, flush=True)
sys.stdin.readline()
"""


@contextmanager
def another_program(reader: str) -> Iterator[int]:
    """A program that has the reader for itself; its number."""
    command = [sys.executable, "-c", _HOLD, reader]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "0\n"
        yield program.pid
        program.communicate("\n")


def test_busy_names_the_program(standing: Standing) -> None:
    with another_program(standing.reader) as pid:
        for access in ("exclusive", "shared"):
            with pytest.raises(ReaderBusy) as caught:
                open_pcsc(standing.reader, access=access, patience=SHORT)
            assert f"(pid {pid})" in caught.value.what.zh
            assert f"(pid {pid})" in caught.value.what.en
            assert shown(caught.value)


def test_a_program_that_lets_go_soon_is_waited_for(opened: Open, standing: Standing) -> None:
    first = opened(standing.reader)
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(open_pcsc, standing.reader, patience=20)
        assert not second.done()
        first.close()
        second.result().close()


def test_protocol_mismatch(standing: Standing) -> None:
    with pytest.raises(ProtocolMismatch) as caught:
        open_pcsc(standing.reader, protocol="T=1")
    assert shown(caught.value)
    connection = open_pcsc(standing.reader, protocol="T=0")
    assert connection.protocol == "T=0"
    connection.close()


def test_taken_out_in_the_middle_of_an_exchange(opened: Open, standing: Standing) -> None:
    connection = opened(standing.reader)
    standing.card.answer = torn
    with pytest.raises(CardRemoved) as caught:
        connection.transmit(CHALLENGE)
    assert caught.value.where == standing.reader
    assert shown(caught.value)
    standing.client.await_card(standing.reader)  # it has come back by itself
    standing.card.behave()
    with pytest.raises(CardRemoved):
        connection.transmit(CHALLENGE)
    with pytest.raises(CardRemoved):
        connection.reset(cold=True)
    connection.close()
    assert opened(standing.reader).transmit(CHALLENGE) == b"\x90\x00"


def test_taken_out_between_two_exchanges(
    opened: Open,
    client: PlainClient,
    insert_all: InsertAll,
    free_slots: Callable[[int], list[ReaderSlot]],
) -> None:
    slots = free_slots(2)
    names = [slot.name for slot in slots]
    places = insert_all({slot: PlainCard() for slot in slots})
    connections = [opened(names[0], "exclusive"), opened(names[1], "shared")]
    for connection in connections:
        connection.transmit(CHALLENGE)
    cards = [place.remove() for place in places]
    for name in names:
        client.await_card(name, there=False)
    for place, card in zip(places, cards, strict=True):
        place.insert(card)
    for connection in connections * 2:
        with pytest.raises(CardRemoved):
            connection.transmit(CHALLENGE)


def test_mute_at_power_up(client: PlainClient, free_slot: ReaderSlot) -> None:
    client.await_card(free_slot.name, there=False)
    card = PlainCard()
    card.lost_at_reset = "mute"
    with ReaderMonitor() as monitor, VpcdSlot(free_slot.port) as place:
        monitor.readers()
        place.insert(card)
        expect(monitor, ReaderEvent("card inserted", free_slot.name, b""))
        state = {state.name: state for state in monitor.readers()}[free_slot.name]
        assert (state.card, state.atr) == ("mute", b"")
        with pytest.raises(MuteCard) as caught:
            open_pcsc(free_slot.name)
        assert shown(caught.value)
        place.remove()


def test_mute_after_a_reset_until_the_next_one(opened: Open, standing: Standing) -> None:
    connection = opened(standing.reader)
    standing.card.lost_at_reset = "mute"
    for cold in (False, True):
        with pytest.raises(MuteCard):
            connection.reset(cold)
        with pytest.raises(MuteCard):
            connection.transmit(CHALLENGE)
    assert standing.card.commands == []
    standing.card.lost_at_reset = None
    assert connection.reset(cold=True) == standing.card.atr
    assert connection.transmit(CHALLENGE) == b"\x90\x00"


def serve_one_byte(link: socket.socket, atr: bytes) -> None:
    """A card of the vpcd driver (ref 09 §1.4) whose answers are one byte long."""
    with suppress(ConnectionResetError), link, link.makefile("rb") as stream:
        while size := int.from_bytes(stream.read(2), "big"):
            request = stream.read(size)
            answer = atr if request == b"\x04" else b"\x90" if size > 1 else b""
            if answer:
                link.sendall(len(answer).to_bytes(2, "big") + answer)


def test_an_answer_without_status_word_is_none(
    opened: Open, client: PlainClient, free_slot: ReaderSlot
) -> None:
    client.await_card(free_slot.name, there=False)
    link = socket.create_connection(("127.0.0.1", free_slot.port), 20)
    thread = threading.Thread(target=serve_one_byte, args=(link, PlainCard().atr))
    thread.start()
    try:
        client.await_card(free_slot.name)
        connection = opened(free_slot.name)
        with pytest.raises(MuteCard):
            connection.transmit(CHALLENGE)
        connection.close()
    finally:
        link.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_reader_unplugged(
    opened: Open,
    insert: Insert,
    service: PcscService,
    removable_slots: tuple[ReaderSlot, ReaderSlot],
) -> None:
    reader = removable_slots[0].name
    insert(PlainCard(), removable_slots[0])
    connection = opened(reader)
    service.unplug(reader)
    for _ in range(2):
        with pytest.raises((NoReader, CardRemoved)):
            connection.transmit(CHALLENGE)
    connection.close()
    service.plug(reader)


def test_service_killed_in_the_middle_of_an_exchange_and_restarted(
    opened: Open, standing: Standing, service: PcscService
) -> None:
    at_work, killed = threading.Event(), threading.Event()

    def answer(raw: bytes) -> bytes:
        at_work.set()
        assert killed.wait(20)
        return b"\x90\x00"

    standing.card.answer = answer
    connection = opened(standing.reader)
    with ThreadPoolExecutor(1) as threads:
        exchange = threads.submit(connection.transmit, CHALLENGE)
        assert at_work.wait(20)
        service.kill()
        killed.set()
        with pytest.raises(NoService):
            exchange.result()
    service.start()
    with pytest.raises(NoService):
        connection.transmit(CHALLENGE)
    connection.close()
    with PlainClient() as client:
        client.await_card(standing.reader)
    assert opened(standing.reader).transmit(CHALLENGE) == b"\x90\x00"


@pytest.mark.usefixtures("quick_power_up")
def test_a_service_that_does_not_answer(service: PcscService, free_slot: ReaderSlot) -> None:
    def send(signal: str) -> None:
        subprocess.run([*machine.as_root(), "kill", f"-{signal}", str(service.pid)], check=True)

    send("STOP")
    try:
        with pytest.raises(NoService, match="does not answer"):
            open_pcsc(free_slot.name, patience=SHORT)
    finally:
        send("CONT")


# Other programs


def test_reset_by_another_program(
    opened: Open, client: PlainClient, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    connection = opened(free_slot.name, "shared")
    prove_pin(connection)
    other = client.connect(free_slot.name)
    other.reset(1)
    for _ in range(2):  # never connected again without a word
        with pytest.raises(CardWasReset):
            connection.transmit(PIN_DOOR)
    other.disconnect(LEAVE)
    connection.reset(cold=False)
    assert_forgotten(connection)


def test_nobody_comes_into_a_transaction(opened: Open, standing: Standing) -> None:
    first, second = (opened(standing.reader, "shared", 20) for _ in range(2))
    third = bytes.fromhex("0084000003")
    with ThreadPoolExecutor(1) as threads:
        with transaction(open_session(first)), first.transaction():
            first.transmit(CHALLENGE)
            later = threads.submit(second.transmit, third)
            assert not later.done()
            first.transmit(CHALLENGE)
        later.result()
    assert standing.card.commands == [CHALLENGE, CHALLENGE, third]


def test_a_transaction_ends_with_an_error_too(opened: Open, standing: Standing) -> None:
    first, second = (opened(standing.reader, "shared") for _ in range(2))
    with pytest.raises(InputError), first.transaction():
        first.transmit(b"")
    assert second.transmit(CHALLENGE) == b"\x90\x00"


def test_no_person_is_asked_inside_a_transaction(opened: Open, standing: Standing) -> None:
    connection = opened(standing.reader, "shared")
    with connection.transaction(), ThreadPoolExecutor(1) as threads:
        assert held()
        assert not threads.submit(held).result()
        with pytest.raises(RuntimeError):
            assert_no_transaction()
    assert_no_transaction()


@pytest.mark.usefixtures("quick_power_up")
def test_the_wait_for_a_transaction_has_an_end(opened: Open, standing: Standing) -> None:
    """And nothing of what was waited for happens later."""
    first = opened(standing.reader, "shared")
    second = opened(standing.reader, "shared", SHORT)

    def attempt(access: Access) -> None:
        with pytest.raises(ReaderBusy):
            open_pcsc(standing.reader, access=access, patience=SHORT)

    with first.transaction(), ThreadPoolExecutor(2) as threads:
        attempts = [threads.submit(attempt, access) for access in ("exclusive", "shared")]
        for _ in range(2):
            with pytest.raises(ReaderBusy):
                second.transmit(CHALLENGE)
        second.close()
        for each in attempts:
            each.result()
    first.close()
    # Whoever was given up lets the reader go as soon as it gets it.
    assert opened(standing.reader, patience=20.0).transmit(CHALLENGE) == b"\x90\x00"
    assert standing.card.commands == [CHALLENGE]
