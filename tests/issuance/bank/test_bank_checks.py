"""The checks of a card's data: a good card has no findings, each fault has its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest
from tests.support.bank_preparation import HOLDER, SET, appendix_d, prepared

from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.issuance.bank.check_values import check_holder
from sscard_ic.issuance.bank.checking import check_contents
from sscard_ic.issuance.bank.contents import contents_of_groups, contents_of_plan
from sscard_ic.issuance.bank.findings import Finding
from sscard_ic.profile.data_groups import Holding
from sscard_ic.profile.financial import Instance
from sscard_ic.profile.payment_authorities import load_authorities

DAY = date(2026, 11, 1)
OWNER = replace(HOLDER, pan="6228000100001117")
Groups = dict[tuple[Instance, str], str]


@cache
def _good() -> tuple[tuple[tuple[Instance, str], str], ...]:
    plan = prepared(OWNER, algorithms=("3des", "sm4"))
    return tuple(
        ((each.instance, f"{group.number:04X}"), (group.value or b"").hex().upper())
        for each in plan.instances
        for group in each.groups
    )


def found(groups: Groups, day: date = DAY) -> tuple[Finding, ...]:
    parsed = [
        (instance, DataGroup(int(number, 16), bytes.fromhex(value)))
        for (instance, number), value in groups.items()
    ]
    model = appendix_d(algorithms=("3des", "sm4"))
    return check_contents(contents_of_groups(parsed, model), load_authorities(), day)


def rules(findings: Iterable[Finding]) -> set[str]:
    return {f"{finding.level} {finding.rule}" for finding in findings}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"rsa_bits": 1152},
        {"algorithms": ("sm4",)},
        {"algorithms": ("3des", "sm4"), "rsa_bits": 1152, "name_form": "gbk", "template": "6F"},
    ],
    ids=["rsa-1024", "rsa-1152", "sm2", "both"],
)
def test_prepared_cards_are_good(settings: dict[str, Any]) -> None:
    model = appendix_d(**settings)
    contents = contents_of_plan(prepared(OWNER, **settings), model)
    assert check_contents(contents, load_authorities(), DAY) == ()
    assert list(check_holder(contents, OWNER, model.plan.holding)) == []


def test_the_set_of_appendix_d_is_good_but_for_its_test_pan() -> None:
    groups: Groups = {("payment", number): value for number, value in SET["groups"].items()}
    secret = 0x8000, 0x9000, 0x8201, 0x8202, 0x8203, 0x8204, 0x8205, 0x8010
    groups |= {("payment", f"{each:04X}"): "" for each in secret}
    assert rules(found(groups)) == {"warning pan_range"}


FAULTS: list[tuple[str, Instance, str, str, str, str]] = [
    ("9F42 and 9F51", "payment", "0E01", "9F51020156", "9F51020840", "error equal"),
    ("exponent", "payment", "0205", "9F470103", "9F470105", "error exponent"),
    ("tag list", "payment", "0302", "9F4A0182", "9F4A0194", "error fixed"),
    ("version", "payment", "0302", "9F08020030", "9F08020020", "warning fixed"),
    ("DDOL", "payment", "0205", "9F49039F3704", "9F49039F3708", "warning fixed"),
    (
        "label",
        "payment",
        "9102",
        "500A50424F43204445424954",
        "500A50424F43204352454449",
        "warning label",
    ),
    ("languages", "payment", "9103", "5F2D027A68", "5F2D025A48", "error languages"),
    ("PAN", "payment", "0303", "5A086228000100001117", "5A086228000100001118", "error pan"),
    ("expiry", "payment", "0301", "5F2403491231", "5F2403491130", "error expiry"),
    ("effective", "payment", "0301", "5F2503260101", "5F2503500101", "error effective"),
    ("service code", "payment", "0302", "5F30020220", "5F30020201", "error service"),
    ("track 2 of contactless", "payment", "0D01", "D4912220", "D4912201", "error track2"),
    ("both names", "payment", "0102", "9F6201", "9F0B1B" + "41" * 27 + "9F6201", "error names"),
    (
        "Latin name",
        "payment",
        "0102",
        "53414D504C452F43415244",
        "53414D504C452043415244",
        "warning names",
    ),
    ("document type", "payment", "0102", "9F620100", "9F620106", "error document"),
    ("document alone", "payment", "0102", "9F620100", "", "error document"),
    ("CVM amount", "payment", "0301", "8E0E00000000", "8E0E00000001", "warning cvm"),
    ("CVM offline PIN", "payment", "0301", "42031E031F00", "41031E031F00", "warning cvm"),
    ("CVN", "payment", "9200", "07000103", "07001003", "error issuer_data"),
    ("algorithm", "payment", "9201", "00000004", "00000001", "error issuer_data"),
    ("CVR", "payment", "9207", "0103000000", "0103A00000", "error issuer_data"),
    ("identifier", "payment", "9207", "010A01", "010A07", "error issuer_data"),
    ("balance", "payment", "0D01", "9F7906000000000000", "9F7906000000100001", "error cash_limit"),
    ("log format", "payment", "0D01", "DF4F0E", "DF500E", "error log"),
    ("AFL", "payment", "9104", "08010200", "08000200", "error afl"),
    ("AFL past the end", "payment", "9104", "10010500", "10011F00", "error record_missing"),
    ("AIP", "payment", "9104", "82027C00", "82017C", "error aip"),
    ("no CDOL1", "payment", "0302", "8C1B", "DF1B", "error mandatory"),
    ("no IAC", "payment", "0301", "9F0D05", "9F1D05", "warning mandatory"),
    ("no DDOL", "payment", "0205", "9F49039F3704", "", "error authentication"),
    ("no ADA", "payment", "0E01", "9F52026010", "", "error condition"),
    ("no single limit", "payment", "0D01", "9F7806000000100000", "", "error condition"),
    ("tag twice", "payment", "0302", "9F08020030", "9F08020030" * 2, "error tag_twice"),
    ("balance in a record", "payment", "0302", "9F0802", "9F7902", "error misplaced"),
    ("9F69 in a record", "payment", "0302", "9F0802", "9F6902", "error misplaced"),
    ("cash code", "payment", "0303", "9F7406", "9F7506", "warning cash_code"),
    ("expiry last", "payment", "0401", "9F7406454343303031", "5F2403491231", "error expiry_last"),
    ("PDOL", "payment", "9103", "9F6604", "9F6704", "error pdol"),
    ("long AFL", "payment", "9207", "08020200", "0802020008030300", "error afl_long"),
    (
        "signature record",
        "payment",
        "9207",
        "20010100",
        "3001010020010100",
        "error signature_record",
    ),
    ("PSE file", "pse", "9102", "880101", "880120", "error pse_file"),
    ("PSE tags", "pse", "9102", "5F2D", "5F50", "error fci_tags"),
    ("entry of PSE", "pse", "0101", "A000000333010101", "A000000333010102", "error entry"),
    ("entry of PPSE", "ppse", "9102", "A000000333010101", "A000000333010102", "error entry"),
    ("issuer", "payment", "0202", "9F320103", "9F32020003", "error issuer_certificate"),
    ("authority", "payment", "0202", "8F01E1", "8F0155", "warning authority"),
    ("signed data", "payment", "0301", "9F0702FF00", "9F0702FE00", "error static_signature"),
    ("card certificate", "payment", "020A", "9F46819414", "9F46819413", "error card_certificate"),
    ("signature of SM2", "payment", "0209", "934313DAC0", "934313DAC1", "error static_signature"),
]
"""What is wrong, in which group, which bytes by which, and the finding."""


@pytest.mark.parametrize(
    ("instance", "number", "old", "new", "rule"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0].replace(" ", "-") for fault in FAULTS],
)
def test_faults(instance: Instance, number: str, old: str, new: str, rule: str) -> None:
    groups = dict(_good())
    value = groups[instance, number]
    assert old in value
    groups[instance, number] = _resized(value.replace(old, new, 1), (len(new) - len(old)) // 2)
    assert rule in rules(found(groups))


def _resized(value: str, more: int) -> str:
    """``value`` with the length of its template grown by ``more``; lists of objects as they are."""
    data = bytearray.fromhex(value)
    if data[0] in (0x70, 0xA5):
        at = 2 if data[1] == 0x81 else 1
        data[at] += more
    elif data[:2] == b"\x9f\x10":
        data[2] += more
    elif data[0] == 0x82 and more > 0:
        data[5] += more
    return data.hex().upper()


MISSING: list[tuple[Instance, str, str]] = [
    ("payment", "8000", "error keys"),
    ("payment", "9030", "warning check_values"),
    ("payment", "8203", "error rsa_key"),
    ("payment", "8100", "error sm2_key"),
    ("payment", "8010", "error pin"),
    ("payment", "0101", "error track2_place"),
    ("payment", "0301", "error record_missing"),
    ("pse", "0101", "error pse_empty"),
]


@pytest.mark.parametrize(("instance", "number", "rule"), MISSING, ids=str)
def test_groups_that_are_missing(instance: Instance, number: str, rule: str) -> None:
    groups = dict(_good())
    del groups[instance, number]
    assert rule in rules(found(groups))


@pytest.mark.parametrize(
    ("number", "value", "rule"),
    [
        ("0601", "7003", "error form"),
        ("0602", "5A00", "error template"),
        ("A5A5", "", "warning unknown_group"),
    ],
    ids=["cut", "no-template", "unknown"],
)
def test_groups_that_do_not_belong(number: str, value: str, rule: str) -> None:
    groups = dict(_good())
    groups["payment", number] = value
    assert rule in rules(found(groups))


def test_a_group_twice() -> None:
    parsed: list[tuple[Instance, DataGroup]] = [("payment", DataGroup(0x9010, b"\x03\x03"))] * 2
    contents = contents_of_groups(parsed, appendix_d())
    assert "error group_twice" in rules(contents.findings)


def test_certificates_expire() -> None:
    assert "error issuer_certificate" in rules(found(dict(_good()), date(2050, 1, 1)))


def test_a_card_of_somebody_else() -> None:
    contents = contents_of_plan(prepared(OWNER), appendix_d())
    other = replace(OWNER, pan="6228000100001125", latin_name="OTHER/ONE", document_type="02")
    findings = list(check_holder(contents, other, Holding(name_form="latin", id_types={})))
    assert [each.text.en[:4] for each in findings] == ["5A i", "5F20", "9F62"]
    assert all(OWNER.pan not in each.to("zh") + each.to("en") for each in findings)
