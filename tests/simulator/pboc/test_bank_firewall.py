"""The bank's part beside the social security application: neither sees the other (ref 04 §1.1)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator import cards
from tests.simulator.cards import DF01, MF, SSSE, VERIFY, Card
from tests.simulator.certificate import certificate_cards as certificates
from tests.simulator.pboc.perso_cards import (
    AID,
    ISD,
    PPSE,
    PSE,
    BankCard,
    bank_model,
    bank_profile,
    blank_card,
)
from tests.support.debit_card import card_key

from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.crypto.published import published_test_key
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator import CardLost, describe_image, open_image

GPO = "80A800000C830A" + "00" + "000000000100" + "0156" + "00" + "00"
BANK_VERIFY = "002000800826123456FFFFFFFF"
CDOL1 = "000000000100" + "000000000000" + "0156" + "0000000000" + "0156" + "260115" + "00"
CDOL1 += "11223344" + "120000" + "00" * 20
ARQC = f"80AE8000{len(CDOL1) // 2:02X}{CDOL1}00"


def select(name: str) -> str:
    """SELECT by name."""
    return f"00A40400{len(name) // 2:02X}{name}00"


def complete_card(
    financial: FinancialApplication | None = None, *, path: Path | None = None
) -> BankCard:
    """Both parts finished, after a reset."""
    financial = financial or bank_model()
    made = cards.finished_card(bank_profile(financial), path=path)
    card = BankCard(made.chip, made.randomness, financial, published_test_key("BANK-KMC", 1))
    card.install_all()
    for aid in (AID, PSE, PPSE):
        card.personalize(aid)
    card.reset()
    return card


@cache
def image() -> bytes:
    """The image of :func:`complete_card`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.img"
        complete_card(path=path).chip.close()
        return path.read_bytes()


@pytest.fixture
def card(tmp_path: Path) -> Iterator[BankCard]:
    """A chip with both parts, powered."""
    opened = from_image(tmp_path / "card.img")
    yield opened
    opened.chip.close()


def from_image(path: Path) -> BankCard:
    """The chip of :func:`image`, in a file of its own."""
    path.write_bytes(image())
    randomness = cards.Randomness()
    chip = open_image(path, entropy=randomness)
    chip.power_on()
    return BankCard(chip, randomness, bank_model(), published_test_key("BANK-KMC", 1))


def closed_record(card: Card) -> str:
    """Status of reading what the PIN of the social security application opens."""
    assert card.sw(DF01) == "9000"
    assert card.raw("00A4000002EF05") == "9000"
    return card.sw("00B2010404")


def states(card: Card, below: str) -> dict[str, object]:
    """One part of the memory."""
    kept = card.chip.persistent_state()
    return {path: state for path, state in kept.items() if path.startswith(below)}


@pytest.mark.parametrize("detour", [AID, ISD, PSE, PPSE])
def test_leaving_takes_the_pin_of_the_social_security_application(
    card: BankCard, detour: str
) -> None:
    assert card.sw(SSSE) == "9000"
    assert card.sw(VERIFY) == "9000"
    assert closed_record(card) == "9000"
    assert card.sw(select(detour)) == "9000"
    assert card.sw(SSSE) == "9000"
    assert closed_record(card) == "6982"


def test_the_pin_of_the_bank_opens_no_record_and_the_reverse(card: BankCard) -> None:
    """Both are 123456; neither counts for the other, and wrong ones cost the other no try."""
    assert card.sw(select(AID)) == "9000"
    assert card.sw(GPO) == "9000"
    assert card.sw(BANK_VERIFY) == "9000"
    assert card.sw(SSSE) == "9000"
    assert closed_record(card) == "6982"
    assert card.sw(SSSE) == "9000"
    before = states(card, "bank/")
    assert card.sw("0020000003999999") == "63C2"
    assert card.sw(BANK_VERIFY) in ("6A86", "6700", "6A88")
    assert states(card, "bank/") == before
    assert card.sw(select(AID)) == "9000"
    assert card.sw(GPO) == "9000"
    before = states(card, "ssc/")
    assert card.sw("002000800826999999FFFFFFFF") == "63C2"
    assert card.sw(VERIFY) != "9000"
    assert states(card, "ssc/") == before


