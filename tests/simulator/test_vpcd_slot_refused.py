"""A virtual card for which there is no reader."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from tests.simulator.vpcd_slots import (
    CHALLENGE,
    PATIENCE,
    QUICK,
    free_port,
    new_card,
)
from tests.support.vpcd_driver import VpcdDriver

from sscard_ic.base import InputError
from sscard_ic.simulator import (
    CardNotRead,
    NoVpcdReader,
    VpcdSlot,
    VpcdTimes,
)


@pytest.fixture
def driver() -> Iterator[VpcdDriver]:
    with VpcdDriver() as driver:
        yield driver


def check_hint(error: InputError) -> None:
    assert error.hint is not None
    for text in (error.hint.zh, error.hint.en):
        assert "sscard doctor" in text


@pytest.mark.parametrize("host", ["127.0.0.1", "a" * 70 + ".b"])
def test_nobody_listens(host: str) -> None:
    slot = VpcdSlot(free_port(), host, times=QUICK)
    with pytest.raises(NoVpcdReader, match="no vpcd reader listens") as raised:
        slot.insert(new_card())
    assert raised.value.where == f"{host}:{slot.port}"
    check_hint(raised.value)
    assert slot.state == "empty"


def test_a_host_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*arguments: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", resolve)
    with pytest.raises(NoVpcdReader, match="Name or service not known"):
        VpcdSlot(1, "nowhere").insert(new_card())


@contextmanager
def listening(greet: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something else than vpcd on a port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                client, _ = server.accept()
                with client:
                    greet(client)
                    while client.recv(1024):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(PATIENCE)


GREETINGS = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an APDU": bytes.fromhex("0005") + bytes.fromhex(CHALLENGE),
    "an unknown control": bytes.fromhex("000103"),
    "an empty frame": bytes(2),
    "silence": b"",
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS.keys())
def test_what_listens_is_no_vpcd(greeting: bytes) -> None:
    times = VpcdTimes(patience=0.2)
    with listening(lambda client: client.sendall(greeting)) as port:
        slot = VpcdSlot(port, times=times)
        with pytest.raises(CardNotRead, match="not vpcd") as raised:
            slot.insert(new_card())
        check_hint(raised.value)
        assert slot.state == "empty"


def test_what_listens_hangs_up_at_once() -> None:
    with listening(lambda client: client.shutdown(socket.SHUT_RDWR)) as port:
        slot = VpcdSlot(port, times=QUICK)
        with pytest.raises(CardNotRead):
            slot.insert(new_card())


def test_a_second_card_for_a_slot_is_refused_and_the_first_one_stays(driver: VpcdDriver) -> None:
    """The driver leaves it in its queue, where nobody ever asks for it."""
    first, second = new_card(1), new_card(2)
    with VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(first)
        other = VpcdSlot(driver.port, times=VpcdTimes(patience=0.2))
        for _ in range(3):
            with pytest.raises(CardNotRead, match="another virtual card is in this slot"):
                other.insert(second)
        assert driver.power_on() == first.atr
        assert driver.apdu(CHALLENGE)[-4:] == "9000"
        assert driver.seen == 1
