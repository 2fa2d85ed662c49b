"""What a card would send to its bank, computed here from the master keys (ref 04 §6.8)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.support.bank_keys import CARD, MASTERS

from sscard_ic.base import Secret
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    Confirmation,
    ScriptResult,
    Service,
)
from sscard_ic.codec.pboc.bits import Cvr, Kind, with_first, with_scripts, with_second
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.crypto.pboc.symmetric import BankSuite, cryptogram_input
from sscard_ic.crypto.suites import Algorithm

_IDENTIFIERS = {"3des": 1, "sm4": 4}


@dataclass
class PaperCard:
    """A card that knows its keys, and what the bank has made of it."""

    algorithm: Algorithm = "3des"
    pan: str = CARD["pan"]
    sequence: int | None = CARD["sequence"]
    atc: int = 0
    balance: int = 0
    """EC balance in fen."""
    cvr: int = 0
    """What the last online transaction left in the card verification results."""
    version: int = 1
    tells_balance: bool = True

    @property
    def suite(self) -> BankSuite:
        """Its arithmetic."""
        return BankSuite(self.algorithm)

    def key(self, name: str) -> bytes:
        """A session key of the present transaction."""
        master = self.suite.card_key(MASTERS[name], self.pan, self.sequence)
        return self.suite.session_key(master, self.atc)

    def request(
        self,
        service: Service = "purchase",
        fen: int = 0,
        kind: Kind = Kind.ARQC,
        pin: str | None = None,
        **more: Any,
    ) -> AuthorisationRequest:
        """An online message of the next transaction; ``more``: other fields of the message."""
        self.atc += 1
        values = {int(tag, 16): bytes.fromhex(value) for tag, value in CARD["transaction"].items()}
        values |= {0x9F02: amount(fen), 0x82: bytes.fromhex(CARD["aip"])}
        cvr = with_second(with_first(self.cvr, kind), 2)
        data = IssuerData(0, self.version, cvr, _IDENTIFIERS[self.algorithm])
        if self.tells_balance:
            data = replace(data, discretionary=self._discretionary())
        covered = cryptogram_input(
            self.version, values, values[0x82], self.atc, data.card_verification_results
        )
        values |= {
            0x9F26: self.suite.mac(self.key("ac"), covered),
            0x9F27: bytes((kind << 6,)),
            0x9F10: bytes(data),
            0x9F36: self.atc.to_bytes(2, "big"),
        }
        secret = None if pin is None else Secret(pin.encode())
        made = AuthorisationRequest(self.pan, self.sequence, values, service, pin=secret)
        return replace(made, **more)

    def _discretionary(self) -> bytes:
        value = amount(self.balance)[1:]
        mac = self.suite.discretionary_mac(self.key("mac"), self.atc, value)
        return b"\x01" + value + mac

    # What the bank's answer does to it

    def knows(self, response: AuthorisationResponse, request: AuthorisationRequest) -> bool:
        """Whether the ARPC is right."""
        arqc, code = request.values[0x9F26], response.code
        expected = self.suite.response_cryptogram(self.key("ac"), arqc, code)
        return response.authentication == expected + code

    def second(self, request: AuthorisationRequest, kind: Kind) -> Confirmation:
        """What a terminal tells with the second cryptogram, which covers the CVR."""
        cvr = with_second(with_first(self.cvr, Kind.ARQC), kind)
        data = IssuerData(0, self.version, cvr, _IDENTIFIERS[self.algorithm])
        covered = cryptogram_input(
            self.version,
            request.values,
            request.values[0x82],
            self.atc,
            data.card_verification_results,
        )
        values = {
            0x9F26: self.suite.mac(self.key("ac"), covered),
            0x9F27: bytes((kind << 6,)),
            0x9F10: bytes(data),
            0x9F36: self.atc.to_bytes(2, "big"),
        }
        return Confirmation(kind, values)

    def completes(self) -> None:
        """The second cryptogram, after a right ARPC: what scripts left is gone."""
        self.cvr = 0

    def does(self, command: bytes, request: AuthorisationRequest) -> str:
        """Do a script command after the second cryptogram; its head and data, in hex.

        Raises ``AssertionError`` for a wrong MAC.
        """
        head, data, mac = command[:4], command[5:-4], command[-4:]
        assert command[4] == len(command) - 5
        cryptogram = request.values[0x9F26]
        expected = self.suite.script_mac(self.key("mac"), head, self.atc, cryptogram, data)
        assert mac == expected, "MAC of the script"
        if head == bytes.fromhex("04DA9F79"):
            self.balance = int(data.hex())
        self.cvr = with_scripts(self.cvr, (self.cvr >> 4 & 0xF) + 1)
        return f"{head.hex()}:{data.hex()}".upper()

    def refuses(self) -> None:
        """A script command came and failed."""
        self.cvr = with_scripts(self.cvr, 1) | Cvr.LAST_SCRIPT_FAILED

    def was_torn(self) -> None:
        """The last online transaction did not come to its second cryptogram."""
        self.cvr |= Cvr.LAST_ONLINE_NOT_COMPLETED


def ended(kind: Kind | None, *outcomes: str) -> Confirmation:
    """What a terminal tells."""
    results: list[Any] = [ScriptResult(bytes(4), outcome) for outcome in outcomes]  # type: ignore[arg-type]
    return Confirmation(kind, {}, tuple(results))