@pytest.mark.parametrize("detour", [SSSE, MF, select(PPSE), select(ISD), select(AID)])
def test_leaving_ends_a_transaction(card: BankCard, detour: str) -> None:
    assert card.sw(select(AID)) == "9000"
    assert card.sw(GPO) == "9000"
    assert card.sw(detour) == "9000"
    assert card.sw(select(AID)) == "9000"
    assert card.sw(ARQC) == "6985"


@pytest.mark.parametrize("detour", [SSSE, MF, select(AID), select(PSE)])
def test_leaving_closes_the_channel_of_the_card_manager(card: BankCard, detour: str) -> None:
    assert card.select(ISD) == "9000"
    assert card.open() == "9000"
    assert card.sw(detour) == "9000"
    assert card.select(ISD) == "9000"
    assert card.secured("F24000", "4F00") == "6982"


@pytest.mark.parametrize("apdu", ["00A4040004FFFFFFFF", "00A4040400", select(AID)[:-4] + "FF00"])
def test_a_failed_select_leaves_the_transaction(card: BankCard, apdu: str) -> None:
    assert card.sw(select(AID)) == "9000"
    assert card.sw(GPO) == "9000"
    assert card.sw(apdu) in ("6A82", "6A86", "6700")
    assert card.sw(ARQC) == "9000"


def test_no_file_of_the_one_is_read_through_the_other(card: BankCard) -> None:
    """Short identifiers and identifiers are the current application's."""
    assert card.sw(select(AID)) == "9000"
    assert card.sw(GPO) == "9000"
    own = card.data("00B2010C00")
    for fid in ("3F01", "DF01", "EF05", "EF06", "0015"):
        assert card.sw(f"00A4000002{fid}") == "6A86"
        assert card.data("00B2010C00") == own, "still where it was"
    for apdu in ("00B0850000", "00D6850001AA", "0084000008", "80CA9F7900" + "00"):
        assert card.sw(apdu) != "9000"
    assert card.sw(SSSE) == "9000"
    assert card.sw("00B2010C00") != "9000"
    assert card.sw("80CA9F7900") in ("6D00", "6E00")


def test_neither_knows_the_commands_of_the_other(card: BankCard) -> None:
    before = card.chip.persistent_state()
    assert card.sw(SSSE) == "9000"
    for apdu in (
        GPO,
        ARQC,
        "80CA9F3600",
        f"8050000008{'11' * 8}00",
        "80E2000000",
        "80F24000024F00",
    ):
        assert card.sw(apdu) in ("6D00", "6E00"), apdu
    for apdu in ("04DA9F790A" + "00" * 10, "841E000004" + "00" * 4, "8416000004" + "00" * 4):
        assert card.sw(apdu) != "9000"
    for name in (AID, PSE, ISD):
        assert card.sw(select(name)) == "9000"
        for apdu in ("00E2000001AA", "805E010007" + "00" * 7, "80E00000023F00", "80D4000000"):
            assert card.sw(apdu) in ("6D00", "6E00", "6A86", "6985"), apdu
    assert card.chip.persistent_state() == before


class TestNames:
    """The MF bears the name of the PSE, too (ref 04 §2.2, ref 11 §8)."""

    def test_the_pse_wins_where_it_is_installed(self, card: BankCard) -> None:
        for start in ([], [SSSE], [MF], [select(AID)], [select(PSE)]):
            for each in start:
                assert card.sw(each) == "9000"
            assert card.data(select(PSE)).endswith("A5088801015F2D027A68")
        assert card.data(MF) == "6F10840E315041592E5359532E4444463031"

    def test_the_mf_where_it_is_not(self) -> None:
        card = cards.finished_card(bank_profile())
        assert card.data(select(PSE)) == card.data(MF)

    def test_names_of_the_social_security_application_do_not_lead_here(
        self, card: BankCard
    ) -> None:
        own = {card.data(select(name)) for name in (AID, PSE, PPSE, ISD)}
        for directory in cards.with_dialect().structure.directories.values():
            name = directory.name.hex().upper()
            if name == PSE:
                continue
            for start in (SSSE, select(AID)):
                assert card.sw(start) == "9000"
                answer = card.send(select(name))
                assert answer.data.hex().upper() not in own

    def test_partial_names(self, card: BankCard) -> None:
        for start in (SSSE, MF, select(ISD)):
            assert card.sw(start) == "9000"
            assert card.data("00A4040005A00000033300").startswith("6F3C8408" + AID)


