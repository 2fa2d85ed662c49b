"""Contact transactions with the card of ref 04 appendix D: decisions, cryptograms, scripts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.card.financial.counter import AT, Bank, Till, authorities, cash
from tests.support.debit_card import PAN, PIN

from sscard_ic.apdu import pboc
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    BankUnreachable,
)
from sscard_ic.card.financial.commands import UnusableCard
from sscard_ic.card.financial.contact import contact_transaction
from sscard_ic.card.financial.online import Interrupted
from sscard_ic.card.financial.terminal import Capabilities, Purchase, TerminalSettings
from sscard_ic.codec.pboc.bits import Kind, Tsi, Tvr
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.reader.errors import CardRemoved

HOLDER = Secret(PIN.encode())
OFFLINE = {"type": 0x23}
ABOVE = {"floor_limit": 10_000_000}
OFFLINE_LIMITS = {
    **{"9F58": "05", "9F59": "05"},
    **dict.fromkeys(("9F54", "9F5C"), "000000100000"),
}
"""Of a card that pays a few times without its bank."""


def test_online_debit() -> None:
    """The bank verifies the ARQC; the card believes its answer and gives a TC."""
    till, bank = Till(), Bank()
    result = till.pay(12_000, bank, pin=HOLDER)
    assert (result.outcome, result.path, result.kind) == ("approved", "contact", Kind.TC)
    assert result.offline.method == "dda" and result.offline.passed
    assert result.tvr == Tvr.ONLINE_PIN | Tvr.FLOOR_LIMIT
    assert result.tsi == Tsi(0xF800)
    (request,) = bank.asked
    assert request.values[0x9F02] == amount(12_000)
    assert request.values[0x95] == int(result.tvr).to_bytes(5, "big")
    assert request.pin == HOLDER
    assert (request.pan, request.sequence, request.service) == (PAN, 1, "purchase")
    confirmation = result.confirmation
    assert confirmation is not None and confirmation.kind == Kind.TC
    assert confirmation.values[0x9F26] != request.values[0x9F26]
    assert till.card().get_data(0x9F13) == b"\x00\x01"
    (entry,) = till.card().transaction_log()
    assert (entry.amount, entry.merchant, entry.counter) == (12_000, "SSCARD TEST MERCHANT", 1)


@pytest.mark.parametrize("code", [b"05", b"51", b"01"])
def test_the_bank_declines(code: bytes) -> None:
    till = Till()
    result = till.pay(12_000, Bank(code), pin=HOLDER)
    assert (result.outcome, result.kind) == ("declined", Kind.AAC)
    assert till.card().transaction_log() == ()


def test_wrong_response_cryptogram() -> None:
    """The card refuses it; it must have been authenticated, by its 9F52 and 9F56: AAC."""
    result = Till().pay(12_000, Bank(right_response=False), pin=HOLDER)
    assert (result.outcome, result.kind) == ("declined", Kind.AAC)
    assert result.tvr & Tvr.ISSUER_AUTHENTICATION_FAILED
    words = [step.details[0].en for step in result.steps if step.name == "issuer_authentication"]
    assert words == ["the card refuses the ARPC (6300)"]


@pytest.mark.parametrize(
    ("terminal", "kind", "asked", "code"),
    [
        ({}, Kind.AAC, True, b"Z3"),
        (ABOVE | {"random_percent": 100}, Kind.TC, True, b"Y3"),
        (ABOVE, Kind.TC, False, None),
        (ABOVE | OFFLINE, Kind.TC, False, None),
        (OFFLINE, Kind.AAC, False, None),
        ({"type": 0x21} | ABOVE, Kind.TC, True, b"Y3"),
    ],
    ids=["floor", "random", "offline", "offline_only", "offline_only_floor", "online_only"],
)
def test_without_the_bank(
    terminal: dict[str, Any], kind: Kind, asked: bool, code: bytes | None
) -> None:
    """The default action codes of card and acquirer name the floor limit, not the random choice."""
    no_pin = {"capabilities": Capabilities(online_pin=False)}
    result = Till(elements=OFFLINE_LIMITS).pay(100, None, no_pin | terminal)
    assert (result.kind, result.values.get(0x8A)) == (kind, code)
    assert (result.request is not None) == asked
    assert result.signature


def test_an_unreachable_bank_is_told_to_the_card() -> None:
    def silent(request: AuthorisationRequest) -> AuthorisationResponse:
        raise BankUnreachable(Text("无应答", "silence"))

    till = Till()
    result = till.pay(100, silent, pin=HOLDER, electronic_cash=False)  # type: ignore[arg-type]
    assert result.request is not None and result.response is None
    assert result.values[0x8A] == b"Z3"
    assert (result.kind, result.confirmation) == (Kind.AAC, None)


# Electronic cash (ref 14 §8.1)


@pytest.mark.parametrize(
    ("fen", "elements", "terminal", "path", "kind", "left"),
    [
        (1_000, {}, {}, "cash", Kind.TC, 49_000),
        (50_000, {}, {}, "cash", Kind.TC, 0),
        (50_001, {}, {}, "contact", Kind.AAC, 50_000),
        (1_000, {"9F78": "000000000999"}, {}, "contact", Kind.AAC, 50_000),
        (1_000, {}, {"cash_limit": 1_000}, "contact", Kind.AAC, 50_000),
        (1_000, {}, {"cash_limit": None}, "contact", Kind.AAC, 50_000),
        (1_000, {}, {"cash_limit": None, "floor_limit": 1_001}, "cash", Kind.TC, 49_000),
        (1_000, {"9F6D": "000000049000"}, {}, "cash", Kind.TC, 49_000),
        (1_000, {"9F6D": "000000049001"}, {}, "cash", Kind.AAC, 50_000),
        (1_000, {"9F6D": "000000049001"}, OFFLINE, "cash", Kind.TC, 49_000),
        (1_000, {}, {"currency": 0x0840}, "contact", Kind.AAC, 50_000),
    ],
    ids=[
        "enough",
        "all_of_it",
        "too_little",
        "single_limit",
        "terminal_limit",
        "no_limit_no_floor",
        "below_floor",
        "to_the_threshold",
        "below_the_threshold",
        "below_the_threshold_offline_only",
        "other_currency",
    ],
)
def test_electronic_cash(
    fen: int, elements: dict[str, str], terminal: dict[str, Any], path: str, kind: Kind, left: int
) -> None:
    till = Till(elements=cash(50_000) | elements)
    result = till.pay(fen, None, terminal)
    assert (result.path, result.kind, till.balance) == (path, kind, left)


def test_cash_is_not_asked_for_where_the_merchant_wants_it_online() -> None:
    till = Till(elements=cash(50_000))
    result = till.pay(1_000, Bank(), online=True, pin=HOLDER)
    assert (result.path, result.kind, till.balance) == ("contact", Kind.TC, 50_000)
    assert result.tvr & Tvr.MERCHANT_ONLINE


# SM2, SM4, CDA


def test_combined_signature_with_sm_algorithms() -> None:
    till, bank = Till(elements=cash(50_000)), Bank()
    paid = till.pay(1_000, bank, {"algorithm": "sm4"})
    assert (paid.path, paid.kind, paid.outcome) == ("cash", Kind.TC, "approved")
    assert paid.offline.method == "cda" and paid.offline.passed
    assert paid.offline.authority is not None and paid.offline.authority.kind == "sm2"
    assert till.balance == 49_000
    online = till.pay(12_000, bank, {"algorithm": "sm4"}, pin=HOLDER, electronic_cash=False)
    assert (online.outcome, online.kind) == ("approved", Kind.TC)
    assert online.offline.passed
    assert len(bank.asked) == 1


def _spoilt(command: bytes, answer: bytes) -> bytes:
    """A bit of the signature with the cryptogram is another one."""
    if command[1] != 0xAE or len(answer) < 60:
        return answer
    return answer[:-40] + bytes((answer[-40] ^ 1,)) + answer[-39:]


def test_wrong_combined_signature() -> None:
    """A TC whose signature is wrong is declined, and the bank is not asked."""
    till, bank = Till(elements=cash(50_000), change=_spoilt), Bank()
    paid = till.pay(1_000, bank, {"algorithm": "sm4"})
    assert (paid.outcome, bank.asked) == ("declined", [])
    assert paid.tvr & Tvr.CDA_FAILED and not paid.offline.passed
    online = till.pay(12_000, bank, {"algorithm": "sm4"}, pin=HOLDER, electronic_cash=False)
    assert (online.outcome, online.kind, bank.asked) == ("declined", Kind.AAC, [])


def test_unknown_authority() -> None:
    """Without the key of the payment scheme, the card's certificates prove nothing: online."""
    bank = Bank()
    result = Till().pay(12_000, bank, {"authorities": {}}, pin=HOLDER)
    assert result.tvr & Tvr.DDA_FAILED
    assert result.offline.reason is not None and "F8" in result.offline.reason.en
    assert (result.outcome, len(bank.asked)) == ("approved", 1)
    alone = Till(elements=cash(50_000))
    refused = alone.pay(1_000, None, OFFLINE | {"authorities": {}})
    assert (refused.kind, alone.balance) == (Kind.AAC, 50_000)


