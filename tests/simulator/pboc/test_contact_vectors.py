"""The worked example of ref 04 §6.8 and 14 §13 through the chip; DDA and CDA (ref 14 §7.4-7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.contact import AAC, ARQC, FIRST_LIST, SECOND_LIST, TC, Answer, Contact
from tests.support.debit_card import SET, debit_card

from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.pboc.offline_data import split_combined
from sscard_ic.crypto.rsa import RsaPublic
from sscard_ic.crypto.suites import Algorithm

RSA = RsaPublic(int(SET["rsa"]["modulus"], 16), 3)
SM2 = bytes.fromhex(SET["sm2"]["card"])
ALGORITHMS: tuple[Algorithm, ...] = ("3des", "sm4")
SIGNED_DDA = (
    "3111D314822B22C8706E7E2AEA5D9D8874FBF08FE17EB52AF99E3365C15CB2025C530B830990A75A516ED990A4DDCC"
    "644F290306F522B5AF9E53548AD7857B07DF8AA0ECD38AC3A8544339938511C52A1D2CC602C6D9E9F2D6C80FDB83F2"
    "9BCC829B6B9D29169F4E5A59881B92DC562A1E359D62310896FA09012C07FC97913B"
)
"""ref 04 appendix D."""


@dataclass(frozen=True)
class Worked:
    """What an algorithm and a rule make of the worked example."""

    algorithm: Algorithm
    rule: str
    cryptogram: str
    response: str
    issuer_data: str
    load: str


WORKED = [
    Worked(
        "3des",
        "folded",
        "5E8D55683F6B1CDC",
        "365D35CFDA7F6082",
        "07000103A02000010A01000001000029BD3A6C",
        "4D69882B",
    ),
    Worked(
        "sm4",
        "folded",
        "A218CB08B3601C5D",
        "6BE840550775E17E",
        "07000103A02000040A0100000100004D160717",
        "DF54EFBA",
    ),
    Worked(
        "sm4",
        "leftmost",
        "FC8B2720BED6135F",
        "7F70373E20B99A18",
        "07000103A02000040A010000010000E20940EF",
        "80D673F0",
    ),
]


def _contact(algorithm: Algorithm, identifier: str = "01", **settings: Any) -> Contact:
    """The card of the worked example: AIP 7D00, velocity exceeded, balance 100.00, IDD."""
    card = debit_card(elements={"9F79": "000000010000"}, **settings)
    card.store.last_online = 1
    plain = {"3des": "0700010300000001", "sm4": "0700010300000004"}[algorithm]
    room = "0A" if identifier in ("01", "02", "05") else "0F"
    card.store.put_option("contact", algorithm, 0x82, bytes.fromhex("7D00"))
    issuer_data = bytes.fromhex(plain + room + identifier)
    card.store.put_option("contact", algorithm, 0x9F10, issuer_data)
    contact = Contact(card)
    if algorithm == "sm4":
        contact.told[0xDF69] = "01"
    return contact


@pytest.mark.parametrize("worked", WORKED, ids=lambda w: f"{w.algorithm} {w.rule}")
def test_the_worked_example(worked: Worked) -> None:
    contact = _contact(worked.algorithm, sm_mac=worked.rule)
    contact.start()
    answer = contact.first(ARQC)
    assert answer.cryptogram.hex().upper() == worked.cryptogram
    assert answer.issuer_data.hex().upper() == worked.issuer_data
    assert contact.card.sw(f"008200000A{worked.response}3030") == "9000"
    contact.second(TC)
    load = f"04DA9F790A000000020000{worked.load}"
    assert contact.card.sw(load) == "9000"
    assert contact.card.data("80CA9F7900").hex() == "9f7906000000020000"


def test_the_tc_of_the_worked_example() -> None:
    contact = _contact("3des")
    contact.go_online()
    assert contact.authenticate() == "9000"
    answer = contact.second(TC)
    assert (answer.kind, answer.results) == (TC, "602000")
    assert answer.cryptogram.hex().upper() == "8C9F0E0C0D2B231D"
    assert answer.issuer_data.hex() == "0700010360200001", "no amounts but with the ARQC"


@pytest.mark.parametrize(
    "command",
    [
        "841E000004F4F24444",
        "8418000004FF932BC2",
        "84160000045AFDD462",
        "8424000004730826DB",
        "84240002143C5CC68AC003005095153C88D496FEA9CC450D6D",
    ],
    ids=["block", "unblock", "card block", "PIN unblock", "PIN change"],
)
def test_scripts_of_the_worked_example(command: str) -> None:
    contact = _contact("3des")
    contact.go_online()
    assert contact.card.sw(command) == "9000"


def test_pin_change_with_the_current_pin() -> None:
    """ref 14 §13: from 654321 to 123456."""
    contact = _contact("3des")
    contact.card.store.pin = "654321"
    contact.go_online()
    command = "8424000114D2C065E8B001BB0C95153C88D496FEA926B9EA5B"
    assert contact.card.sw(command) == "9000"
    assert contact.card.store.pin == "123456"


def test_pin_change_masked_with_the_other_key() -> None:
    """ref 04 §6.8, last row."""
    contact = _contact("3des", pin_mask="ac")
    contact.card.store.pin = "654321"
    contact.go_online()
    data = bytes.fromhex("2F79168DACA452220C57298092B6B374")
    assert contact.script("84240002", data) == "9000"
    assert contact.card.store.pin == "123456"


def test_pin_change_with_sm4() -> None:
    """ref 04 §6.8: the enciphered block."""
    contact = _contact("sm4")
    contact.card.store.pin = "654321"
    contact.go_online()
    data = bytes.fromhex("6D3AE25CDB5F9A48C7D17029D2339E21")
    assert contact.script("84240002", data) == "9000"
    assert contact.card.store.pin == "123456"


@pytest.mark.parametrize(
    ("identifier", "algorithm", "expected"),
    [
        ("03", "3des", "0F03000001000000000005005FE2E778"),
        ("03", "sm4", "0F0300000100000000000500E100EA07"),
    ],
    ids=["3DES", "SM4"],
)
def test_two_amounts_in_the_issuer_data(
    identifier: str, algorithm: Algorithm, expected: str
) -> None:
    contact = _contact(algorithm, identifier)
    contact.card.store.put_counter("ctta", 500)
    answer = contact.go_online()
    assert answer.issuer_data[8:].hex().upper() == expected


def test_cryptogram_version_17() -> None:
    """ref 04 §6.8: 13 bytes go in."""
    contact = _contact("3des")
    contact.card.store.put_option("contact", "3des", 0x9F10, bytes.fromhex("0700170300000001"))
    assert contact.go_online().cryptogram.hex().upper() == "0206DB88C8CFA2F8"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_cryptograms_are_what_the_issuer_computes(algorithm: Algorithm) -> None:
    contact = _contact(algorithm)
    answer = contact.go_online()
    assert answer.cryptogram == contact.expected(answer)
    assert contact.authenticate() == "9000"
    answer = contact.second(AAC)
    assert answer.cryptogram == contact.expected(answer)


# Offline signatures


def test_dynamic_signature_of_the_card() -> None:
    contact = Contact(debit_card())
    contact.start()
    (answer,) = contact.card.objects("00880000041122334400")
    assert (answer.tag, answer.value.hex().upper()) == (0x80, SIGNED_DDA)
    assert contact.first(AAC).results.endswith("02")


def test_dynamic_signature_with_sm2() -> None:
    contact = Contact(debit_card())
    contact.told[0xDF69] = "01"
    contact.start()
    (answer,) = contact.card.objects("00880000041122334400")
    number = bytes.fromhex("11223344")
    assert offline_sm2.check_dynamic(SM2, answer.value, number).hex() == "020001"


@pytest.mark.parametrize(
    ("apdu", "status"),
    [("0088000003112233", "6700"), ("00880001041122334400", "6A86")],
    ids=["length", "P2"],
)
def test_internal_authenticate_refuses(apdu: str, status: str) -> None:
    contact = Contact(debit_card())
    contact.start()
    assert contact.card.sw(apdu) == status


def test_internal_authenticate_has_its_time() -> None:
    contact = Contact(debit_card())
    contact.card.send("00A4040008A000000333010101")
    assert contact.card.sw("00880000041122334400") == "6985", "before GPO"
    contact.start()
    contact.first(ARQC)
    assert contact.card.sw("00880000041122334400") == "6985", "after the cryptogram"


def test_internal_authenticate_without_dda_or_key() -> None:
    contact = Contact(debit_card())
    contact.card.store.drop("rsa")
    contact.start()
    assert contact.card.sw("00880000041122334400") == "6985"
    contact.card.store.put_option("contact", "3des", 0x82, bytes.fromhex("5C00"))
    contact.start()
    assert contact.card.sw("00880000041122334400") == "6985"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("second", [False, True], ids=["first", "second"])
def test_combined_signature(algorithm: Algorithm, second: bool) -> None:
    contact = _contact(algorithm)
    if second:
        contact.go_online()
        assert contact.authenticate() == "9000"
        contact.told[0x8A] = "3030"
    else:
        contact.start()
    apdu = contact.command(second, TC if second else ARQC)
    apdu = apdu[:4] + f"{int(apdu[4:6], 16) | 0x10:02X}" + apdu[6:]
    answers = {each.tag: each.value for each in contact.card.objects(apdu)[0].children}
    assert list(answers) == [0x9F27, 0x9F36, 0x9F4B, 0x9F10]
    results = answers[0x9F10][4:7].hex().upper()
    assert results == ("602002" if second else "A02002"), "DDA performed, and velocity"
    checks = offline_sm2 if algorithm == "sm4" else offline
    public = SM2 if algorithm == "sm4" else RSA
    number = contact.values[0x9F37]
    signed = split_combined(checks.check_dynamic(public, answers[0x9F4B], number))
    assert (signed.number.hex(), signed.cid) == ("0001", 0x40 if second else 0x80)
    wanted = Dol.parse(bytes.fromhex("9F7A019F02065F2A02DF6901"))
    hashed = wanted.join(contact.values) + FIRST_LIST.join(contact.values)
    if second:
        hashed += SECOND_LIST.join(contact.values)
    hashed += b"".join(encode_ber(tag, answers[tag]) for tag in (0x9F27, 0x9F36, 0x9F10))
    assert signed.transaction_hash == checks.transaction_hash(hashed)
    if not second:
        contact.arqc, contact.atc = signed.cryptogram, 1
        assert contact.authenticate() == "9000"


def test_an_aac_is_not_signed() -> None:
    contact = _contact("3des")
    contact.start()
    assert contact.first(AAC, combined=1).kind is AAC


def test_no_combined_signature_without_its_bit() -> None:
    contact = Contact(debit_card())
    contact.start()
    assert contact.first(ARQC, combined=1).kind is ARQC


def test_a_hash_of_the_terminal_goes_before_the_other_data() -> None:
    """Tag 98 in the list of the card (ref 14 §6.1, §11)."""
    contact = _contact("3des")
    wanted = Dol.parse(bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F37049814"))
    contact.card.store.put_element(
        0x8C, bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F37049814")
    )
    contact.told[0x98] = "A5" * 20
    contact.start()
    data = wanted.join(contact.values)
    (answer,) = contact.card.objects(f"80AE8000{len(data):02X}{data.hex()}00")
    told = Answer(answer.value[0], 1, answer.value[3:11], answer.value[11:])
    assert told.cryptogram == contact.expected(told)
