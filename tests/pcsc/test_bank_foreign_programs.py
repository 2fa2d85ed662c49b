"""cardpeek reads the bank's application through PC/SC; opensc-explorer makes a debit with it.

Programs and drivers of others on the whole way: ref 04 §6.8 and §9, 09 §1, §2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.pcsc.cardpeek import Cardpeek, Entry, Node, log, records
from tests.pcsc.conftest import Insert, Run
from tests.support.debit_card import SET, debit_card

from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.crypto.pboc.symmetric import cryptogram_input
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.keys import published_keys
from sscard_ic.keys.bank_capabilities import BankCard, BankIssuer, bank_issuer
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import VirtualCard, open_card
from sscard_ic.simulator.pboc.registry import Registry
from sscard_ic.testing.service import ReaderSlot

AID = "A000000333010101"
PSE, PPSE = (f"{n}PAY.SYS.DDF01".encode().hex().upper() for n in (1, 2))
SELECT = f"00A4040008{AID}00"
TOLD = "0000000001000000000000000156" + "0000000000" + "0156260115" + "0011223344101112"
"""9F02, 9F03, 9F1A, 95, 5F2A, 9A, 9C, 9F37, 9F21 of the transaction of ref 04 §6.8."""
VALUES = {
    0x9F02: bytes.fromhex("000000000100"),
    0x9F1A: bytes.fromhex("0156"),
    0x5F2A: bytes.fromhex("0156"),
    0x9A: bytes.fromhex("260115"),
    0x9F37: bytes.fromhex("11223344"),
}
"""The same by tag, without what is 00."""
SHOP = b"SHOP".ljust(20, b"\0").hex().upper()
GPO = "80A800000C830A" + "00" + "000000000100" + "0156" + "00" + "00"
"""For the PDOL of the contact face: 9F7A, 9F02, 5F2A, DF69; no electronic cash, 3DES."""
FIRST = f"80AE800034{TOLD}{SHOP}00"
SECOND = f"80AE4000223030{TOLD}00"
DEBIT = Entry("01/15/26", "1.00", "Yuan Renminbi", "SHOP", "1")
"""The transaction in a log, as cardpeek shows it; the last is its counter."""

Exchange = tuple[str, str]
"""A command and the answer that it must get, status word last, in hex."""


@pytest.fixture
def cardpeek(tmp_path: Path) -> Cardpeek:
    return Cardpeek(tmp_path)


def explore(run: Run, slot: ReaderSlot, folder: Path, exchanges: Sequence[Exchange]) -> None:
    """Let opensc-explorer run the commands as a script, and compare every answer."""
    script = folder / "transaction"
    script.write_text("".join(f"apdu {command}\n" for command, _ in exchanges), "ascii")
    # Without an empty path it selects the MF 3F00 first, which a blank does not have yet.
    shown = run("opensc-explorer", "--reader", slot.name, "--mf", "", str(script))
    answers = [_answer(part) for part in shown.split("Sending: ")[1:]]
    for (command, expected), answer in zip(exchanges, answers, strict=True):
        assert answer == expected, command


def _answer(shown: str) -> str:
    """What it received, in hex: a status word, and lines of 16 bytes with their text."""
    found = re.search(r"Received \(SW1=0x(..), SW2=0x(..)\)", shown)
    assert found is not None, shown
    lines = re.findall(r"^((?:[0-9A-F]{2} ){1,16})", shown[found.end() :], re.MULTILINE)
    return "".join("".join(lines).split()) + found[1] + found[2]


# The card of the worked example


@pytest.fixture(params=["T=0", "T=1"])
def worked_card(request: pytest.FixtureRequest) -> VirtualCard:
    """The card of ref 04 §6.8: AIP 7D00, velocity exceeded, 100.00 in it, and it says so."""
    card = debit_card(elements={"9F79": "000000010000"}, protocol=request.param)
    card.store.last_online = 1
    card.store.put_option("contact", "3des", 0x82, bytes.fromhex("7D00"))
    card.store.put_option("contact", "3des", 0x9F10, bytes.fromhex("07000103000000010A01"))
    card.chip.power_off()
    return card.chip


WORKED: list[Exchange] = [
    (SELECT, f"6F3C8408{AID}{SET['groups']['9102']}9000"),
    (GPO, "800E7D000801020010010500180102019000"),
    (FIRST, "801E8000015E8D55683F6B1CDC07000103A02000010A01000001000029BD3A6C9000"),
    ("008200000A365D35CFDA7F60823030", "9000"),
    (SECOND, "80134000018C9F0E0C0D2B231D07000103602000019000"),
    ("04DA9F790A0000000200004D69882B", "9000"),
    ("80CA9F7900", "9F79060000000200009000"),
]
"""Every byte is that of ref 04 §6.8: nothing is computed here."""


def test_the_worked_example(
    worked_card: VirtualCard,
    run: Run,
    cardpeek: Cardpeek,
    insert: Insert,
    free_slot: ReaderSlot,
    tmp_path: Path,
) -> None:
    insert(worked_card, free_slot)
    explore(run, free_slot, tmp_path, WORKED)
    reading = cardpeek.read(free_slot.name)
    assert reading.applications == [PSE, AID]
    [entry] = reading.application(PSE).named("61", "item")
    assert (entry.the("4F").value, entry.the("50").shown) == (AID, "PBOC DEBIT")
    found = reading.application(AID)
    assert {tag: found.the(tag).shown for tag in APPENDIX_D} == APPENDIX_D
    _expect_records(found, {**SET["groups"], **SET["sm_groups"]}, loads=1)
    assert [found.the(tag).shown for tag in ("9F36", "9F13", "9F17")] == ["2", "1", "3"]
    assert _functions(found) == ["SDA", "DDA", "Cardholder", "Terminal", "Issuer", "CDA"]
    assert _signed(found) == [("3", "1")]
    assert log(found) == [DEBIT]


APPENDIX_D = {
    "50": "PBOC DEBIT",
    "5A": "8888800000123456",
    "5F20": "SAMPLE/CARD",
    "5F24": "12/31/49",
    "5F25": "01/01/26",
    "5F28": "China, People's Republic of",
    "5F2D": "zh",
}
"""What cardpeek shows of the card of ref 04 appendix D."""
DECLINED = {"82", "9F36", "57", "9F10", "9F26", "5F34", "9F5D", "9F6C"}
"""What a contactless GPO answers with an AAC; there is no locator (ref 14 §9.8)."""


def _expect_records(found: Node, groups: dict[str, str], *, loads: int = 0) -> None:
    """It read the records of the data groups, all of them and no others, without one it cannot
    parse; the log of loads is in its eyes a file with records, too."""
    expected: dict[int, list[int]] = {}
    for group in groups:
        place = DataGroup(int(group, 16), b"").record
        if place is not None:
            expected.setdefault(place[0], []).append(place[1])
    assert records(found) == {file: sorted(expected[file]) for file in sorted(expected)} | (
        {12: [*range(1, loads + 1)]} if loads else {}
    )
    broken = [each for each in found.everything() if each.name == "Unparsed ASN1 data"]
    assert len(broken) == loads


def _functions(found: Node) -> list[str]:
    """What the AIP says, by the first word."""
    bits = found.the("82").children
    return [each.value.split()[0] for each in bits]


def _signed(found: Node) -> list[tuple[str, str]]:
    """Files and records that are signed offline."""
    return [
        (file.name, record.name)
        for file in found.children
        for record in file.children
        if any(each.name == "AFL Information" for each in record.children)
    ]


def test_the_contactless_face(cardpeek: Cardpeek, insert: Insert, free_slot: ReaderSlot) -> None:
    """Without a PSE it looks for the PPSE. It pays in euros, which this card does not allow."""
    card = debit_card()
    registry = Registry(card.chip._memory, card.model)
    directory = registry.find(card.model.pse)
    assert directory is not None
    registry.delete(directory)
    insert(card.face("contactless").chip, free_slot)
    reading = cardpeek.read(free_slot.name)
    assert reading.applications == [PPSE, AID]
    found = reading.application(AID)
    assert {tag: found.the(tag).shown for tag in APPENDIX_D} == APPENDIX_D
    [options] = found.named("77", "item")
    assert {each.name for each in options.children} == DECLINED
    assert options.the("9F10").value.startswith("0700010380")
    assert options.the("9F36").shown == "1"
    assert found.named("Unparsed ASN1 data", "card") == []


# A card that was issued


@dataclass(frozen=True)
class Personalized:
    """A specimen of the sample batch, and what it was given."""

    card: VirtualCard
    holder: dict[str, str]
    groups: dict[str, str]
    issuer: BankIssuer
    names: BankCard
    """Of its keys, as ``issuer`` knows them."""


@pytest.fixture
def personalized(tmp_path: Path) -> Iterator[Personalized]:
    """A blank that was personalized with both applications; whose it is says the social one."""
    file = tmp_path / "with-bank.toml"
    file.write_text(
        'kind = "region"\nzh = "有银行应用"\nen = "with a bank"\nextends = "regions/dalian"\n'
        'financial = "financial/debit"\nbank_application = "personalize"\n',
        "utf-8",
    )
    profile = load(str(file))
    image = new_blank(profile, tmp_path)
    with closing(open_virtual(image)) as connection:
        plan = SpecimenMaker(profile).make(open_session(connection))
    assert plan.bank is not None and profile.financial is not None
    holder = {
        "pan": plan.bank.pan,
        "name": _hex(plan.items["SSSE.EF06.09"].rstrip(b"\0")),
        "number": _hex(plan.items["SSSE.EF06.08"]),
    }
    groups = {
        f"{group.number:04X}": _hex(group.value)
        for group in plan.bank.instance("payment").groups
        if group.value is not None
    }
    issuer = bank_issuer(published_keys(profile.keys))
    names = plan.bank.bank_card("3des", profile.financial)
    with closing(open_card(image)) as card:
        yield Personalized(card, holder, groups, issuer, names)


READ = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (3, 1), (3, 2)]
"""Files and records of a debit in the layout L1 (ref 04 §3.7)."""


def debit_and_load(card: Personalized, counter: int) -> list[Exchange]:
    """The transaction of :data:`WORKED` with another card's data and keys, and a load of 123.45.

    All answers are known before the card is asked, the cryptograms by its bank's keys.
    """
    # A new card, after more transactions than 9F58 without an issuer (ref 14 §5.2).
    checks = 0x10 | 0x20 * (counter > 3)
    asked, approved = (bytes((3, kinds, checks, 0)) for kinds in (0xA0, 0x60))
    arqc, tc = (_cryptogram(card, counter, each) for each in (asked, approved))
    arpc = card.issuer.response_cryptogram(card.names, counter, arqc, b"00")
    put, balance = bytes.fromhex("04DA9F79"), bytes.fromhex("000000012345")
    mac = card.issuer.script_mac(card.names, counter, arqc, put, balance)
    locator = card.groups["9104"].removeprefix("82027C00940C")
    empty = bytes(5)  # its balance, with a MAC: a load needs it proved (ref 14 §6.2)
    proved = empty + card.issuer.discretionary_mac(card.names, counter, empty)
    answer = f"{counter:04X}{{}}070001{{}}01"
    return [
        (SELECT, f"6F3C8408{AID}{card.groups['9102']}9000"),
        (GPO, f"800E7C00{locator}9000"),
        *(
            (
                f"00B2{record:02X}{file << 3 | 4:02X}00",
                f"{card.groups[f'{file:02X}{record:02X}']}9000",
            )
            for file, record in READ
        ),
        (FIRST, f"801E80{answer.format(_hex(arqc), _hex(asked))}0A01{_hex(proved)}9000"),
        (f"008200000A{_hex(arpc)}3030", "9000"),
        (SECOND, f"801340{answer.format(_hex(tc), _hex(approved))}9000"),
        (f"{_hex(put)}0A{_hex(balance + mac)}", "9000"),
        ("80CA9F7900", f"9F7906{_hex(balance)}9000"),
        ("80CA9F3600", f"9F3602{counter:04X}9000"),
    ]


def _cryptogram(card: Personalized, counter: int, results: bytes) -> bytes:
    message = cryptogram_input(1, VALUES, b"\x7c\x00", counter, results)
    return card.issuer.application_cryptogram(card.names, counter, message)


def _hex(data: bytes) -> str:
    return data.hex().upper()


def test_a_card_that_was_personalized(
    personalized: Personalized,
    run: Run,
    cardpeek: Cardpeek,
    insert: Insert,
    free_slot: ReaderSlot,
    tmp_path: Path,
) -> None:
    insert(personalized.card, free_slot)
    found = cardpeek.read(free_slot.name).application(AID)
    assert found.the("5A").value.rstrip("F") == personalized.holder["pan"]
    assert found.the("57").value.startswith(personalized.holder["pan"] + "D")
    assert found.the("5F20").value == personalized.holder["name"]
    assert found.the("9F61").value == personalized.holder["number"]
    assert found.the("50").shown == "PBOC DEBIT"
    assert found.the("5F24").value > found.the("5F25").value
    _expect_records(found, personalized.groups)
    assert log(found) == []
    counter = int(found.the("9F36").shown)

    explore(run, free_slot, tmp_path, debit_and_load(personalized, counter + 1))

    found = cardpeek.read(free_slot.name).application(AID)
    assert found.the("9F36").shown == str(counter + 2)
    assert found.the("9F13").shown == str(counter + 1)
    assert log(found) == [replace(DEBIT, counter=str(counter + 1))]
    _expect_records(found, personalized.groups, loads=1)
