"""The PC/SC driver against the real service: every cause that has a class, and what comes after."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from tests.pcsc.conftest import Insert, InsertAll, Open, Standing
from tests.pcsc.driver_support import (
    CHALLENGE,
    DF01,
    PIN_DOOR,
    SHORT,
    SSSE,
    assert_forgotten,
    prove_pin,
    shown,
)
from tests.pcsc.events import expect
from tests.pcsc.plain_card import PlainCard, torn
from tests.pcsc.plain_client import PlainClient
from tests.support.plant import Issued

from sscard_ic.base import Secret
from sscard_ic.base.errors import InputError
from sscard_ic.reader import open_session
from sscard_ic.reader.errors import (
    CardRemoved,
    MuteCard,
    NoCard,
    NoReader,
    NoService,
    ProtocolMismatch,
)
from sscard_ic.reader.pcsc import Access, ReaderEvent, ReaderMonitor, open_pcsc
from sscard_ic.simulator.vpcd import VpcdSlot
from sscard_ic.testing import machine
from sscard_ic.testing.service import PcscService, ReaderSlot

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
