"""A terminal, a virtual card of the reference set, and a bank that has its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.debit_card import SET, DebitCard, card_key, debit_card

from sscard_ic.apdu import Command, pboc
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card.financial.application import FinancialCard, Interface
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    IssuerScript,
)
from sscard_ic.card.financial.contact import contact_transaction
from sscard_ic.card.financial.contactless import contactless_transaction
from sscard_ic.card.financial.running import TransactionResult
from sscard_ic.card.financial.steps import Transcript
from sscard_ic.card.financial.terminal import Purchase, TerminalSettings
from sscard_ic.codec.pboc.elements import amount, number
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.crypto.pboc.authorities import AuthorityKey
from sscard_ic.crypto.pboc.symmetric import BankSuite, cryptogram_input
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.payment_authorities import load_authorities
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection

AT = datetime(2026, 5, 1, 12, 30, 0)
RID = bytes.fromhex("A000000333")
SM2_INDEX = 0xF9
"""Tag 8F of the SM2 set."""


def authorities() -> dict[tuple[bytes, int], AuthorityKey]:
    """The shipped keys, and that of the SM2 set."""
    public = bytes.fromhex(SET["sm2"]["authority"])
    return {**load_authorities(), (RID, SM2_INDEX): AuthorityKey(RID, SM2_INDEX, public, "demo")}


@dataclass
class Bank:
    """Answers with the keys of the card; remembers what it was asked and checks cryptograms."""

    code: bytes = b"00"
    scripts: tuple[Command, ...] = ()
    right_response: bool = True
    right_script: bool = True
    asked: list[AuthorisationRequest] = field(default_factory=list)

    def __call__(self, request: AuthorisationRequest) -> AuthorisationResponse:
        self.asked.append(request)
        data = IssuerData.parse(request.values[0x9F10])
        algorithm: Algorithm = "sm4" if data.algorithm == 0x04 else "3des"
        suite, atc = BankSuite(algorithm), int.from_bytes(request.values[0x9F36], "big")
        session = suite.session_key(card_key(algorithm, "cryptogram"), atc)
        covered = cryptogram_input(
            data.version, request.values, request.values[0x82], atc, data.card_verification_results
        )
        sent = request.values[0x9F26]
        assert suite.mac(session, covered) == sent, "the bank cannot verify the cryptogram"
        arpc = suite.response_cryptogram(session, sent, self.code)
        if not self.right_response:
            arpc = bytes(8)
        mac_key = suite.session_key(card_key(algorithm, "mac"), atc)
        commands = []
        for command in self.scripts:
            mac = suite.script_mac(mac_key, command.header, atc, sent, command.data)
            right = mac if self.right_script else bytes(4)
            commands.append(bytes(pboc.with_mac(command, right)))
        scripts = (IssuerScript(tuple(commands), b"\x00\x00\x00\x07"),) if commands else ()
        return AuthorisationResponse(self.code, arpc + self.code, scripts)


class Changed:
    """A connection whose answers go through a hand that may change them."""

    def __init__(self, within: VirtualConnection, change: Callable[[bytes, bytes], bytes]) -> None:
        self._within = within
        self._change = change

    @property
    def atr(self) -> bytes:
        return self._within.atr

    @property
    def protocol(self) -> str:
        return self._within.protocol

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        return self._change(raw, self._within.transmit(command))

    def reset(self, cold: bool) -> bytes:
        return self._within.reset(cold)

    def close(self) -> None:
        self._within.close()


class Till:
    """A card in a terminal."""

    def __init__(
        self,
        interface: Interface = "contact",
        elements: dict[str, str] | None = None,
        change: Callable[[bytes, bytes], bytes] | None = None,
        **settings: Any,
    ) -> None:
        self.virtual: DebitCard = debit_card(interface=interface, elements=elements, **settings)
        driver: Any = VirtualConnection(self.virtual.chip)
        if change is not None:
            driver = Changed(driver, change)
        self.connection = open_session(driver)
        self.interface: Interface = interface
        self.transcript = Transcript()

    def card(self) -> FinancialCard:
        """The application, selected."""
        return FinancialCard(self.connection, self.virtual.model, interface=self.interface)

    def pay(
        self, fen: int, bank: Bank | None = None, terminal: Any = (), **purchase: Any
    ) -> TransactionResult:
        """A payment; ``terminal``: settings of the terminal by name."""
        settings = TerminalSettings(**{"authorities": authorities(), **dict(terminal)})
        bought = Purchase(fen, **{"at": AT, **purchase})
        run = contact_transaction if self.interface == "contact" else contactless_transaction
        self.transcript = Transcript()
        return run(self.card(), settings, bought, bank, transcript=self.transcript)

    @property
    def balance(self) -> int:
        """Electronic cash in fen, as the chip has it."""
        return number(self.virtual.store.element(0x9F79) or b"")


def cash(fen: int) -> dict[str, str]:
    """Elements of a card with so much electronic cash."""
    return {"9F79": amount(fen).hex()}
