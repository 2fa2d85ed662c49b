"""The card manager: INSTALL, DELETE, GET STATUS; its keys; images with a bank's part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.simulator import cards
from tests.simulator.pboc.perso_cards import (
    AID,
    DIRECTORIES,
    DIRECTORY,
    ISD,
    KMC,
    PACKAGE,
    PAYMENT,
    PPSE,
    PSE,
    BankCard,
    bank_model,
    bank_profile,
    blank_card,
    issued_card,
    opened,
)

from sscard_ic.base import InputError
from sscard_ic.crypto.published import published_test_key
from sscard_ic.simulator import BankApplication, blank, describe_image, open_image

OTHER_AID = "A000000333010102"


def manager(**chip: object) -> BankCard:
    """A blank with an open channel to its card manager."""
    card = blank_card(bank_model(chip))
    assert card.select(ISD) == "9000"
    assert card.open() == "9000"
    return card


def status(card: BankCard, kind: str = "40", beginning: str = "") -> str:
    """GET STATUS; data, or the status word."""
    data = f"4F{len(beginning) // 2:02X}{beginning}"
    response = card.send(card.wrapped(f"F2{kind}00", data))
    return response.data.hex().upper() if response.sw == 0x9000 else str(response.sw)


def entry(aid: str, rest: str) -> str:
    """One line of GET STATUS."""
    return f"{len(aid) // 2:02X}{aid}{rest}"


def test_the_recorded_commands_of_ref_04_7_1_and_7_9() -> None:
    """At level 00, as public tools send them."""
    card = blank_card()
    assert card.data(f"00A4040008{ISD}") == f"6F108408{ISD}A5049F6501FF"
    assert card.open(0) == "9000"
    assert card.sw("80F24000024F0000") == "6A88"
    assert card.sw(f"80E400000A4F08{AID}") == "6A88", "nothing to delete"
    assert card.data(f"80E60C002108{PACKAGE}07{PAYMENT}08{AID}011003C9012000") == "00"
    assert card.data("80F24000024F0000") == entry(AID, "0710")
    assert card.data(f"80E400000A4F08{AID}00") == "00"
    assert card.sw("80F24000024F0000") == "6A88"


class TestInstall:
    """INSTALL [for install and make selectable]."""

    def test_instances(self) -> None:
        card = manager()
        for aid, module in ((AID, PAYMENT), (OTHER_AID, PAYMENT), (PSE, DIRECTORY)):
            assert card.install(aid, module) == "9000"
            assert card.install(aid, module) == "6985", "it is there"
        assert card.fci(OTHER_AID) == f"6F0C8408{OTHER_AID}A500"

    @pytest.mark.parametrize("p1p2", ["0400", "0800", "2000", "0C01"])
    def test_other_forms(self, p1p2: str) -> None:
        card = manager()
        assert card.secured(f"E6{p1p2}", "00") == "6A86"

    @pytest.mark.parametrize(
        ("parts", "sw"),
        [
            ((PACKAGE[:-2] + "31", PAYMENT, AID, "10", "C900", ""), "6A88"),
            ((PACKAGE, PAYMENT[:-2] + "02", AID, "10", "C900", ""), "6A88"),
            ((PACKAGE, PAYMENT, "A0000003", "10", "C900", ""), "6A80"),
            ((PACKAGE, PAYMENT, "A0" * 17, "10", "C900", ""), "6A80"),
            ((PACKAGE, PAYMENT, AID, "1010", "C900", ""), "6A80"),
            ((PACKAGE, PAYMENT, AID, "10", "", ""), "6A80"),
            ((PACKAGE, PAYMENT, AID, "10", "C90220", ""), "6A80"),
            ((PACKAGE, PAYMENT, AID, "10", "EF00C900", ""), "6A80"),
            ((PACKAGE, PAYMENT, AID, "10"), "6A80"),
            ((PACKAGE, PAYMENT, ISD, "10", "C900", ""), "6985"),
        ],
    )
    def test_refusals(self, parts: tuple[str, ...], sw: str) -> None:
        card = manager()
        before = card.states
        assert card.secured("E60C00", "".join(f"{len(p) // 2:02X}{p}" for p in parts)) == sw
        assert card.states == before

    def test_data_that_are_cut(self) -> None:
        assert manager().secured("E60C00", f"08{PACKAGE}07A000") == "6A80"


class TestDelete:
    """DELETE of instances, with all they hold."""

    def test_an_issued_application(self) -> None:
        card = issued_card()
        assert card.select(ISD) == "9000"
        assert card.open() == "9000"
        assert card.secured("E40000", f"4F08{AID}") == "9000"
        assert not [path for path in card.states if AID in path]
        assert card.select(AID) == "6A82"
        assert card.fci(PSE).endswith(DIRECTORIES[PSE]["9102"])
        assert card.select(ISD) == "9000"
        assert card.open() == "9000"
        assert card.install(AID, PAYMENT) == "9000"
        assert card.fci(AID) == f"6F0C8408{AID}A500", "nothing is left of the old one"

    @pytest.mark.parametrize(
        ("p1p2", "data", "sw"),
        [
            ("0100", f"4F08{AID}", "6A86"),
            ("0001", f"4F08{AID}", "6A86"),
            ("0000", f"4F08{ISD}", "6985"),
            ("0080", f"4F08{PACKAGE}", "6985"),
            ("0000", f"4F08{OTHER_AID}", "6A88"),
            ("0000", f"4F07{AID[:-2]}", "6A88"),
            ("0000", f"4F08{AID[:-2]}", "6A80"),
            ("0000", f"5008{AID}", "6A80"),
            ("0000", f"4F08{AID}4F08{AID}", "6A80"),
        ],
    )
    def test_refusals(self, p1p2: str, data: str, sw: str) -> None:
        card = manager()
        assert card.install(AID, PAYMENT) == "9000"
        before = card.states
        assert card.secured(f"E4{p1p2}", data) == sw
        assert card.states == before


class TestStatus:
    """GET STATUS tells a personalizer where it was."""

    def test_life_cycles(self) -> None:
        card = blank_card()
        card.install_all()
        card.personalize(PSE)
        assert card.select(ISD) == "9000"
        assert card.open() == "9000"
        lines = entry(AID, "0710"), entry(PSE, "0F00"), entry(PPSE, "0700")
        assert status(card) == "".join(lines)
        assert status(card, beginning="3250") == lines[2]
        assert status(card, beginning=AID) == lines[0]
        assert status(card, beginning="A1") == "6A88"

    def test_a_blocked_application(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        card = issued_card(path=path)
        card.chip.close()
        with path.open("a", encoding="utf-8") as image:
            image.write(f'{{"bank/{AID}/blocked":1}}\n')
        again = opened(card, path)
        assert again.select(ISD) == "9000"
        assert again.open() == "9000"
        assert status(again, beginning=AID) == entry(AID, "8F10")

    def test_other_kinds(self) -> None:
        card = manager()
        assert status(card, "80") == entry(ISD, "0F9E")
        assert status(card, "20") == entry(PACKAGE, "0100")
        assert status(card, "10") == entry(PACKAGE, f"010002{entry(PAYMENT, '')}{entry(PSE, '')}")
        assert status(card, "C0") == "6A86"
        assert card.secured("F24002", "4F00") == "6A86"
        assert card.secured("F24000", "5C00") == "6A80"
        assert card.secured("F24000", "") == "6A80"


@pytest.mark.parametrize("command", ["F24000024F00", "E40000024F00", "E60C0000", "E2000000"])
def test_nothing_without_a_channel(command: str) -> None:
    card = blank_card()
    assert card.select(ISD) == "9000"
    assert card.sw("80" + command) == ("6D00" if command.startswith("E2") else "6982")
    assert card.sw("00" + command) == "6D00"
    assert card.sw("C0" + command) == "6E00"


class TestImages:
    """What an image tells, and images that are damaged, old, or of chips without a bank's part."""

    def test_reopened(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        card = issued_card(path=path)
        fci = card.fci(AID)
        card.chip.close()
        again = opened(card, path)
        assert again.fci(AID) == fci
        again.chip.close()
        contactless = opened(card, path, "contactless")
        assert contactless.raw(f"00A4040008{AID}00").startswith("6F4B8408" + AID)
        assert contactless.raw("00A404000E" + PPSE + "00").endswith(
            DIRECTORIES[PPSE]["9102"] + "9000"
        )

    def test_reopened_between_two_groups(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        card = blank_card(path=path)
        card.install_all()
        assert card.select(PSE) == "9000"
        assert card.open() == "9000"
        assert card.group("0101", DIRECTORIES[PSE]["0101"]) == "9000"
        card.chip.close()
        again = opened(card, path)
        assert again.select(PSE) == "9000"
        assert again.open() == "9000"
        assert again.group("9102", DIRECTORIES[PSE]["9102"], last=True) == "9000"
        assert again.data("00B2010C00") == DIRECTORIES[PSE]["0101"]

    def test_described(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        card = issued_card(path=path)
        card.chip.close()
        bank = describe_image(path).bank
        assert bank is not None
        assert (bank.issuer_domain, bank.key_data) == (ISD, "888880FFFFFF" + "000013DF")
        assert (bank.sequence, bank.card_blocked) == (5, False)
        payment, pse, ppse = bank.applications
        assert payment == BankApplication(
            AID, "payment", "issued", 18, ("3des", "sm4"), ("rsa", "sm2"), 3, 3, 0
        )
        assert pse == BankApplication(PSE, "directory", "issued", 1, (), (), None, None, None)
        assert (ppse.aid, ppse.records) == (PPSE, 0)

    def test_described_without_keys_and_persons(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        card = issued_card(path=path)
        card.chip.close()
        words = repr(describe_image(path)).upper()
        for secret in (card.states[f"bank/{AID}/keys/3des/mac"], "88888000001", "123456"):
            assert str(secret) not in words

    @pytest.mark.parametrize(
        "damage",
        [
            '{"bank/manager/enc":"00"}',
            '{"bank/manager/key_data":null}',
            '{"bank/manager/sequence":"1"}',
            '{"bank/manager/sequence":70000}',
            f'{{"bank/{AID}/module":"purse"}}',
            f'{{"bank/{AID}/privileges":null}}',
            f'{{"bank/{AID}/records/01/01":"7G"}}',
            '{"bank/XY/module":"payment","bank/XY/privileges":0}',
        ],
    )
    def test_damaged(self, tmp_path: Path, damage: str) -> None:
        path = tmp_path / "card.img"
        card = blank_card(path=path)
        card.install_all()
        card.chip.close()
        with path.open("a", encoding="utf-8") as image:
            image.write(damage + "\n")
        for use in (open_image, describe_image):
            with pytest.raises(InputError, match=r"damaged"):
                use(path)

    def test_a_damaged_description(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        blank_card(path=path).chip.close()
        header, *rest = path.read_text("utf-8").splitlines()
        changed = json.loads(header)
        changed["financial"]["chip"]["protocol"] = "03"
        path.write_text("\n".join((json.dumps(changed), *rest, "")), "utf-8")
        with pytest.raises(InputError, match="damaged"):
            open_image(path)

    @pytest.mark.parametrize("old", [False, True])
    def test_chips_without_a_bank_part(self, tmp_path: Path, old: bool) -> None:
        path = tmp_path / "card.img"
        cards.finished_card(path=path).chip.close()
        header, *rest = path.read_text("utf-8").splitlines()
        content = json.loads(header)
        if old:
            del content["financial"]
            path.write_text("\n".join((json.dumps(content), *rest, "")), "utf-8")
        assert describe_image(path).bank is None
        chip = open_image(path)
        chip.power_on()
        assert chip.transmit(bytes.fromhex(f"00A4040008{ISD}")) == b"\x6a\x82"
        assert not [state for state in chip.persistent_state() if state.startswith("bank/")]


def test_the_published_key_is_the_default() -> None:
    chip = blank(bank_profile(), cards.SERIAL, transport_key=bytes(16))
    chip.power_on()
    card = BankCard(chip, cards.Randomness(), master=published_test_key("BANK-KMC", 1))
    assert card.select(ISD) == "9000"
    assert card.open() == "9000"
    assert card.master != KMC


def test_cards_of_one_master_key_differ() -> None:
    serials = [bytes.fromhex("0102AABBCC00"), bytes.fromhex("0102AABBCC01")]
    first, second = (blank_card(serial=serial).states for serial in serials)
    for kind in ("enc", "mac", "dek", "key_data"):
        assert first[f"bank/manager/{kind}"] != second[f"bank/manager/{kind}"]
