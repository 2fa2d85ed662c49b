"""The bank's application: exchanges, bytes and milliseconds of payments, a load, personalization.

Counted on virtual cards of the shipped profile: RSA-1152, 9 records for a contact payment, 10 for
an offline contactless one; debits may be approved offline, other than as shipped. Each payment
stands beside the exchanges without which there is none with such a card: SELECT by the AID that the
terminal knows, GPO, each record of the AFL once, INTERNAL AUTHENTICATE, one or two GENERATE AC,
EXTERNAL AUTHENTICATE and the script of an online one, of electronic cash its balance and threshold.
They have the length that they have at T=1. What a session has beside them: the directory, and at
T=0 what fetches an answer (ref 08 §1.5, 14 §3-9).

A personalization beside the bytes of all data groups joined and cut at 255 bytes, one secure
channel, and one INSTALL an application: nothing is selected, no MAC is sent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support.bank_counter import (
    BankCounter,
    Exchange,
    model,
    needed,
    plan_of,
    tally_of,
)
from tools.bench.support.report import Figure, publish

from sscard_ic.apdu import Command
from sscard_ic.apdu.iso import MAX_WRITE
from sscard_ic.card.financial.terminal import Capabilities, TerminalSettings
from sscard_ic.profile.payment_authorities import load_authorities
from sscard_ic.reader import Tally
from sscard_ic.reader.connection import TransmissionProtocol
from sscard_ic.reader.meter import Link

_CONTACT: dict[Link, str] = {"t0-9600": "T=0 9600", "t0-115200": "T=0 115200"}
_CONTACTLESS: dict[Link, str] = {"contactless-424k": "contactless 424k"}
_PROTOCOLS: tuple[TransmissionProtocol, ...] = ("T=1", "T=0")
_LEVELS = ("00", "01", "03")
_STORE_DATA, _INSTALL = 0xE2, 0xE6
_OPENING = (0x50, 0x82)
"""INITIALIZE UPDATE, EXTERNAL AUTHENTICATE."""
_NEEDED, _GROUPS = "what it takes", "data groups alone"
_AMOUNT, _LOADED = 1_000, 20_000
_FLOOR_LIMIT = 100_000

_ONLINE = TerminalSettings(authorities=load_authorities())
_OFFLINE = TerminalSettings(
    floor_limit=_FLOOR_LIMIT,
    # The card wants the online PIN of whoever can ask for it.
    capabilities=Capabilities(online_pin=False),
    authorities=load_authorities(),
)

Session = Callable[[BankCounter], list[Exchange]]

_CONTACT_SESSIONS: dict[str, Session] = {
    "load": lambda counter: counter.pay(_LOADED, _ONLINE, service="load"),
    "debit, offline": lambda counter: counter.pay(
        _AMOUNT, _OFFLINE, online=False, electronic_cash=False
    ),
    "debit, online": lambda counter: counter.pay(
        _AMOUNT, _OFFLINE, electronic_cash=False, wanted_online=True
    ),
    "electronic cash": lambda counter: counter.pay(_AMOUNT, _ONLINE, online=False),
}
_CONTACTLESS_SESSIONS: dict[str, Session] = {
    "qPBOC, offline": lambda counter: counter.pay(
        _AMOUNT, _ONLINE, interface="contactless", online=False
    ),
    "qPBOC, online": lambda counter: counter.pay(
        _AMOUNT, _ONLINE, interface="contactless", wanted_online=True
    ),
}


def main() -> None:
    """Measure payments, then personalizations."""
    publish("bank", "The bank's application", [*_payments(), *_personalizations()])


def _payments() -> list[Figure]:
    kept = {protocol: _sessions(protocol) for protocol in _PROTOCOLS}
    figures: list[Figure] = []
    for name in (*_CONTACT_SESSIONS, *_CONTACTLESS_SESSIONS):
        floor = tally_of(needed(kept["T=1"][name], cash=name == "electronic cash"))
        block, byte = (tally_of(kept[protocol][name]) for protocol in _PROTOCOLS)
        if name in _CONTACTLESS_SESSIONS:
            sent, least = (tally.sent + tally.received for tally in (block, floor))
            figures.append(_exchanges(name, block, floor))
            figures.append(Figure(name, sent, "bytes", _NEEDED, least))
            figures += _wire(name, block, floor, _CONTACTLESS)
            continue
        figures.append(_exchanges(f"{name}: T=1", block, floor))
        figures.append(_exchanges(f"{name}: T=0", byte, floor))
        figures.append(Figure(name, byte.t0_bytes, "bytes, T=0", _NEEDED, floor.t0_bytes))
        figures += _wire(name, byte, floor, _CONTACT)
    return figures


def _sessions(protocol: TransmissionProtocol) -> dict[str, list[Exchange]]:
    """Each transaction, one after the other with one card."""
    with TemporaryDirectory(prefix="sscard-bench-") as folder:
        application = model()
        counter = BankCounter(Path(folder), application, protocol)
        counter.personalize(plan_of(application))
        sessions = {**_CONTACT_SESSIONS, **_CONTACTLESS_SESSIONS}
        return {name: session(counter) for name, session in sessions.items()}


def _personalizations() -> list[Figure]:
    floor = _least(_personalized("T=1", "00", joined=True))
    figures: list[Figure] = []
    for level in _LEVELS:
        for joined in (False, True):
            name = f"personalize, level {level}{', joined groups' if joined else ''}"
            tally = tally_of(_personalized("T=0", level, joined=joined))
            figures += [
                Figure(name, tally.exchanges, "exchanges", _GROUPS, floor.exchanges),
                Figure(name, tally.t0_bytes, "bytes, T=0", _GROUPS, floor.t0_bytes),
                *_wire(name, tally, floor, _CONTACT, _GROUPS),
            ]
    return figures


def _personalized(protocol: TransmissionProtocol, level: str, *, joined: bool) -> list[Exchange]:
    with TemporaryDirectory(prefix="sscard-bench-") as folder:
        application = model(level=level, joined_groups=joined, longest_group=MAX_WRITE)
        return BankCounter(Path(folder), application, protocol).personalize(plan_of(application))


def _least(exchanges: list[Exchange]) -> Tally:
    """The data groups joined, the INSTALLs, and one channel; of a session without MACs."""
    least: list[Exchange] = []
    total = 0
    for raw, answer in exchanges:
        command = Command.parse(raw)
        if command.ins == _STORE_DATA:
            total += len(command.data)
        elif command.ins == _INSTALL or (len(least) < len(_OPENING) and command.ins in _OPENING):
            least.append((raw, answer))
    for at in range(0, total, MAX_WRITE):
        least.append((bytes(5 + min(MAX_WRITE, total - at)), b"\x90\x00"))
    return tally_of(least)


def _exchanges(name: str, measured: Tally, floor: Tally) -> Figure:
    return Figure(name, measured.exchanges, "exchanges", _NEEDED, floor.exchanges)


def _wire(
    name: str, measured: Tally, floor: Tally, links: dict[Link, str], against: str = _NEEDED
) -> list[Figure]:
    return [
        Figure(
            f"{name}: {title}", measured.milliseconds(link), "ms", against, floor.milliseconds(link)
        )
        for link, title in links.items()
    ]


if __name__ == "__main__":
    main()
