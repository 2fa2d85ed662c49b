"""Sessions of the reference in words, exchange by exchange, in both languages."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.explain import Detail, Explainer, Explanation

_FOLDER = Path(__file__).parents[1] / "vectors"
_SESSIONS: list[dict[str, Any]] = tomllib.loads(
    (_FOLDER / "explain.toml").read_text(encoding="utf-8")
)["session"]


def exchange(explainer: Explainer, command: str, answer: str) -> Explanation:
    return explainer.exchange(bytes.fromhex(command), bytes.fromhex(answer))


def flat(details: tuple[Detail, ...]) -> dict[str, str]:
    """Values by tag or name, at every depth."""
    found: dict[str, str] = {}
    for detail in details:
        found[detail.tag or detail.name.en] = detail.value.en if detail.value else str(detail.raw)
        found.update(flat(detail.parts))
    return found


@pytest.mark.parametrize("session", _SESSIONS, ids=[each["title"] for each in _SESSIONS])
def test_summaries(session: dict[str, Any]) -> None:
    explainer = Explainer()
    told = [exchange(explainer, step["command"], step["answer"]) for step in session["step"]]
    assert [each.summary.en for each in told] == [step["en"] for step in session["step"]]
    assert [each.summary.zh for each in told] == [step["zh"] for step in session["step"]]


def test_the_script_of_a_blank_line_by_line() -> None:
    script = tomllib.loads((_FOLDER / "t514_initialisation.toml").read_text(encoding="utf-8"))
    wanted = (_FOLDER / "explain_t514.txt").read_text(encoding="utf-8").splitlines()
    explainer = Explainer()
    told = [
        exchange(explainer, step["apdu"], step.get("answer", "") + "9000").summary.en
        for step in script["step"]
    ]
    assert told == wanted


# -- values ----------------------------------------------------------------------------------


def test_the_records_of_a_real_card() -> None:
    records = (
        "0110430299D156000005000000133A05F2E3 020133 0304322E3000"
        "040C9156000002430200430100D5 050432303132 060432303232 0709423030303030313331"
    )
    explainer = Explainer()
    exchange(explainer, "00A4000002EF05", "9000")
    told = exchange(explainer, "00B20105FF", records + "9000")
    by_tag = {record.tag: record for record in told.answer}
    assert list(by_tag) == ["01", "02", "03", "04", "05", "06", "07"]
    assert flat(told.answer) | {"01": "", "04": ""} == {
        "01": "",
        "issuing city": "430299 Zhuzhou",
        "application identifier": "D156000005",
        "serial number": "00000013",
        "authentication code": "3A05F2E3",
        "02": "3 adult card",
        "03": "2.0",
        "04": "",
        "identifier of card issuers": "9156000002",
        "issuing region": "430200 Zhuzhou",
        "seat of the institution": "430100 Changsha",
        "sequence number": "D5",
        "05": "2012",
        "06": "2022",
        "07": "B00000131",
    }
    assert [remark.en for remark in by_tag["05"].remarks] == [
        "ASCII characters where BCD digits belong"
    ]
    assert [remark.en for remark in by_tag["03"].remarks] == [
        "not a version of the form N.NN",
    ]
    assert by_tag["07"].remarks == ()


def test_file_control_information() -> None:
    told = Explainer().fci(
        bytes.fromhex("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"),
    )
    assert flat(told.details) == {
        "6F": "840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E",
        "84": "sx1.sh.社会保障",
        "A5": "88011E",
        "88": "SFI 1E",
    }
    assert told.summary.zh == "目录基本文件的短标识符 SFI 1E"


def test_the_algorithm_that_a_card_announces() -> None:
    told = Explainer().fci(bytes.fromhex("6F08A5069F0C038603AA"))
    assert flat(told.details)["9F0C"] == "algorithm of the keys SM4"


def test_a_constructed_record() -> None:
    explainer = Explainer()
    exchange(explainer, "00A4000002DF01", "9000")
    school = "南京大学".encode("gb18030").ljust(40, b"\x00").hex()
    record = f"40345703313233580311223359 28{school}"
    told = exchange(explainer, "00B202AC00", record + "9000")
    assert told.place == "DF01.EF15.40#1"
    (record_told,) = told.answer
    assert [(part.tag, part.value.en) for part in record_told.parts if part.value] == [
        ("57", "123"),
        ("58", "112233"),
        ("59", "南京大学"),
    ]


def test_what_the_answer_to_initialize_for_purchase_says() -> None:
    explainer = Explainer()
    told = exchange(
        explainer,
        "B02801011301000000000000 3A9800002AF899010000000116",
        "00001388000000000000000020260007010011223344 9000",
    )
    assert flat(told.details) == {
        "key index": "1",
        "account amount (A1)": "0.00 yuan",
        "self-paid amount (A2)": "150.00 yuan",
        "pooled-fund amount (A3)": "110.00 yuan",
        "terminal number": "990100000001",
    }
    assert flat(told.answer) == {
        "account balance": "50.00 yuan",
        "annual self-paid total": "0.00 yuan",
        "annual pooled-fund total": "0.00 yuan",
        "payment year": "2026",
        "offline counter": "7",
        "key version": "1",
        "algorithm": "00",
        "random number": "11223344",
    }


def test_what_a_key_opens_is_told() -> None:
    told = exchange(Explainer(), "0082000A10" + "00" * 16, "9000")
    assert flat(told.details)["opens"] == "read SSSE.EF07 SSSE.EF08"


def test_a_key_record_without_its_value() -> None:
    told = exchange(Explainer(), "00D40000180D0402EF33003310" + "42" * 16, "9000")
    assert told.summary.en == "WRITE KEY UKSSSE group 2, external authentication key, level 3"
    assert flat(told.details) == {
        "type": "external authentication key",
        "identifier": "04",
        "key group (version)": "2",
        "change right": "EF",
        "error counter": "at most 3 tries, 3 left",
        "algorithm": "3DES",
        "level": "3",
        "length": "16",
        "value": "‹16 bytes›",
    }
    assert str(told.command) == "00D4000018 ‹24 bytes›"


def test_objects_of_a_bank_card_with_a_list_of_objects() -> None:
    told = Explainer().tlv(bytes.fromhex("A5149F380C9F7A019F02065F2A02DF6901 87 01 01"))
    values = flat(told.details)
    assert values["9F38"] == (
        "EC terminal support indicator 1, amount authorised 6, "
        "transaction currency code 2, SM algorithm support indicator 1"
    )
    assert values["87"] == "1"
