"""A virtual card behind pcscd and the vpcd driver of Debian: what the way to it costs.

- *Exchange*: GET CHALLENGE through the PC/SC driver, the median; ``sscard sim run`` serves the
  card in a process of its own. Beside it, in the other slot of the same reader, a probe card with a
  plain socket: the driver writes length and command apart, and Linux holds back the acknowledgement
  that the second write waits for (ref 09 §1.5).
- *Basic information*: from the reader's name to the values and a closed connection, less the time
  of its exchanges.
- *Detection*: from the card's connection to the end of a wait for it, beside the polling period.

Starts a pcscd of its own, as root or by sudo; none may run on the machine.
"""

from __future__ import annotations

import multiprocessing
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support.report import Figure, publish

from sscard_ic.apdu import iso
from sscard_ic.base.secret import Secretive
from sscard_ic.card import SocialSecurityCard
from sscard_ic.card.habits import Habits
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.pcsc import PcscSlot, ReaderMonitor, open_pcsc
from sscard_ic.reader.pcsc.finding import find_card
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import VirtualCard, open_card
from sscard_ic.simulator.vpcd import VpcdSlot
from sscard_ic.testing.service import PcscService

POLLING_MS = 400.0
"""Between two looks of pcscd at a reader (ref 09 §1.4)."""

_EXCHANGES, _PROBE_EXCHANGES = 3000, 60
_SESSIONS = 60
_INSERTIONS = 10
_START = 30.0
"""Seconds that the program of the card may take to start."""
_SEED = 20261121
_CHALLENGE = bytes(iso.get_challenge())
_PROBE_ATR = bytes.fromhex("3B6D00000081484242865321020000FFFF")


def main() -> None:
    """Measure the three."""
    profile = load("dalian")
    with TemporaryDirectory(prefix="sscard-bench-") as folder, PcscService() as service:
        image, atr = _issued(profile, Path(folder))
        first, second = service.slots
        with _served(image, first.port), _probe(second.port):
            reader = find_card(atr, patience=_START)
            exchange = _median_exchange(reader, _EXCHANGES)
            plain = _median_exchange(find_card(_PROBE_ATR), _PROBE_EXCHANGES)
            added, exchanges = _basic_information(reader, profile)
        slowest = _slowest_detection(image, first.port, first.name)
    figures = [
        Figure("exchange, median", exchange, "ms", "probe, plain socket", plain, 0.2),
        Figure("basic information, beside exchanges", added, "ms", "exchanges", exchanges, 1.0),
        Figure(
            f"detection, slowest of {_INSERTIONS}",
            slowest,
            "ms",
            "polling period",
            POLLING_MS,
            1.05 * POLLING_MS,
        ),
    ]
    publish("pcsc", "Through pcscd and vpcd", figures)


def _issued(profile: CardProfile, folder: Path) -> tuple[Path, bytes]:
    """A finished card, and its ATR."""
    image = new_blank(profile, folder)
    connection = open_virtual(image)
    SpecimenMaker(profile).make(open_session(connection))
    connection.close()
    return image, connection.atr


@contextmanager
def _served(image: Path, port: int) -> Iterator[None]:
    """``sscard sim run`` in a process of its own."""
    words = ["sim", "run", str(image), "--port", str(port)]
    start = "from sscard_ic.cli import main; main()"
    with subprocess.Popen([sys.executable, "-c", start, *words], stderr=subprocess.DEVNULL) as run:
        try:
            yield
        finally:
            run.terminate()


@contextmanager
def _probe(port: int) -> Iterator[None]:
    """The least card, in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=_plain_card, args=(port,))
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _plain_card(port: int) -> None:
    """Answers every command with eight bytes; nothing is done about late acknowledgements."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        stream = link.makefile("rb")
        while head := stream.read(2):
            frame = stream.read(int.from_bytes(head, "big"))
            answer = _PROBE_ATR if frame == b"\x04" else bytes(8) + b"\x90\x00"
            if len(frame) > 1 or frame == b"\x04":
                link.sendall(len(answer).to_bytes(2, "big") + answer)


def _median_exchange(reader: str, count: int) -> float:
    """Milliseconds."""
    connection = open_pcsc(reader)
    times = []
    for _ in range(count):
        started = perf_counter()
        connection.transmit(_CHALLENGE)
        times.append(perf_counter() - started)
    connection.close()
    return 1000 * median(times)


class _Stopwatch(Wrapper):
    """Adds up the time of the exchanges."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.seconds = 0.0

    def transmit(self, command: Secretive) -> bytes:
        """One timed exchange."""
        started = perf_counter()
        answer = self.inner.transmit(command)
        self.seconds += perf_counter() - started
        return answer


def _basic_information(reader: str, profile: CardProfile) -> tuple[float, float]:
    """Milliseconds beside the exchanges, and in them; medians."""
    added, spent = [], []
    habits = Habits()
    for _ in range(_SESSIONS):
        started = perf_counter()
        driver = open_pcsc(reader, access="shared")
        watch = _Stopwatch(driver)
        with driver.transaction():
            SocialSecurityCard(open_session(watch), profile, habits=habits).read_basic()
            driver.close()
        added.append(perf_counter() - started - watch.seconds)
        spent.append(watch.seconds)
    return 1000 * median(added), 1000 * median(spent)


def _slowest_detection(image: Path, port: int, reader: str) -> float:
    """Milliseconds; the cards come at any time between two looks of pcscd."""
    chance = random.Random(_SEED)
    _await_empty(reader)
    slot, place = PcscSlot(reader), VpcdSlot(port)
    times = []
    for _ in range(_INSERTIONS):
        card = open_card(image)
        hand = _Hand(place, card, chance.random() * POLLING_MS / 1000)
        hand.start()
        slot.wait_card()
        seen = perf_counter()
        hand.join()
        times.append(seen - hand.inserted)
        slot.release(None)
        place.remove().close()
    slot.close()
    return 1000 * max(times)


def _await_empty(reader: str) -> None:
    with ReaderMonitor() as monitor:
        while any(state.name == reader and state.card != "absent" for state in monitor.readers()):
            monitor.wait(1)


class _Hand(threading.Thread):
    """Puts a card in after a moment."""

    def __init__(self, place: VpcdSlot, card: VirtualCard, pause: float) -> None:
        super().__init__()
        self._place = place
        self._card = card
        self._pause = pause
        self.inserted = 0.0

    def run(self) -> None:
        """The movement."""
        sleep(self._pause)
        self.inserted = perf_counter()
        self._place.insert(self._card)


if __name__ == "__main__":
    main()