# Scripts (ref 14 §5.7)


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_load_by_script(algorithm: str) -> None:
    bank = Bank(scripts=(pboc.put_data(0x9F79, amount(20_000)),))
    till = Till()
    terminal = {"algorithm": algorithm}
    result = till.pay(20_000, bank, terminal, service="load", electronic_cash=False)
    assert (result.outcome, till.balance) == ("approved", 20_000)
    assert [bytes(each).hex() for each in result.scripts] == ["2000000007"]
    assert result.tsi & Tsi.SCRIPT and not result.tvr & Tvr.SCRIPT_FAILED_AFTER
    assert bank.asked[0].values[0x9C] == b"\x50"
    (entry,) = till.card().load_log()
    assert (entry.tag, entry.before, entry.after) == (0x9F79, 0, 20_000)


def test_load_by_the_contactless_face() -> None:
    """Scripts of a card in the air run over its debit path (ref 04 §8.5, 14 §9.9)."""
    till = Till("contactless")
    card, bank = till.card(), Bank(scripts=(pboc.put_data(0x9F79, amount(700)),))
    terminal = TerminalSettings(authorities=authorities())
    result = contact_transaction(card, terminal, Purchase(700, AT, service="load"), bank)
    assert (result.path, result.kind, till.balance) == ("contact", Kind.TC, 700)
    assert result.values[0x9F66].hex() == "46000000"


