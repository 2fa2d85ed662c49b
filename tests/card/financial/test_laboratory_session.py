"""The recording of a laboratory card: the terminal reads, authenticates and transacts as it did.

Every command but the order of two is that of the recording, byte for byte (ref 04 appendix C).
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from pathlib import Path

import pytest

from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.authenticating import authenticate_read
from sscard_ic.card.financial.authorisation import AuthorisationRequest, AuthorisationResponse
from sscard_ic.card.financial.contact import contact_transaction
from sscard_ic.card.financial.terminal import Capabilities, Purchase, TerminalSettings
from sscard_ic.codec.pboc.bits import Kind, Tsi, Tvr
from sscard_ic.profile import load_financial
from sscard_ic.profile.payment_authorities import load_authorities

VECTORS = Path(__file__).parents[2] / "vectors" / "laboratory_session.toml"
EXCHANGES = [
    (bytes.fromhex(each["command"]), bytes.fromhex(each["answer"]))
    for each in tomllib.loads(VECTORS.read_text("utf-8"))["exchanges"]
]
PAN = "6210948000000011"
AT = datetime(2015, 3, 16, 16, 1, 36)


class Recorded:
    """Answers each command of the recording once; to everything else, that it has no such data."""

    atr = bytes.fromhex("3B00")
    protocol = "T=0"

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._left = list(EXCHANGES)

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        self.asked.append(raw)
        found = next((each for each in self._left if each[0] == raw), None)
        if found is None:
            return b"\x6a\x88"
        self._left.remove(found)
        return found[1]

    def reset(self, cold: bool) -> bytes:
        return self.atr

    def close(self) -> None:
        """Nothing is open."""


def numbers(*values: str) -> TerminalSettings:
    """The terminal of the recording, with its unpredictable numbers in their order."""
    left = [bytes.fromhex(value) for value in values]
    return TerminalSettings(
        country=0x0036,
        currency=0x0036,
        version=0x0020,
        capabilities=Capabilities(online_pin=False, no_cvm=False),
        authorities=load_authorities(),
        random=lambda length: left.pop(0),
    )


def test_reading_and_dda() -> None:
    recorded = Recorded()
    card = FinancialCard(recorded, load_financial())  # type: ignore[arg-type]
    assert [each.label for each in card.candidates()] == [
        "UICC CREDIT",
        "UICC DEBIT",
        "UICC QUASICREDIT",
    ]
    opened = card.open()
    result = authenticate_read(card, opened, numbers("7863AFC6"), AT.date())
    found = card.told(opened)
    assert (found.pan, found.masked_pan, found.sequence) == (PAN, "621094******0011", 1)
    assert found.holder == "银联62标准卡@测试专用Cards"
    assert found.identity_number == "110101198606200010"
    assert (found.effective, found.expires) == (date(2011, 9, 1), date(2030, 10, 31))
    assert (found.counter, found.last_online, found.balance) == (6, 1, None)
    assert (result.method, result.passed) == ("dda", True)
    assert result.found == {0x9F4C: bytes.fromhex("000659A2F145F4")}
    assert result.authority is not None
    assert (result.authority.index, result.authority.status) == (0x09, "live")
    assert PAN not in repr(found) and "110101198606200010" not in repr(found)


@pytest.mark.parametrize(
    ("at", "reason"),
    [(date(2034, 1, 1), "expired"), (date(2015, 3, 16), "")],
    ids=["expired", "valid"],
)
def test_certificates_expire(at: date, reason: str) -> None:
    card = FinancialCard(Recorded(), load_financial())  # type: ignore[arg-type]
    result = authenticate_read(card, card.open(), numbers("7863AFC6"), at)
    assert result.passed is not bool(reason)
    assert reason in (result.reason.en if result.reason else "")


def test_transaction_of_the_recording() -> None:
    recorded = Recorded()
    card = FinancialCard(recorded, load_financial())  # type: ignore[arg-type]
    asked: list[AuthorisationRequest] = []

    def bank(request: AuthorisationRequest) -> AuthorisationResponse:
        asked.append(request)
        return AuthorisationResponse(b"00", bytes.fromhex("1122334455667788"))

    result = contact_transaction(
        card,
        numbers("00000000", "7863AFC6", "3510540E"),
        Purchase(6580, AT, merchant="", electronic_cash=False),
        bank,
    )
    assert sorted(recorded.asked) == sorted(command for command, _ in EXCHANGES)
    assert (result.outcome, result.kind, result.path) == ("approved", Kind.TC, "contact")
    assert result.tvr == Tvr.FLOOR_LIMIT | Tvr.ISSUER_AUTHENTICATION_FAILED
    assert result.tsi == Tsi(0xF800)
    assert result.signature
    (request,) = asked
    assert request.values[0x9F26].hex().upper() == "B04398D218017BF9"
    assert request.values[0x9F10].hex().upper() == "07000103A0A80201"
    assert request.values[0x95].hex() == "0000008000"
    assert (request.pan, request.sequence) == (PAN, 1)
