"""What the chip does not take: names of others, unfit contents, half an application."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.simulator.certificate import certificate_cards as certificates
from tests.simulator.pboc.perso_cards import (
    AID,
    DIRECTORY,
    ISD,
    PAYMENT,
    PSE,
    BankCard,
    bank_model,
    payment_groups,
    perso_card,
)
from tests.simulator.pboc.test_bank_firewall import complete_card
from tests.support.debit_card import SET

from sscard_ic.apdu.globalplatform import parse_status
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.sm2.curve import ORDER
from sscard_ic.simulator.pboc.registry import Registry

SSSE = "7378312E73682EC9E7BBE1B1A3D5CF"
CHALLENGE = "0084000008"


def managed(card: BankCard) -> BankCard:
    """The card manager selected, its channel open."""
    assert card.select(ISD) == "9000"
    assert card.open() == "9000"
    return card


def certificate_card() -> BankCard:
    """A card with the certificate application."""
    model = bank_model()
    made = certificates.new_card(replace(certificates.card_profile(), financial=model))
    return BankCard(made.chip, made.randomness, model, published_test_key("BANK-KMC", 1))


@pytest.mark.parametrize("name", [SSSE, SSSE[:10], SSSE + "01", PSE[:10], PSE + "01"])
def test_names_of_the_social_security_application_are_taken(name: str) -> None:
    """Their beginnings and continuations, too; the MF of the card has the name of the PSE."""
    card = managed(complete_card())
    assert card.install(name, PAYMENT, parameters="C90120", privileges="10") == "6985"
    assert card.install(AID[:-2] + "55", PAYMENT, parameters="C90120") == "9000"


@pytest.mark.parametrize("extra", ["", "01"])
@pytest.mark.parametrize("command", [certificates.DDF, certificates.ADF], ids=["DDF", "ADF"])
def test_names_of_the_certificate_application_are_taken(command: str, extra: str) -> None:
    card = managed(certificate_card())
    name = command[10 : 10 + 2 * int(command[8:10], 16)]
    assert card.install(name + extra, DIRECTORY) == "6985"
    assert card.install(PSE, DIRECTORY) == "9000"


def test_a_directory_keeps_its_name() -> None:
    """Even where the bank had the name first, and is current."""
    card = complete_card()
    Registry(card.chip._memory, card.model).install(bytes.fromhex(SSSE), "payment", 0)
    assert card.select(AID) == "9000"
    assert card.select(SSSE) == "9000"
    assert card.sw(CHALLENGE) == "9000"


def test_a_challenge_ends_with_the_application() -> None:
    """Another application's proof may not answer it."""
    card = complete_card()
    assert card.select(SSSE) == "9000"
    assert card.sw(CHALLENGE) == "9000"
    assert card.chip._challenge.peek() is not None
    assert card.select(SSSE) == "9000"
    assert card.chip._challenge.peek() is not None, "the same application"
    assert card.select(AID) == "9000"
    assert card.chip._challenge.peek() is None


def test_get_status_goes_on_where_it_was_cut() -> None:
    card = managed(complete_card())
    names = [f"A0000003330102{number:02X}" for number in range(25)]
    for name in names:
        assert card.install(name, PAYMENT, parameters="C90120") == "9000"
    answers = []
    for p2, status in (("00", "6310"), ("01", "9000")):
        command = card.wrapped(f"F240{p2}", "4F00") + "00"
        whole = card.chip.transmit(bytes.fromhex(command))
        assert whole[-2:].hex() == status
        answers.append(whole[:-2])
    listed = [each.aid.hex().upper() for part in answers for each in parse_status(part)]
    assert listed[-25:] == names
    assert len(listed) == 28
    assert card.secured("F24001", "4F00") == "6985", "nothing is left"


def test_a_list_ends_with_another_command() -> None:
    card = managed(complete_card())
    for number in range(25):
        card.install(f"A0000003330102{number:02X}", PAYMENT, parameters="C90120")
    assert card.secured("F24000", "4F00") == "6310"
    assert card.install("A000000333010300", PAYMENT, parameters="C90120") == "9000"
    assert card.secured("F24001", "4F00") == "6985"


LENGTHS = {
    "9F79 of 7": "9F790700000000005000",
    "9F53 empty": "9F5300",
    "9F13 of 3": "9F1303010000",
    "9F6C of 1": "9F6C0120",
    "9F68 of 3": "9F680380D0F0",
    "9F63 of 15": "9F630F" + "00" * 15,
    "57 of 20": "5714" + "88" * 20,
    "5F20 of 1": "5F200141",
    "DF71 of 1": "DF710101",
}


@pytest.mark.parametrize("value", LENGTHS.values(), ids=LENGTHS.keys())
def test_internal_data_have_their_length(value: str) -> None:
    card = perso_card()
    assert card.group("0D01", value) == "6A80"
    assert not any("/elements/" in path for path in card.states)