def test_script_stops_at_its_first_failure() -> None:
    commands = (
        pboc.put_data(0x9F77, amount(50_000)),
        pboc.put_data(0x9F79, amount(50_001)),
        pboc.put_data(0x9F78, amount(1)),
    )
    till = Till()
    result = till.pay(0, Bank(scripts=commands), service="limits")
    (script,) = result.scripts
    assert (script.outcome, script.failed, bytes(script).hex()) == ("failed", 2, "1200000007")
    assert result.tvr & Tvr.SCRIPT_FAILED_AFTER
    assert till.card().get_data(0x9F77) == amount(50_000)
    assert till.card().get_data(0x9F78) == amount(100_000)


def test_script_with_a_wrong_mac() -> None:
    bank = Bank(scripts=(pboc.put_data(0x9F79, amount(20_000)),), right_script=False)
    till = Till()
    result = till.pay(20_000, bank, service="load")
    assert (result.scripts[0].outcome, till.balance) == ("failed", 0)
    (step,) = (each for each in result.steps if each.name == "script_after")
    assert [each.en for each in step.details] == ["command 1 (PUT DATA 9F79): 6988"]


def test_blocked_application_and_its_unblocking() -> None:
    """Blocked by a script: only AACs any more, until a script made with such an AAC."""
    till = Till()
    till.pay(0, Bank(scripts=(pboc.application_block(),)), service="block")
    assert till.card().info.blocked
    refused = till.pay(100, Bank(), pin=HOLDER)
    assert (refused.kind, refused.outcome) == (Kind.AAC, "declined")
    bank = Bank(scripts=(pboc.application_unblock(),))
    result = till.pay(0, bank, service="unblock")
    assert result.kind == Kind.AAC and result.scripts[0].outcome == "done"
    assert [step.name for step in result.steps][-3:] == ["online", "script_after", "result"]
    assert not till.card().info.blocked
    assert till.pay(100, Bank(), pin=HOLDER, electronic_cash=False).outcome == "approved"


