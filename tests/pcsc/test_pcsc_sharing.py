"""The PC/SC driver and other programs: what is left to them, and what they leave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from smartcard import scard
from tests.pcsc.conftest import Insert, Open, Standing
from tests.pcsc.driver_support import (
    CHALLENGE,
    DF01,
    PIN_DOOR,
    SHORT,
    SSSE,
    VERIFY,
    assert_forgotten,
    prove_pin,
    shown,
)
from tests.pcsc.plain_client import LEAVE, PlainClient
from tests.support.plant import Issued

from sscard_ic.base.errors import InputError
from sscard_ic.cli.readers import session
from sscard_ic.reader import open_session
from sscard_ic.reader.errors import CardWasReset, ReaderBusy, ReaderError
from sscard_ic.reader.pcsc import Access, open_pcsc
from sscard_ic.reader.pcsc.transaction import assert_no_transaction, held, transaction
from sscard_ic.testing.service import ReaderSlot

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


def test_nobody_comes_to_the_card_between_a_session_and_its_reset(
    client: PlainClient,
    insert: Insert,
    dalian_card: Issued,
    free_slot: ReaderSlot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    insert(dalian_card.chip, free_slot)
    heard: list[str] = []

    class Hurried:
        """The functions of PC/SC where another program comes in before each disconnection."""

        def __getattr__(self, name: str) -> object:
            return getattr(scard, name)

        def SCardDisconnect(self, card: int, disposition: int, /) -> int:
            other = client.connect(free_slot.name)
            heard.append(other(PIN_DOOR.hex()))
            other.disconnect(LEAVE)
            return int(scard.SCardDisconnect(card, disposition))

    hurried = Hurried()
    monkeypatch.setattr("sscard_ic.reader.pcsc.connection.load_scard", lambda: hurried)
    with session(free_slot.name, plain=True) as connection:
        prove_pin(connection)
    assert heard == ["6A82"], "it is at its MF, as after a reset"


def test_a_look_does_not_disturb_others(
    client: PlainClient, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    other = client.connect(free_slot.name)
    for command in (SSSE, VERIFY.reveal(), DF01):
        other(command.hex())
    open_pcsc(free_slot.name, access="shared").close()
    assert other(PIN_DOOR.hex()).startswith("6C")


# Other programs


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
