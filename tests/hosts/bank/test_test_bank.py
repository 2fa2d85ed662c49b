"""The test bank: whom it believes, what it books, and how the card puts it right (ref 14 §8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.hosts.bank.paper_card import PaperCard, ended
from tests.support.bank_keys import CARD, VECTORS, bank_card, bank_roots, bank_vault

from sscard_ic.base import InputError, Secret
from sscard_ic.card.financial.authorisation import AuthorisationResponse
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.hosts.bank_book import Account, BankBook
from sscard_ic.hosts.bank_issuer import BALANCE, BALANCE_LIMIT, SINGLE_LIMIT, Order
from sscard_ic.hosts.bank_scripts import ScriptWriter
from sscard_ic.hosts.test_bank import BankRules, TestBank
from sscard_ic.keys import MissingCapabilityError, SoftwareVault
from sscard_ic.profile import load_financial

YUAN = 100
START = 1000 * YUAN


def bank(**rules: Any) -> TestBank:
    vault = bank_vault()
    chosen = BankRules(**{"opening": START, "cash_limit": START, **rules})
    return TestBank(vault, load_financial(), BankBook(None, vault), chosen)


def amounts(bank: TestBank, card: PaperCard) -> tuple[int, int]:
    """Main account and EC account in yuan."""
    account = bank.account(card.pan, card.sequence)
    assert account is not None
    return account.main // YUAN, account.cash // YUAN


def commands(response: AuthorisationResponse) -> list[bytes]:
    return [command for script in response.scripts for command in script.commands]


def loaded(bank: TestBank, card: PaperCard, yuan: int) -> None:
    """A load that goes well."""
    request = card.request("load", yuan * YUAN)
    response = bank.authorise(request)
    assert (response.code, card.knows(response, request)) == (b"00", True)
    card.completes()
    for command in commands(response):
        card.does(command, request)
    bank.confirm(request, ended(Kind.TC, "done"))


# Whom it believes


@pytest.mark.parametrize("suite", VECTORS["suite"], ids=lambda each: each["source"])
def test_the_example_of_the_reference(suite: Mapping[str, Any]) -> None:
    """ref 04 §6.8: ARQC of a load of 1.00 with 100.00 on the card, and what answers it."""
    model = load_financial()
    settings = model.settings.model_copy(update={"sm_mac": suite["sm_mac"]})
    vault = bank_vault()
    made = TestBank(
        vault,
        model.model_copy(update={"settings": settings}),
        BankBook(None, vault),
        BankRules(cash_limit=10 * START),
    )
    card = PaperCard(suite["algorithm"])
    values = dict(card.request("load", YUAN).values)
    mac = suite["issuer_data"][0]["mac"]
    number = "01" if suite["algorithm"] == "3des" else "04"
    values[0x9F26] = bytes.fromhex(suite["arqc"])
    values[0x9F10] = bytes.fromhex(f"07000103A02000{number}0A010000010000{mac}")
    request = replace(card.request("load"), values=values)
    response = made.authorise(request)
    assert response.code == b"00"
    assert response.authentication.hex().upper() == suite["arpc"] + "3030"
    (command,) = commands(response)
    assert command[:11].hex().upper() == "04DA9F790A000000010100"


def test_put_data_of_the_reference() -> None:
    """The same with 100.00 more: the finished command of ref 04 §6.8."""
    model, vault = load_financial(), bank_vault()
    made = TestBank(vault, model, BankBook(None, vault), BankRules(cash_limit=10 * START))
    card = PaperCard(balance=100 * YUAN)
    suite = VECTORS["suite"][0]
    request = card.request("load", 100 * YUAN)
    (command,) = commands(made.authorise(request))
    assert card.does(command, request) == "04DA9F79:000000020000"
    # The MAC of the reference covers its own ARQC: the writer takes whatever the card sent.
    writer = ScriptWriter(vault, bank_card(), CARD["atc"], bytes.fromhex(suite["arqc"]))
    for script, row in (
        (writer.balance(200 * YUAN), 0),
        (writer.application_block(), 1),
        (writer.application_unblock(), 2),
        (writer.card_block(), 3),
        (writer.pin_unblock(), 4),
        (writer.pin_change(Secret(b"123456"), None, "enc"), 5),
        (writer.pin_change(Secret(b"123456"), Secret(b"654321"), "enc"), 6),
    ):
        told = suite["script"][row]
        (made_command,) = script.commands
        assert made_command.hex().upper().startswith(told["head"])
        assert made_command.hex().upper().endswith(told["data"] + told["mac"])


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@pytest.mark.parametrize("version", [0x01, 0x17])
def test_a_purchase(algorithm: Algorithm, version: int) -> None:
    made, card = bank(), PaperCard(algorithm, version=version)
    request = card.request(fen=30 * YUAN)
    response = made.authorise(request)
    assert (response.code, response.scripts) == (b"00", ())
    assert card.knows(response, request)
    made.confirm(request, ended(Kind.TC))
    assert amounts(made, card) == (970, 0)


@pytest.mark.parametrize("tag", [0x9F26, 0x9F02, 0x9F37, 0x95, 0x9A, 0x82, 0x9F36, 0x9F10])
def test_a_changed_message_is_not_believed(tag: int) -> None:
    made, card = bank(), PaperCard()
    request = card.request(fen=YUAN)
    value = request.values[tag]
    # The byte of the CVR in 9F10; elsewhere the last one, in a form that stays readable.
    at = 4 if tag == 0x9F10 else len(value) - 1
    changed = value[:at] + bytes((value[at] ^ 0x01,)) + value[at + 1 :]
    answer = made.authorise(replace(request, values={**request.values, tag: changed}))
    assert answer == AuthorisationResponse(b"63")
    assert made.account(card.pan, card.sequence) is None
    assert made.authorise(request).code == b"00", "the genuine message still counts"


def test_amounts_of_another_card_are_not_believed() -> None:
    made, card = bank(), PaperCard(balance=5 * YUAN)
    request = card.request("load", YUAN)
    data = bytearray(request.values[0x9F10])
    data[14] ^= 0x01  # the balance, which the cryptogram does not cover
    values = {**request.values, 0x9F10: bytes(data)}
    assert made.authorise(replace(request, values=values)).code == b"63"


@pytest.mark.parametrize(
    ("pan", "sequence"), [("8888800000123457", 1), (CARD["pan"], 2), (CARD["pan"], None)]
)
def test_a_card_that_says_to_be_another_one(pan: str, sequence: int | None) -> None:
    request = replace(PaperCard().request(), pan=pan, sequence=sequence)
    assert bank().authorise(request).code == b"63"


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (0x9F36, ""),
        (0x9F26, "00112233"),
        (0x82, ""),
        (0x9F10, ""),
        (0x9F10, "07000103A0200009"),  # no such algorithm
        (0x9F10, "07000203A0200001"),  # no such version
        (0x9F27, ""),
        (0x9F27, "C0"),
        (0x9F02, "00000000000A"),
    ],
)
def test_a_message_of_another_form(tag: int, value: str) -> None:
    request = PaperCard().request()
    changed = replace(request, values={**request.values, tag: bytes.fromhex(value)})
    assert bank().authorise(changed) == AuthorisationResponse(b"30")


def test_a_message_is_taken_once() -> None:
    made, card = bank(), PaperCard()
    request = card.request(fen=YUAN)
    assert made.authorise(request).code == b"00"
    assert made.authorise(request).code == b"94"
    card.atc = 0
    assert made.authorise(card.request(fen=2 * YUAN)).code == b"94", "nor an older ATC"
    assert amounts(made, card) == (999, 0)


def test_the_kind_of_the_cryptogram() -> None:
    made, card = bank(), PaperCard()
    assert made.authorise(card.request(fen=YUAN, kind=Kind.TC)).code == b"57"
    assert made.authorise(card.request(fen=YUAN, kind=Kind.AAC)).code == b"57"
    request = card.request("unblock", kind=Kind.AAC)
    response = made.authorise(request)
    assert response.code == b"00"
    assert [card.does(each, request) for each in commands(response)] == ["84180000:"]


def test_a_contactless_card_gets_a_code_alone() -> None:
    made, card = bank(), PaperCard(version=0x17)
    request = card.request(fen=YUAN, contactless=True)
    values = {tag: value for tag, value in request.values.items() if tag != 0x9F27}
    assert made.authorise(replace(request, values=values)) == AuthorisationResponse(b"00")
    assert amounts(made, card) == (999, 0)


# Accounts


def test_money_in_the_account() -> None:
    made, card = bank(), PaperCard()
    assert made.authorise(card.request(fen=START + 1)).code == b"51"
    assert made.authorise(card.request("load", START + 1)).code == b"51"
    assert amounts(made, card) == (1000, 0)


def test_a_bank_that_knows_its_customers() -> None:
    made, card = bank(opening=None), PaperCard()
    assert made.authorise(card.request(fen=YUAN)).code == b"14"
    made.open_account(card.pan, card.sequence, 50 * YUAN)
    assert made.authorise(card.request(fen=YUAN)).code == b"00"
    assert amounts(made, card) == (49, 0)


def test_the_online_pin() -> None:
    made, card = bank(), PaperCard()
    made.open_account(card.pan, card.sequence, START, pin=b"246810")
    assert made.authorise(card.request(fen=YUAN)).code == b"00", "a purchase may be signed for"
    assert made.authorise(card.request(fen=YUAN, pin="246810")).code == b"00"
    assert made.authorise(card.request(fen=YUAN, pin="246811")).code == b"55"
    assert made.authorise(card.request("load", YUAN)).code == b"55"
    response = made.authorise(card.request("load", YUAN, pin="246810"))
    assert (response.code, len(commands(response))) == (b"00", 1)


def test_a_lost_card_is_blocked_when_it_is_seen() -> None:
    made, card = bank(), PaperCard()
    made.close_account(card.pan, card.sequence)
    request = card.request(fen=YUAN)
    response = made.authorise(request)
    assert response.code == b"62"
    assert card.knows(response, request), "the card is told by its bank, not by anybody"
    assert [card.does(each, request) for each in commands(response)] == ["841E0000:"]


# Scripts


def test_a_load() -> None:
    made, card = bank(), PaperCard(balance=20 * YUAN)
    loaded(made, card, 50)
    assert card.balance == 70 * YUAN
    assert amounts(made, card) == (950, 50)


def test_a_load_above_the_limit_of_the_card() -> None:
    made, card = bank(cash_limit=100 * YUAN), PaperCard(balance=60 * YUAN)
    response = made.authorise(card.request("load", 41 * YUAN))
    assert (response.code, response.scripts) == (b"61", ())
    assert made.authorise(card.request("load", 40 * YUAN)).code == b"00"


def test_a_load_of_a_card_that_proves_no_balance() -> None:
    card = PaperCard(tells_balance=False)
    told = {0x9F79: bytes.fromhex("000000000500")}
    for made, code in ((bank(), b"57"), (bank(unproved_balance=True), b"00")):
        request = card.request("load", YUAN)
        response = made.authorise(replace(request, values={**request.values, **told}))
        assert response.code == code
    assert card.does(commands(response)[0], request) == "04DA9F79:000000000600"
    assert made.authorise(card.request("load", YUAN)).code == b"57", "nobody told one"


def test_an_unload_is_declined_and_empties_the_card() -> None:
    made, card = bank(), PaperCard()
    loaded(made, card, 50)
    card.balance -= 20 * YUAN  # spent offline
    request = card.request("unload")
    response = made.authorise(request)
    assert (response.code, card.knows(response, request)) == (b"05", True)
    assert amounts(made, card) == (950, 50), "not before the card is empty"
    card.completes()
    assert card.does(commands(response)[0], request) == "04DA9F79:000000000000"
    made.confirm(request, ended(Kind.AAC, "done"))
    assert amounts(made, card) == (980, 20), "what was spent waits for its merchant"
    assert made.authorise(card.request("unload")).code == b"57", "there is nothing left"


def test_what_was_spent_offline_is_cleared_once() -> None:
    made, card = bank(), PaperCard()
    loaded(made, card, 50)
    spent = card.request(fen=20 * YUAN, kind=Kind.TC)
    with_code = replace(spent, values={**spent.values, 0x9F74: b"ECC001"})
    assert made.clear(with_code)
    assert not made.clear(with_code)
    assert amounts(made, card) == (950, 30)
    assert made.clear(card.request(fen=5 * YUAN, kind=Kind.TC)), "offline, of the main account"
    assert amounts(made, card) == (945, 30)
    assert not made.clear(card.request(fen=5 * YUAN)), "an ARQC is no payment"
    forged = card.request(fen=5 * YUAN, kind=Kind.TC)
    values = {**forged.values, 0x9F02: bytes.fromhex("000000990000")}
    assert not made.clear(replace(forged, values=values))


def test_limits() -> None:
    made, card = bank(), PaperCard()
    request = card.request("limits")
    order = Order(limits={BALANCE_LIMIT: 30 * YUAN, SINGLE_LIMIT: 10 * YUAN})
    response = made.authorise(request, order)
    card.completes()
    assert [card.does(each, request) for each in commands(response)] == [
        "04DA9F77:000000003000",
        "04DA9F78:000000001000",
    ]
    made.confirm(request, ended(Kind.TC, "done"))
    assert made.authorise(card.request("load", 31 * YUAN)).code == b"61"


@pytest.mark.parametrize("limits", [{}, {BALANCE: 1}, {SINGLE_LIMIT: -1}, {SINGLE_LIMIT: 10**12}])
def test_no_other_limits(limits: dict[int, int]) -> None:
    assert bank().authorise(PaperCard().request("limits"), Order(limits=limits)).code == b"30"


def test_pins() -> None:
    made, card = bank(), PaperCard()
    new, current = Secret(b"123456"), Secret(b"654321")
    for order, head in (
        (Order(), "84240000"),
        (Order(new_pin=new), "84240002"),
        (Order(new_pin=new, current_pin=current), "84240001"),
    ):
        request = card.request("pin")
        (command,) = commands(made.authorise(request, order))
        done = card.does(command, request)
        assert done.startswith(head)
        if order.new_pin is not None:
            data = card.suite.decipher(card.key("enc"), command[5:-4])
            master = card.suite.card_key(bytes.fromhex(CARD["masters"]["enc"]), card.pan, 1)
            block = bytes(a ^ b for a, b in zip(data[4:], master[4:8], strict=True))
            expected = "06123456FFFFFFFF" if head.endswith("2") else "63511556FFFFFFFF"
            assert (data[:4] + block).hex().upper() == expected


def test_blocking() -> None:
    made, card = bank(), PaperCard()
    for service, head in (("block", "841E0000:"), ("card_block", "84160000:")):
        request = card.request(service)  # type: ignore[arg-type]
        response = made.authorise(request)
        assert response.code == b"00"
        assert [card.does(each, request) for each in commands(response)] == [head]


# Loads that break off: the card is always right in the end


@pytest.mark.parametrize(
    ("happens", "told", "yuan"),
    [
        # What the card did; what the terminal tells; what the bank then holds.
        ("done", "done", (950, 50)),
        ("done", None, (950, 50)),
        ("done", "unknown", (950, 50)),
        ("done", "failed", (1000, 0)),
        ("failed", "failed", (1000, 0)),
        ("failed", None, (950, 50)),
        ("failed", "done", (950, 50)),
        ("not_run", "not_run", (1000, 0)),
        ("torn", None, (950, 50)),
        ("torn", "not_run", (1000, 0)),
    ],
)
@pytest.mark.parametrize("before", ["new", "loaded"])
@pytest.mark.parametrize("proves", [True, False], ids=["balance", "no balance"])
def test_a_load_that_breaks_off(
    happens: str, told: str | None, yuan: tuple[int, int], before: str, proves: bool
) -> None:
    made, card = bank(unproved_balance=True), PaperCard()
    if before == "loaded":  # the results of an older script must not be taken for this one's
        loaded(made, card, 100)
    old = amounts(made, card) if before == "loaded" else (1000, 0)
    held, card.tells_balance = card.balance, proves
    request = card.request("load", 50 * YUAN)
    request = replace(request, values={**request.values, 0x9F79: bytes.fromhex(f"{held:012d}")})
    response = made.authorise(request)
    if happens == "torn":
        card.was_torn()
    else:
        card.completes()
    if happens == "done":
        card.does(commands(response)[0], request)
    elif happens == "failed":
        card.refuses()
    if told is not None:
        made.confirm(request, ended(Kind.TC, told))
    assert amounts(made, card) == (yuan[0] - 1000 + old[0], yuan[1] + old[1])
    # Whatever the terminal said: the next online transaction tells the truth.
    made.authorise(card.request())
    came = 50 if happens == "done" else 0
    assert amounts(made, card) == (old[0] - came, old[1] + came)
    assert card.balance == held + came * YUAN
    made.confirm(request, ended(Kind.TC, "failed" if came else "done"))
    assert amounts(made, card) == (old[0] - came, old[1] + came), "too late for the terminal"


@pytest.mark.parametrize("happens", ["done", "torn"])
def test_an_unload_of_which_nothing_was_heard(happens: str) -> None:
    made, card = bank(), PaperCard()
    loaded(made, card, 50)
    request = card.request("unload")
    response = made.authorise(request)
    if happens == "torn":
        card.was_torn()
    else:
        card.completes()
        card.does(commands(response)[0], request)
    made.authorise(card.request())
    assert amounts(made, card) == ((1000, 0) if happens == "done" else (950, 50))


@pytest.mark.parametrize("between", ["contactless", "cash", "blocked"])
def test_transactions_that_tell_nothing_of_scripts(between: str) -> None:
    """Their card verification results leave out what the last script did."""
    made, card = bank(), PaperCard()
    request = card.request("load", 50 * YUAN)
    response = made.authorise(request)
    card.completes()
    card.does(commands(response)[0], request)
    left, card.cvr, card.tells_balance = card.cvr, 0, False
    if between == "blocked":
        asked = card.request("unblock", kind=Kind.AAC)
    else:
        asked = card.request(contactless=between == "contactless")
    if between == "cash":
        asked = replace(asked, values={**asked.values, 0x9F74: b"ECC001"})
    made.authorise(asked)
    assert amounts(made, card) == (950, 50), "nothing is concluded from it"
    card.cvr, card.tells_balance = left, True
    made.authorise(card.request())
    assert amounts(made, card) == (950, 50)


# The book


def test_accounts_outlive_the_program(tmp_path: Path) -> None:
    path, card = tmp_path / "books" / "bank.db", PaperCard()
    for expected in (990, 980):
        vault = bank_vault()
        book = BankBook(path, vault)
        made = TestBank(vault, load_financial(), book, BankRules())
        made.open_account(card.pan, card.sequence, made_main(made, card), pin=b"246810")
        assert made.authorise(card.request(fen=10 * YUAN, pin="246810")).code == b"00"
        assert amounts(made, card) == (expected, 0)
        book.close()
    content = path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    for secret in (card.pan.encode(), bytes.fromhex(card.pan), b"246810"):
        assert secret not in content


def made_main(bank: TestBank, card: PaperCard) -> int:
    known = bank.account(card.pan, card.sequence) or Account(START)
    return known.main


def test_a_book_of_another_vault(tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    BankBook(path, bank_vault()).close()
    other = SoftwareVault(Path("other"), "test", bank_roots(), Secret(bytes(32)))
    with pytest.raises(InputError, match="another key vault"):
        BankBook(path, other)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""], ids=["text", "empty"])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bank.db"
    path.write_bytes(content)
    if not content:
        BankBook(path, bank_vault()).close()
        return
    with pytest.raises(InputError) as caught:
        BankBook(path, bank_vault())
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_test_keys_alone() -> None:
    vault = SoftwareVault(Path("real"), "production", [], Secret(bytes(32)))
    with pytest.raises(InputError, match="test keys alone"):
        TestBank(vault, load_financial(), BankBook(None, vault))


def test_a_service_that_is_no_bank() -> None:
    class Other:
        environment, place, limits = "test", "here", None

    vault = bank_vault()
    with pytest.raises(MissingCapabilityError, match="answer for the bank"):
        TestBank(Other(), load_financial(), BankBook(None, vault))  # type: ignore[arg-type]
