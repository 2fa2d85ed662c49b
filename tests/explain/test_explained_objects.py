"""ATR, TLV and status words that stand alone."""

from __future__ import annotations

import pytest

from sscard_ic.apdu.masked import Masked
from sscard_ic.explain import Detail, Explainer, Explanation


def told(atr: str) -> Explanation:
    return Explainer().atr(Masked.parse(atr))


def values(details: tuple[Detail, ...]) -> dict[str, str]:
    return {each.name.en: each.value.en if each.value else str(each.raw) for each in details}


# -- ATR -------------------------------------------------------------------------------------


def test_the_atr_of_a_social_security_card() -> None:
    # ref 01 §9.6
    explained = told("3B6D00000081484242865351190000 13DF")
    assert explained.summary.en == "T=0, chip maker 0081 Huada, region 5119 Bazhong"
    assert values(explained.details) == {
        "TS": "direct convention",
        "T0": "13 bytes historical",
        "TB1": "programming voltage, deprecated",
        "TC1": "extra guard time 0",
        "historical bytes": "008148424286535119000013DF",
    }
    assert values(explained.details[-1].parts) == {
        "maker": "chip maker 0081 Huada",
        "chip and system T1-T7": "00814842428653",
        "place of issue T8-T9": "region 5119 Bazhong",
        "unique number TA-TD": "000013DF",
    }


def test_two_protocols_and_the_check_byte() -> None:
    explained = told("3B9E958031FE450001020304050607 08090A0B0C0DFF")
    assert explained.summary.en == "T=0, T=1"
    assert values(explained.details) | {"historical bytes": ""} == {
        "TS": "direct convention",
        "T0": "14 bytes historical",
        "TA1": "F 512, D 16",
        "TD1": "protocol T=0",
        "TD2": "protocol T=1",
        "TA3": "information field size 254",
        "TB3": "45",
        "historical bytes": "",
        "TCK": "wrong",
    }
    raw = bytes.fromhex("3B9E958031FE45000102030405060708090A0B0C0D")
    check = 0
    for byte in raw[1:]:
        check ^= byte
    right = Explainer().atr(raw + bytes((check,)))
    assert values(right.details)["TCK"] == "right"


@pytest.mark.parametrize(
    ("atr", "maker"),
    [
        ("3B6C0000464301000102030405060708", "system HDOS of Huada Guangdong"),
        ("3B6D0000574403000102030405060708 09", "system TimeCOS of Watchdata"),
    ],
)
def test_other_makers(atr: str, maker: str) -> None:
    # ref 11 §4, §7
    assert maker in told(atr).summary.en


@pytest.mark.parametrize(
    ("atr", "part"),
    [("3B6D0000", "historical bytes"), ("3BF0", "TA1"), ("3B8081", "TD2"), ("3B808001", "TCK")],
)
def test_what_is_missing_is_said(atr: str, part: str) -> None:
    cut = {each.name.en: [remark.en for remark in each.remarks] for each in told(atr).details}
    assert cut[part] == ["the answer to reset is cut"]


def test_more_bytes_than_an_atr_has() -> None:
    last = told("3B01AABB").details[-1]
    assert (last.name.en, str(last.raw)) == ("more bytes", "BB")


def test_no_atr_at_all() -> None:
    assert told("00").details[0].value == told("AB").details[0].value
    assert told("").details == told("").details


def test_a_redacted_atr() -> None:
    explained = told("3B6D000000814842428653‹6 bytes›")
    assert explained.summary.en == "T=0, chip maker 0081 Huada"
    assert values(explained.details[-1].parts)["unique number TA-TD"] == "‹4 bytes›"


# -- TLV -------------------------------------------------------------------------------------


def test_broken_objects_are_shown_as_far_as_they_go() -> None:
    explained = Explainer().tlv(bytes.fromhex("6F0A8404112233"))
    (outer,) = explained.details
    assert [remark.en for remark in outer.remarks] == ["cut: 5 bytes missing"]
    (inner,) = outer.parts
    assert (inner.tag, str(inner.raw)) == ("84", "112233")
    assert [remark.en for remark in inner.remarks] == ["cut: 1 byte missing"]


@pytest.mark.parametrize("raw", ["970100", "5A02FFFF", "9F380100"])
def test_values_that_say_nothing_are_shown_as_they_are(raw: str) -> None:
    (detail,) = Explainer().tlv(bytes.fromhex(raw)).details
    assert detail.value is None
    assert str(detail.raw)


def test_what_is_no_object() -> None:
    explained = Explainer().tlv(bytes.fromhex("840201029F"))
    assert [each.name.en for each in explained.details] == ["DF name", "bytes that are no TLV"]


def test_hidden_values_of_objects() -> None:
    explained = Explainer().tlv(Masked.parse("6F098407‹7 bytes›"))
    (outer,) = explained.details
    assert [(each.tag, str(each.raw)) for each in outer.parts] == [("84", "‹7 bytes›")]


def test_deep_nesting_ends() -> None:
    raw = b""
    for _ in range(100):
        raw = (
            b"\x61" + (bytes((len(raw),)) if len(raw) < 128 else b"\x81" + bytes((len(raw),))) + raw
        )
    explained = Explainer().tlv(raw)
    depth, details = 0, explained.details
    while details:
        depth, details = depth + 1, details[0].parts
    assert 10 < depth < 30


def test_records_of_the_card_are_told_from_objects() -> None:
    explained = Explainer().tlv(bytes.fromhex("0A013 1 0B0101".replace(" ", "")))
    assert explained.summary.en == "SSSE.EF06 cardholder basic data, 2 records"
    assert values(explained.details) == {"sex": "1 male", "ethnic group": "01 Han"}


def test_records_that_no_file_has() -> None:
    explained = Explainer().tlv(bytes.fromhex("E30101E40102"))
    assert [(each.tag, each.name.en) for each in explained.details] == [
        ("E3", "unknown item"),
        ("E4", "unknown item"),
    ]


def test_records_that_were_never_written() -> None:
    explainer = Explainer()
    explainer.exchange(bytes.fromhex("00A4000002EF05"), b"\x90\x00")
    told = explainer.exchange(bytes.fromhex("00B2010500"), bytes(8) + b"\x90\x00")
    assert [each.name.en for each in told.answer] == ["never written"]


# -- status words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sw", "en", "zh"),
    [
        (0x9000, "9000 success", "9000 成功"),
        (0x6110, "6110 16 bytes available", "6110 还有 16 字节可取"),
        (0x63C0, "63C0 verification failed, 0 tries left", "63C0 认证失败，还可再试 0 次"),
        (0x9401, "9401 insufficient balance", "9401 余额不足"),
        (0x6742, "6742 wrong length", "6742 长度错误"),
        (0x0001, "0001 unknown status word", "0001 未知状态字"),
    ],
)
def test_status_words(sw: int, en: str, zh: str) -> None:
    explained = Explainer().status(sw)
    assert (explained.summary.en, explained.summary.zh) == (en, zh)


def test_an_answer_without_a_command() -> None:
    explained = Explainer().answer(bytes.fromhex("0304322E30309000"))
    assert explained.summary.en == "SSSE.EF05 card-issuer data, 2.00, 9000 success"
    assert Explainer().answer(b"\x90").summary.en == "no status word: less than two bytes"