def test_three_applications(tmp_path: Path) -> None:
    """Beside a certificate application: its PIN falls, too, and it takes no channel's keys."""
    path = tmp_path / "card.img"
    model = bank_model()
    made = certificates.new_card(replace(certificates.card_profile(), financial=model), path=path)
    bank = BankCard(made.chip, made.randomness, model, published_test_key("BANK-KMC", 1))
    bank.install_all()
    bank.personalize(PSE)
    assert made.sw(certificates.ADF) == "9000"
    assert made.verify() == "9000"
    assert made.raw(certificates.GENERATE) == "9000"
    assert made.sw(select(PSE)) == "9000"
    assert made.raw(certificates.GENERATE) == "6D00"
    assert made.sw(certificates.ADF) == "9000"
    assert made.raw(certificates.GENERATE) == "6982"
    assert bank.select(ISD) == "9000"
    assert bank.open() == "9000"
    assert made.sw(certificates.DDF_BY_FID) == "6A86", "no identifier leads out of the bank's part"
    assert made.sw(certificates.DDF) == "9000"
    assert bank.select(ISD) == "9000"
    assert bank.secured("F24000", "4F00") == "6982"


# Both parts at once, and each by itself

SOCIAL = (SSSE, DF01, "00A4000002EF05", "00B2010404", VERIFY, "0020000003999999", "00B2010C00", GPO)
BANK = (
    select(AID),
    select(PSE),
    GPO,
    BANK_VERIFY,
    "002000800826999999FFFFFFFF",
    ARQC,
    "00B2010C00",
    "80CA9F1700",
    f"8050000008{'11' * 8}00",
    DF01,
)
Side = Literal["social", "bank"]
STEP = st.one_of(
    st.tuples(st.just("social"), st.sampled_from(SOCIAL)),
    st.tuples(st.just("bank"), st.sampled_from(BANK)),
)


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(STEP, max_size=12))
def test_each_part_answers_as_if_it_were_alone(
    steps: list[tuple[Side, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Leaving one and coming back by SELECT is a reset to it, and no more."""
    place = tmp_path_factory.mktemp("firewall")
    both = from_image(place / "both.img")
    alone = {side: from_image(place / f"{side}.img") for side in ("social", "bank")}
    entrance = {"social": MF, "bank": select(PPSE)}
    current = "social"
    for side, apdu in steps:
        if side != current:
            current = side
            alone[side].reset()
            assert both.raw(entrance[side]) == alone[side].raw(entrance[side])
        assert both.raw(apdu) == alone[side].raw(apdu)
    for side, below in (("social", "ssc/"), ("bank", "bank/")):
        assert states(both, below) == states(alone[side], below)
    for each in (both, *alone.values()):
        each.chip.close()
    shutil.rmtree(place)


# CARD BLOCK


def block(card: BankCard) -> None:
    """A transaction with CARD BLOCK in its script; the debit application stays current."""
    assert card.sw(select(AID)) == "9000"
    assert card.sw(GPO) == "9000"
    arqc = bytes.fromhex(card.data(ARQC))[5:13]
    suite = BankSuite("3des")
    atc = int(str(states(card, f"bank/{AID}/counters/atc")[f"bank/{AID}/counters/atc"]))
    key = suite.session_key(card_key("3des", "mac"), atc)
    head = bytes.fromhex("84160000")
    mac = suite.script_mac(key, head, atc, arqc, b"")
    assert card.sw(f"8416000004{mac.hex()}") == "9000"


def test_card_block_of_the_bank_closes_the_bank(card: BankCard) -> None:
    block(card)
    assert card.sw("80CA9F3600") == "9000", "the transaction goes on"
    for name in (AID, PSE, PPSE, ISD):
        assert card.sw(select(name)) == "6A81"
    assert card.sw(SSSE) == "9000"
    assert card.sw(VERIFY) == "9000"
    assert closed_record(card) == "9000"
    card.reset()
    for name in (AID, PSE, PPSE, ISD):
        assert card.sw(select(name)) == "6A81"
    assert card.sw("00A4040005A00000033300") == "6A81"
    assert card.sw(MF) == "9000"


def test_card_block_of_the_bank_may_close_the_chip(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    card = complete_card(bank_model(settings={"card_block": "chip"}), path=path)
    block(card)
    assert card.sw("80CA9F3600") == "9000", "the transaction goes on"
    for apdu in (SSSE, MF, select(AID)):
        assert card.sw(apdu) == "6A81"
    card.reset()
    for apdu in (SSSE, MF, select(AID), "00B2010C00", "0084000008", VERIFY):
        assert card.sw(apdu) == "6A81"
    card.chip.close()
    bank = describe_image(path).bank
    assert bank is not None
    assert bank.card_blocked
    again = open_image(path)
    again.power_on()
    assert again.transmit(bytes.fromhex(SSSE)) == b"\x6a\x81"


def test_card_block_of_the_social_security_application_closes_all(tmp_path: Path) -> None:
    """The MF goes with it, and all there is lies below it."""
    path = tmp_path / "card.img"
    from_image(path).chip.close()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"ssc/3F00/locked":"card"}\n')
    chip = open_image(path)
    chip.power_on()
    card = Card(chip, cards.Randomness())
    answers = {card.sw(apdu) for apdu in (SSSE, select(AID), select(PSE), select(ISD))}
    assert len(answers) == 1
    assert "9000" not in answers


def test_a_blocked_application_is_selected_with_a_warning(tmp_path: Path) -> None:
    """From another application, too; at T=0 the FCI waits (ref 04 §2.2, §4.1)."""
    path = tmp_path / "card.img"
    from_image(path).chip.close()
    with path.open("a", encoding="utf-8") as file:
        file.write(f'{{"bank/{AID}/blocked":1}}\n')
    chip = open_image(path)
    chip.power_on()
    card = Card(chip, cards.Randomness())
    assert card.sw(SSSE) == "9000"
    answer = card.raw(select(AID))
    assert answer.endswith("6283")
    assert answer.startswith(f"6F3C8408{AID}")
    assert card.sw("80CA9F3600") == "9000", "and it is current"


def test_power_that_fails_in_a_transaction(card: BankCard) -> None:
    """The memory is as it was, and all applications see that."""
    assert card.sw(select(AID)) == "9000"
    before = card.chip.persistent_state()
    with pytest.raises(CardLost):
        card.chip.transmit_torn(bytes.fromhex(GPO))
    assert card.chip.persistent_state() == before
    card.chip.power_on()
    assert card.sw(select(AID)) == "9000"
    assert card.data("80CA9F3600") == "9F36020000"
    assert card.sw(SSSE) == "9000"
    assert card.sw(VERIFY) == "9000"


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_both_protocols(protocol: str) -> None:
    card = blank_card(protocol=protocol)
    card.install_all()
    card.personalize(PSE)
    fci = card.fci(PSE)
    held = card.raw(select(PSE))
    if protocol == "T=0":
        assert held == f"61{len(fci) // 2:02X}"
        assert card.raw("00B2010C00") == "6C1D"
        assert card.raw("00B2010C1D").endswith("9000")
    else:
        assert held == fci + "9000"
        assert card.raw("00B2010C00").endswith("9000")


def test_a_chip_without_the_banks_part_knows_none_of_its_names() -> None:
    card = cards.finished_card(replace(bank_profile(), financial=None))
    for name in (AID, PPSE, ISD):
        assert card.sw(select(name)) == "6A82"
    assert card.data(select(PSE)) == card.data(MF)


HEADS = """
    00B2 80A8 80CA 0020 0088 0082 80AE 841E 04DA 04DC 8424 8050 8482 80E2 84E2 80E6 80E4 80F2 00A4
    0084 00C0
"""


@settings(max_examples=40, deadline=None)
@given(
    place=st.sampled_from([AID, ISD, PSE, PPSE]),
    head=st.sampled_from(HEADS.split()),
    parameters=st.binary(min_size=2, max_size=2),
    data=st.binary(max_size=60),
    le=st.sampled_from([b"", b"\x00", b"\x08"]),
)
def test_whatever_comes_is_answered(
    place: str, head: str, parameters: bytes, data: bytes, le: bytes
) -> None:
    """And no answer of the bank's part touches the social security application."""
    card = shared_card()
    before = states(card, "ssc/")
    assert card.sw(select(place)) == "9000"
    body = bytes((len(data),)) + data if data else b""
    answer = card.chip.transmit(bytes.fromhex(head) + parameters + body + le)
    assert answer[-2] >> 4 in (6, 9)
    assert states(card, "ssc/") == before


@cache
def shared_card() -> BankCard:
    """One chip for all examples: none of them can close it without a key."""
    return complete_card()
