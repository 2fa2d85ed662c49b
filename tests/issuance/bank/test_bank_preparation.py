"""Data preparation against the complete data set of ref 04 appendix D."""

from __future__ import annotations

import pytest
from tests.support.bank_preparation import (
    HOLDER,
    SET,
    AppendixDIssuer,
    Keys,
    appendix_d,
    prepared,
)

from sscard_ic.card.bank_plan import BankPlan, PlannedGroup
from sscard_ic.codec.tlv import parse_ber
from sscard_ic.crypto.pboc import offline
from sscard_ic.crypto.rsa import RsaPublic
from sscard_ic.issuance.bank import PublishedIssuer, RsaCertifier, prepare_bank

ORDER = (
    "9104 9203 9207 9102 9103 0101 0102 0201 0202 0203 0204 0205 0206 0207 0301 0302 0303 0401 "
    "0D01 0E01 9200 8000 9000 8205 8204 8203 8202 8201 8010 9010"
)
"""Ref 04 §7.5: order of S3, whose records are here in the order of their numbers."""
SIGNED = ["0203", "0204", "0206", "0207"]
"""Groups that only the issuer of appendix D could make: its private key is left out there."""
ISSUER_OF_D = RsaPublic(
    int(
        "DC049819455574FDC444D1A562F65AFA7D64EABB71517B3F9345123A0C6662EB280539E0576B7062C06386F568"
        "89448DAE793A65F1928E50F1B8389BE75658422D7BD249E7338A5A23F5F9B4454040CAD1A56AE60071C747608E"
        "7A3AF4B36544143CC381816DE69A6230EEEBA864A6F5DC3CE389068D17683D203A992D56E0CF6F4F14C801349B"
        "39A504B9AB8C2F7F24BD098BE214F384051E5726D84981416F",
        16,
    ),
    3,
)


@pytest.fixture(scope="module")
def plan() -> BankPlan:
    return prepare_bank(appendix_d(), HOLDER, AppendixDIssuer(), Keys())


def group(plan: BankPlan, number: str) -> PlannedGroup:
    found = plan.instance("payment").group(int(number, 16))
    assert found is not None
    return found


def test_groups_come_in_the_order_of_the_plan(plan: BankPlan) -> None:
    groups = plan.instance("payment").groups
    assert " ".join(f"{group.number:04X}" for group in groups) == ORDER


@pytest.mark.parametrize("number", sorted(set(SET["groups"]) - set(SIGNED)))
def test_groups_of_appendix_d(plan: BankPlan, number: str) -> None:
    value = group(plan, number).value
    assert value is not None
    assert value.hex().upper() == SET["groups"][number]


@pytest.mark.parametrize("number", SIGNED)
def test_signatures_hold_what_those_of_appendix_d_hold(plan: BankPlan, number: str) -> None:
    ours = PublishedIssuer().certifier("3des", HOLDER.pan)
    assert isinstance(ours, RsaCertifier)
    value = group(plan, number).value
    assert value is not None
    made = parse_ber(value)[0].children[0]
    given = parse_ber(bytes.fromhex(SET["groups"][number]))[0].children[0]
    assert made.tag == given.tag
    recovered = offline.recover(ours.private.public, made.value)
    assert recovered == offline.recover(ISSUER_OF_D, given.value)


def test_private_key_of_appendix_d(plan: BankPlan) -> None:
    names = {"8205": "p", "8204": "q", "8203": "exponent_p", "8202": "exponent_q"}
    for number, name in {**names, "8201": "coefficient"}.items():
        secret = group(plan, number).secret
        assert secret is not None
        assert secret.reveal().hex().upper() == SET["rsa"][name]


def test_pin_and_keys_of_appendix_d(plan: BankPlan) -> None:
    pin = group(plan, "8010").secret
    assert pin is not None
    assert pin.reveal().hex().upper() == "26000000FFFFFFFF"
    assert group(plan, "8000").keys == "3des"
    assert group(plan, "9000").check == "3des"


def test_directories() -> None:
    plan = prepared()
    pse = {g.number: g.value for g in plan.instance("pse").groups}
    ppse = {g.number: g.value for g in plan.instance("ppse").groups}
    entry = "61194F08A000000333010101500A50424F43204445424954870101"  # ref 04 §7.8
    assert {f"{n:04X}": v.hex().upper() for n, v in pse.items() if v} == {
        "0101": f"701B{entry}",
        "9102": "A508880101" + "5F2D027A68",
    }
    assert {f"{n:04X}": v.hex().upper() for n, v in ppse.items() if v} == {
        "9102": f"A51EBF0C1B{entry}"
    }
