"""What data preparation makes of holders and settings, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.support.bank_preparation import HOLDER, SET, prepared

from sscard_ic.base.errors import InputError
from sscard_ic.base.secret import Secret
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.codec.tlv import parse_ber
from sscard_ic.issuance.bank import BankHolder
from sscard_ic.profile import load_financial

FIELDS = {
    "PAN": "6228000100001117",
    "AAC003": "欧阳样例",
    "AAC002": "650101200001010016",
    "AAC058": "01",
}


def objects(plan: BankPlan, number: int) -> dict[int, bytes]:
    found = plan.instance("payment").group(number)
    assert found is not None
    assert found.value is not None
    tree = parse_ber(found.value)
    inner = tree[0].children if tree[0].tag in (0x70, 0xA5) else tree
    return {each.tag: each.value for each in inner}


def test_a_row_becomes_a_holder() -> None:
    holding = load_financial().plan.holding
    holder = BankHolder.of(FIELDS, holding, date(2024, 2, 29))
    assert (holder.pan, holder.name, holder.id_number) == (
        FIELDS["PAN"],
        FIELDS["AAC003"],
        FIELDS["AAC002"],
    )
    assert (holder.effective, holder.expiry) == (date(2024, 2, 29), date(2034, 2, 28))
    assert FIELDS["PAN"] not in repr(holder)
    plan = prepared(holder, name_form="gbk")
    assert objects(plan, 0x0102) == {
        0x5F20: "欧阳样例".encode("gbk"),
        0x9F61: b"650101200001010016",
        0x9F62: b"\x00",
    }


@pytest.mark.parametrize(
    ("document", "code"), [("01", "00"), ("02", "01"), ("04", "03"), ("08", "02"), ("99", "05")]
)
def test_documents(document: str, code: str) -> None:
    plan = prepared(replace(HOLDER, document_type=document))
    assert objects(plan, 0x0102)[0x9F62].hex() == code


@pytest.mark.parametrize(
    ("form", "expected"),
    [("whole", (None, 27)), ("rest", (25, 2))],
)
def test_long_names(form: str, expected: tuple[int | None, int]) -> None:
    holder = replace(HOLDER, name="阿卜杜拉·样例·买买提·A样")
    assert len(holder.name.encode("gbk")) == 27
    data = objects(prepared(holder, name_form="gbk", long_name=form), 0x0102)
    first, second = data.get(0x5F20), data[0x9F0B]
    assert (len(first) if first is not None else None, len(second)) == expected
    assert ((first or b"") + second).decode("gbk") == holder.name


def test_pans_of_19_digits_and_of_12() -> None:
    long = prepared(replace(HOLDER, pan="6228480123456789012"))
    assert objects(long, 0x0301)[0x5A].hex().upper() == "6228480123456789012F"
    track2 = objects(long, 0x0101)[0x57].hex().upper()
    assert track2 == "6228480123456789012D4912220" + "0" * 10 + "F"
    short = prepared(replace(HOLDER, pan="622800010000", discretionary="12345"))
    assert objects(short, 0x0101)[0x57].hex().upper() == "622800010000D491222012345F"[:26]


def test_long_rsa_keys_sign_in_a_record() -> None:
    short = objects(prepared(), 0x9207)[0x94].hex().upper()
    long = objects(prepared(rsa_bits=1152), 0x9207)[0x94].hex().upper()
    assert short == "08020200100105001801020120010100"
    assert long == "0802020010010500180102013001010020010100"


def test_both_algorithms_have_their_own_ways_and_keys() -> None:
    plan = prepared(algorithms=("3des", "sm4"))
    numbers = [f"{group.number:04X}" for group in plan.instance("payment").groups]
    both = "9104 9114 9203 9213 9207 9217 9200 9201 8000 9000 8030 9030 8205 8100"
    assert " ".join(number for number in numbers if number in both) == (
        "9104 9203 9207 9114 9213 9217 9200 9201 8000 9000 8030 9030 8205 8100"
    )
    assert objects(plan, 0x9201)[0x9F10].hex() == "0700010300000004"
    assert objects(plan, 0x0208)[0x90][:1] == b"\x12"
    sm = prepared(algorithms=("sm4",)).instance("payment")
    assert {g.number for g in sm.groups} & {0x9104, 0x0201, 0x8000, 0x8205} == set()
    assert sm.group(0x8030) is not None


def test_pin_blocks_of_both_formats() -> None:
    own = prepared(replace(HOLDER, pin=Secret(b"123456")), pin_format=1)
    found = own.instance("payment").group(0x8010)
    assert found is not None
    assert found.secret is not None
    assert found.secret.reveal().hex()[:8] == "16123456"
    assert len(found.secret) == 8
    other = prepared(replace(HOLDER, pin=None)).instance("payment").group(0x8010)
    assert other is not None
    assert other.secret == Secret(bytes.fromhex("26000000FFFFFFFF"))


def test_fci_with_its_name() -> None:
    group = prepared(template="6F").instance("payment").group(0x9102)
    assert group is not None
    assert group.value is not None
    head = "6F3C8408A000000333010101"  # ref 04 appendix D, answer to SELECT
    assert group.value.hex().upper() == head + SET["groups"]["9102"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pan": "62280"}, "PAN"),
        ({"pan": "62280001000A1117"}, "PAN"),
        ({"id_number": ""}, "AAC002"),
        ({"id_number": "证"}, "AAC002"),
        ({"latin_name": "SAMPLE CARD"}, "LATIN_NAME"),
        ({"latin_name": ""}, "LATIN_NAME"),
        ({"latin_name": "A/" + "B" * 44}, "AAC003"),
        ({"expiry": date(2025, 12, 31)}, "expires before"),
        ({"expiry": date(2050, 1, 31)}, "issuer's certificate"),
        ({"pin": Secret(b"12345A")}, "offline PIN"),
        ({"pin": Secret(b"123")}, "offline PIN"),
        ({"discretionary": "1" * 20}, "track 2"),
        ({"discretionary": "12A"}, "track 2"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, dict) else "",
)
def test_what_no_card_can_hold(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        prepared(replace(HOLDER, **change))
    told = caught.value.render("zh") + caught.value.render("en")
    for value in (HOLDER.pan, HOLDER.id_number, "SAMPLE", "62280001000A1117", "12345A"):
        assert value not in told


def test_a_card_key_longer_than_that_of_the_issuer_is_refused() -> None:
    with pytest.raises(InputError, match="not longer"):
        prepared(rsa_bits=1288)