@pytest.mark.parametrize(("tries", "answer"), [("03", "9000"), ("04", "6A80")])
def test_no_more_tries_than_the_limit(tries: str, answer: str) -> None:
    card = perso_card()
    assert card.group("9010", "0303") == "9000"
    assert card.group("0D01", f"9F1701{tries}") == answer
    assert card.states[f"bank/{AID}/pin/tries"] == 3


@pytest.mark.parametrize(("length", "answer"), [(254, "9000"), (255, "6A80")])
@pytest.mark.parametrize("file", ["06", "15"], ids=["template", "free"])
def test_longest_record(file: str, length: int, answer: str) -> None:
    """Ref 14 §7.1."""
    inner = f"DF0181{length - 7:02X}" + "00" * (length - 7)
    value = f"7081{length - 3:02X}{inner}"
    assert len(value) == 2 * length
    assert perso_card().group(f"{file}01", value) == answer


@pytest.mark.parametrize("number", [0, ORDER - 1, ORDER, 2**256 - 1], ids=["0", "n-1", "n", "FF"])
def test_unusable_sm2_key(number: int) -> None:
    assert perso_card().group("8100", f"{number:064X}") == "6A80"


def rsa_groups(key: tuple[int, int], exponent: int) -> dict[str, str]:
    """Groups of a key whose primes nobody checked."""
    p, q = key
    size = (p.bit_length() + 15) // 16 * 2
    numbers = (
        *(("8205", p), ("8204", q), ("8203", pow(exponent, -1, p - 1))),
        *(("8202", pow(exponent, -1, q - 1)), ("8201", pow(q, -1, p))),
    )
    return {dgi: _filled(f"{number:0{2 * size}X}") for dgi, number in numbers}


NO_P, NO_Q = 3 * (2**510 + 2**509 + 1), 5 * (2**509 + 3)
"""Numbers of 512 bits that are no primes, and fit each other."""


def _filled(value: str) -> str:
    """As the chip of the package expects a number."""
    filled = value + "80"
    return filled + "00" * (-(len(filled) // 2) % 8)


P, Q = (int(SET["rsa"][part], 16) for part in "pq")
RSA: dict[str, dict[str, str]] = {
    "8203 of another key": {"8203": _filled(f"{int(SET['rsa']['exponent_p'], 16) - 2:0128X}")},
    "8202 of another key": {"8202": _filled(f"{int(SET['rsa']['exponent_q'], 16) - 2:0128X}")},
    "exchanged exponents": {
        "8202": _filled(SET["rsa"]["exponent_p"]),
        "8203": _filled(SET["rsa"]["exponent_q"]),
    },
    "no primes": rsa_groups((NO_P, NO_Q), 65537),
    "longer than 248 bytes": rsa_groups((2**2203 - 1, 2**607 - 1), 65537),
}


@pytest.mark.parametrize("groups", RSA.values(), ids=RSA.keys())
def test_unusable_rsa_key(groups: dict[str, str]) -> None:
    assert completed(groups) == "6A80"


def completed(groups: dict[str, str], **chip: Any) -> str:
    """Status word of the last STORE DATA; an empty group is left out."""
    card = perso_card(bank_model(chip))
    values = {number: value for number, value in {**payment_groups(), **groups}.items() if value}
    for number, value in values.items():
        answer = card.group(number, value, last=number == list(values)[-1])
    return answer


FIRST = payment_groups()["0302"]
MISSING = {
    "track 2": {"0101": "70045F340101"},
    "CDOL": {"0302": "", "0505": ""},
    "PAN and expiry": {"0301": "", "0303": "", "0501": ""},
    "version": {"0302": FIRST.replace("9F0802", "DF0802"), "0504": ""},
    "issuer data": {"9201": ""},
}


@pytest.mark.parametrize("groups", MISSING.values(), ids=MISSING.keys())
def test_an_application_that_is_not_whole(groups: dict[str, str]) -> None:
    """Ref 15 §3.5."""
    assert completed({}) == "9000"
    assert completed(groups) == "6A86"


@pytest.mark.parametrize("mode", ["flag", "number"])
@pytest.mark.parametrize("number", ["8000", "8010", "8100", "8205"])
def test_secrets_in_clear(number: str, mode: str) -> None:
    """The chip that goes by numbers deciphers them whatever P1 says."""
    card = perso_card(bank_model({"enciphered_groups": mode}))
    value = payment_groups()[number]
    card.store(f"{number}{len(value) // 2:02X}{value}")
    kept = {path: state for path, state in card.states.items() if path.startswith(f"bank/{AID}/")}
    assert value not in kept.values()
    assert (set(kept) == {f"bank/{AID}/module", f"bank/{AID}/privileges"}) or mode == "number"