# Terminal's rules


@pytest.mark.parametrize(
    ("terminal", "purchase", "bits"),
    [
        ({"version": 0x0020}, {}, Tvr.VERSIONS_DIFFER),
        ({"refused": frozenset({PAN})}, {}, Tvr.EXCEPTION_FILE),
        ({}, {"at": datetime(2050, 1, 1)}, Tvr.EXPIRED),
        ({}, {"at": datetime(2025, 12, 31)}, Tvr.NOT_YET_EFFECTIVE),
        ({}, {"pin": None}, Tvr.PIN_NOT_ENTERED),
    ],
    ids=["version", "exception_file", "expired", "too_early", "no_pin"],
)
def test_what_the_terminal_finds_out(
    terminal: dict[str, Any], purchase: dict[str, Any], bits: Tvr
) -> None:
    result = Till().pay(12_000, Bank(), terminal, **{"pin": HOLDER, **purchase})
    assert result.tvr & bits == bits


@pytest.mark.parametrize("asked", [Kind.AAC, Kind.ARQC], ids=["AAC", "ARQC"])
def test_a_higher_kind_than_asked_is_refused(asked: Kind) -> None:
    """A card that answers a TC where less was asked ends the transaction (ref 14 §11)."""

    def higher(command: bytes, answer: bytes) -> bytes:
        forged = command[1] == 0xAE and command[2] >> 6 == asked
        return answer[:2] + b"\x40" + answer[3:] if forged else answer

    till = Till(change=higher)
    pin = HOLDER if asked == Kind.ARQC else None
    with pytest.raises(UnusableCard, match=asked.name):
        till.pay(12_000, Bank(), pin=pin)
    assert [step.name for step in till.transcript.steps][-1] == "terminal_action"


def test_cards_lost_after_the_authorisation() -> None:
    """The bank is told what is known: nothing where only the card knows it."""
    lost = {"at": 0}

    def pull(command: bytes, answer: bytes) -> bytes:
        if command[1] == lost["at"]:
            raise CardRemoved(Text("取出", "taken out"))
        return answer

    lost["at"] = 0x82
    with pytest.raises(Interrupted) as before:
        Till(change=pull).pay(12_000, Bank(), pin=HOLDER)
    assert before.value.confirmation is not None
    assert before.value.confirmation.kind == Kind.ARQC
    lost["at"] = 0xDA
    bank = Bank(scripts=(pboc.put_data(0x9F79, amount(5)),))
    with pytest.raises(Interrupted) as within:
        Till(change=pull).pay(5, bank, service="load")
    assert within.value.confirmation is not None
    assert [each.outcome for each in within.value.confirmation.scripts] == ["unknown"]
    lost["at"] = 0xB2
    with pytest.raises(CardRemoved):
        Till(change=pull).pay(12_000, Bank(), pin=HOLDER)


def test_steps_name_nobody() -> None:
    """No step, no representation shows the account number, the holder or the PIN."""
    till = Till(elements=cash(50_000))
    result = till.pay(12_000, Bank(), pin=HOLDER)
    said = repr(result) + repr(till.transcript) + repr(TerminalSettings())
    assert PAN not in said and "SAMPLE" not in said and PIN not in said
    assert "888880******3456" in said
