"""The messages of an HSM service, written and read (ref 05 appendix A, 02 §6, 03 §1.8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.hsm_vectors import VECTORS

from sscard_ic.apdu.medical import Amounts, time_bytes
from sscard_ic.base import Secret
from sscard_ic.keys.remote import bars, xml_form
from sscard_ic.keys.remote.fields import MessageError
from sscard_ic.keys.remote.parts import Card, Challenges, Proof
from sscard_ic.keys.remote.replies import (
    AuthenticationReply,
    BasicReply,
    DebitReply,
    MessageReply,
    Refusal,
    Reply,
)
from sscard_ic.keys.remote.requests import (
    REQUESTS,
    AuthenticationRequest,
    BasicRequest,
    DebitRequest,
    MessageRequest,
    Request,
)

EXCHANGES: list[dict[str, str]] = VECTORS["exchange"]
XML: list[dict[str, str]] = VECTORS["xml"]


def _named(case: dict[str, str]) -> str:
    return case["name"]


# ── Vectors ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", EXCHANGES, ids=_named)
def test_bars(case: dict[str, str]) -> None:
    request = bars.read_request(case["request"].encode())
    assert type(request) is REQUESTS[case["type"]]
    usual = case["request"].replace("|SM4|", "|03|")
    assert bars.write_request(request).reveal().decode() == usual
    assert bars.read_request(case["request"].lower().replace("sm4", "SM4").encode()) == request
    reply: Reply = bars.read_reply(case["reply"].encode(), request.REPLY)
    assert bars.write_reply(reply).decode() == case["reply"]


@pytest.mark.parametrize("case", XML, ids=_named)
def test_xml(case: dict[str, str]) -> None:
    request = xml_form.read_request(case["request"].encode())
    assert type(request) is REQUESTS[case["type"]]
    assert xml_form.has_form(request)
    assert xml_form.write_request(request).reveal().decode() == case["request"]
    reply: Any = xml_form.read_reply(case["reply"].encode(), request.REPLY, "0")
    assert xml_form.write_reply(reply, "0").decode() == case["reply"]


def test_what_the_fields_are() -> None:
    """Process factor before raw data; which is which decides over a try of the card's key."""
    request = bars.read_request(EXCHANGES[0]["request"].encode())
    assert request == AuthenticationRequest(
        Card("320800", bytes.fromhex("0000000000866033110000048A"), "01"),
        "0094",
        Challenges(bytes.fromhex("0102030405060708"), bytes.fromhex("1122334455667788")),
    )
    reply = bars.read_reply(EXCHANGES[0]["reply"].encode(), AuthenticationReply)
    assert reply.proof == Proof(
        bytes.fromhex("1E008343409B5CEB"), bytes.fromhex("1122334455667788")
    )


# ── Round trips ──────────────────────────────────────────────────────────────────────────────


def exactly(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=length, max_size=length)


CARDS = st.builds(Card, digits(6), exactly(13), st.sampled_from(("01", "02", "03")))
CHALLENGES = st.builds(Challenges, exactly(8), exactly(8))
PROOFS = st.builds(Proof, exactly(8), exactly(8))
ADDRESSES = st.one_of(
    st.integers(0, 0xFFFF).map(lambda number: f"{number:04X}"),
    st.integers(0, 0xFFFFFF).map(lambda number: f"{number:06X}"),
    st.just("RKMFEF0C_370000"),
)
TIMES = st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1)).map(time_bytes)
SECRETS = st.binary(max_size=40).map(Secret)
AMOUNT = st.integers(0, 0xFFFFFFFF)
BASIC = st.builds(BasicRequest, CARDS, exactly(16), CHALLENGES, st.none() | CHALLENGES)
AUTHENTICATION = st.builds(
    AuthenticationRequest, CARDS, ADDRESSES, CHALLENGES, st.just(b"") | exactly(16)
)
MESSAGES = st.builds(
    MessageRequest, CARDS, ADDRESSES, exactly(8) | exactly(16), exactly(5), SECRETS
)
DEBITS = st.builds(
    DebitRequest,
    CARDS,
    AMOUNT,
    ADDRESSES,
    exactly(4),
    st.integers(0, 0xFFFF),
    st.builds(Amounts, AMOUNT, AMOUNT, AMOUNT),
    digits(12).map(bytes.fromhex),
    TIMES,
    short_amounts=st.just(False),
) | st.builds(
    DebitRequest,
    CARDS,
    AMOUNT,
    ADDRESSES,
    exactly(4),
    st.integers(0, 0xFFFF),
    st.builds(Amounts, st.just(0), AMOUNT, AMOUNT),
    digits(12).map(bytes.fromhex),
    TIMES,
)
REPLIES = st.one_of(
    st.builds(BasicReply, PROOFS, st.none() | PROOFS),
    st.builds(AuthenticationReply, PROOFS),
    st.builds(MessageReply, st.binary(max_size=60)),
    st.builds(DebitReply, AMOUNT, TIMES, exactly(4), exactly(4), exactly(4)),
)


@given(BASIC | AUTHENTICATION | MESSAGES | DEBITS)
def test_requests_come_back_from_bars(request: Request) -> None:
    assert bars.read_request(bars.write_request(request).reveal()) == request


@given(BASIC | AUTHENTICATION)
def test_requests_come_back_from_xml(request: BasicRequest | AuthenticationRequest) -> None:
    for personal in ("empty", "omitted"):
        found = xml_form.read_request(xml_form.write_request(request, personal).reveal())
        assert found == request
        assert found.identification_code == request.identification_code


@given(REPLIES)
def test_replies_come_back_from_bars(reply: Reply) -> None:
    assert bars.read_reply(bars.write_reply(reply), type(reply)) == reply


@given(st.builds(BasicReply, PROOFS, st.none() | PROOFS), st.sampled_from(("0", "1", "OK")))
def test_replies_come_back_from_xml(reply: BasicReply, success: str) -> None:
    written = xml_form.write_reply(reply, success)
    assert xml_form.read_reply(written, BasicReply, success) == reply
    other = xml_form.read_reply(written, BasicReply, "none of them")
    assert other == Refusal(success, "")


@given(st.from_regex(r"[0-9A-Z]{1,8}", fullmatch=True), st.text())
def test_refusals(code: str, words: str) -> None:
    from_bars = bars.read_refusal(bars.write_refusal(Refusal(code, _utf8(words))))
    assert from_bars.code == code
    assert from_bars.text == " ".join(_utf8(words).replace("|", "/").split())
    written = xml_form.write_refusal(Refusal(code, _utf8(words)))
    from_xml = xml_form.read_reply(written, AuthenticationReply, "none of them")
    assert isinstance(from_xml, Refusal)
    assert from_xml.code == code


def _utf8(words: str) -> str:
    return words.encode(errors="ignore").decode()


def test_replies_that_services_shorten() -> None:
    """Ref 03 §1.8: the driver appends the bar of the empty external part itself."""
    proof = EXCHANGES[0]["reply"].encode()
    assert bars.read_reply(proof, BasicReply).external is None
    assert bars.read_reply(proof + b"|", BasicReply).external is None
    assert bars.read_reply(proof + b"\r\n", AuthenticationReply) == bars.read_reply(
        proof, AuthenticationReply
    )


def test_personal_fields_are_passed_over() -> None:
    """Whatever a terminal sends of its holder serves no computation and is kept nowhere."""
    case = XML[1]["request"].replace("<AAC003></AAC003>", "<AAC003>某某</AAC003>")
    case = case.replace("</ROOT>", "<CARDINFO>a|b|</CARDINFO></ROOT>")
    request = xml_form.read_request(case.encode())
    assert "某某" not in repr(request)
    assert xml_form.write_request(request).reveal().decode() == XML[1]["request"]
    omitted = xml_form.write_request(request, "omitted").reveal().decode()
    assert "AAC003" not in omitted
    assert "AAZ501" in omitted


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK", "gb2312", "GB18030"])
def test_chinese_words_of_other_services(encoding: str) -> None:
    words = f'<?xml version="1.0" encoding="{encoding}"?>\n<ROOT><RETCODE>9</RETCODE>'
    words += "<RETTEXT>密钥不存在</RETTEXT></ROOT>"
    found = xml_form.read_reply(words.encode(encoding), AuthenticationReply, "0")
    assert found == Refusal("9", "密钥不存在")


# ── What is refused ──────────────────────────────────────────────────────────────────────────

PIN_REQUEST = next(case["request"] for case in EXCHANGES if case["name"] == "03 PIN reset")
DEBIT_REQUEST = next(case["request"] for case in EXCHANGES if case["name"] == "04 E1")


def _with(request: str, field: int, text: str) -> bytes:
    """A bar request with another text in one field, counted from 1."""
    texts = request.split("|")
    texts[field - 1] = text
    return "|".join(texts).encode()


AUTHENTICATION_REQUEST = EXCHANGES[0]["request"]
BASIC_REQUEST = next(case["request"] for case in EXCHANGES if case["name"] == "01 with both parts")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "a message ends with a vertical bar"),
        (b"02", "a message ends with a vertical bar"),
        (b"|", "field 1 (business type) should be one of 01, 02, 03, 04"),
        (b"05|x|", "field 1 (business type)"),
        (b"02|", "7 fields are needed, not 1"),
        (AUTHENTICATION_REQUEST.encode() + b"|", "7 fields are needed, not 8"),
        (b"\xff\xfe", "bytes that no such text has"),
        (_with(AUTHENTICATION_REQUEST, 2, "3208"), "field 2 (region of issue) should be 6 decimal"),
        (_with(AUTHENTICATION_REQUEST, 2, "32080A"), "field 2 (region of issue)"),
        (_with(AUTHENTICATION_REQUEST, 3, "00" * 12), "field 3 (ATR information) should be 26"),
        (_with(AUTHENTICATION_REQUEST, 3, "0G" * 13), "field 3 (ATR information)"),
        (_with(AUTHENTICATION_REQUEST, 4, "04"), "field 4 (algorithm identifier) should be 01"),
        (_with(AUTHENTICATION_REQUEST, 5, "94"), "field 5 (key address)"),
        (_with(AUTHENTICATION_REQUEST, 5, "rm -rf"), "field 5 (key address)"),
        (_with(AUTHENTICATION_REQUEST, 6, ""), "field 6 (process factor) should be 16"),
        (_with(AUTHENTICATION_REQUEST, 7, "00" * 9), "field 7 (raw data) should be 16"),
        (_with(BASIC_REQUEST, 5, ""), "field 5 (card identification code) should be 32"),
        (_with(BASIC_REQUEST, 8, ""), "field 8 and field 9 (external authentication)"),
        (_with(PIN_REQUEST, 6, "00" * 4), "field 6 (secure-messaging factor) should be 16 or 32"),
        (_with(PIN_REQUEST, 7, "8424"), "field 7 (APDU header) should be 10"),
        (_with(PIN_REQUEST, 8, "12345"), "field 8 (plaintext data) should be an even number"),
        (_with(DEBIT_REQUEST, 4, "5"), "field 4 (terminal transaction number)"),
        (_with(DEBIT_REQUEST, 9, "00" * 10), "field 9 (amounts) should be 16 or 24"),
        (_with(DEBIT_REQUEST, 10, "31"), "field 10 (transaction type) should be 32"),
        (_with(DEBIT_REQUEST, 11, "99010000000A"), "field 11 (terminal number)"),
        (_with(DEBIT_REQUEST, 12, "20261315101530"), "field 12 (time)"),
        (_with(DEBIT_REQUEST, 12, "2026031510153"), "field 12 (time)"),
    ],
)
def test_requests_of_another_form(body: bytes, words: str) -> None:
    with pytest.raises(MessageError) as caught:
        bars.read_request(body)
    assert words in caught.value.what.en
    assert caught.value.what.zh != caught.value.what.en


def test_no_error_quotes_a_field() -> None:
    for field in range(2, 9):
        with pytest.raises(MessageError) as caught:
            bars.read_request(_with(PIN_REQUEST, field, "q987654q"))
        assert "987654" not in str(caught.value)


DOCUMENT = XML[1]["request"]
_LEVELS = [f"<!ENTITY a{n} '{10 * f'&a{n - 1};'}'>" for n in range(1, 9)]
BOMB = f"<!DOCTYPE ROOT [<!ENTITY a0 'aaaaaaaaaa'>{''.join(_LEVELS)}]>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<", "no complete XML (line 1, column"),
        (DOCUMENT[:-3], "no complete XML"),
        (DOCUMENT + DOCUMENT, "no complete XML"),
        (DOCUMENT.replace("ROOT", "root"), "should be <ROOT>"),
        ("<ROOT/>", "<MSGNO> should be one of 9013, 9011"),
        (DOCUMENT.replace(">9011<", ">9012<"), "<MSGNO> should be one of"),
        (DOCUMENT.replace("<KEYADD>0094</KEYADD>", ""), "the XML has no <KEYADD>"),
        (DOCUMENT.replace("0094", "94"), "<KEYADD> (key address)"),
        (DOCUMENT.replace("320800D1", "D1"), "<AAZ501> (card identification code)"),
        (DOCUMENT.replace("</ROOT>", "<X>1</X></ROOT>"), "elements that this message has not"),
        (DOCUMENT.replace("</ROOT>", "<AFLAG>01</AFLAG></ROOT>"), "there twice"),
        (DOCUMENT.replace("<AFLAG>", '<AFLAG x="1">'), "without attributes"),
        (DOCUMENT.replace("<AFLAG>01", "<AFLAG><b>01</b>"), "nothing but elements of text"),
        (DOCUMENT.replace("<AFLAG>", "x<AFLAG>"), "nothing but elements of text"),
        ("<?php x?>" + DOCUMENT, "no processing instructions"),
        (BOMB + DOCUMENT.replace("0094", "&a8;"), "no DOCTYPE and no entities"),
        (
            '<!DOCTYPE ROOT SYSTEM "file:///etc/passwd">' + DOCUMENT,
            "no DOCTYPE and no entities",
        ),
        (DOCUMENT.replace("0094", "&x;"), "no complete XML"),
        ('<?xml version="1.0" encoding="UTF-16"?>' + DOCUMENT, "should be UTF-8 or GB18030"),
    ],
)
def test_documents_of_another_form(body: str, words: str) -> None:
    with pytest.raises(MessageError) as caught:
        xml_form.read_request(body.encode())
    assert words in caught.value.what.en


@pytest.mark.parametrize("body", [b"<ROOT>\xff</ROOT>", "<ROOT/>".encode("utf-16")])
def test_bytes_that_are_no_text(body: bytes) -> None:
    with pytest.raises(MessageError, match="UTF-8 or GB18030"):
        xml_form.read_request(body)


def test_characters_that_xml_has_not() -> None:
    """Words of a refusal come from anywhere; the document stays one."""
    written = xml_form.write_refusal(Refusal("1", "a\x00b<&>\x1b[31m\ud800"))
    found = xml_form.read_reply(written, AuthenticationReply, "0")
    assert found == Refusal("1", "ab<&>[31m")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"1E00|",
        b"1E008343409B5CEB1122334455667788",
        b"OK",
        b"1E008343409B5CEB112233445566778G|",
    ],
)
def test_replies_of_another_form(body: bytes) -> None:
    with pytest.raises(MessageError):
        bars.read_reply(body, AuthenticationReply)


def test_xml_has_no_form_for_pins_and_settlements() -> None:
    for request in (PIN_REQUEST, DEBIT_REQUEST):
        assert not xml_form.has_form(bars.read_request(request.encode()))


def test_a_reply_without_a_code() -> None:
    with pytest.raises(MessageError, match="no <RETCODE>"):
        xml_form.read_reply(b"<ROOT><RESULT>00</RESULT></ROOT>", AuthenticationReply, "0")


@given(st.binary(max_size=300))
def test_readers_of_requests_never_fail_otherwise(body: bytes) -> None:
    for read in (bars.read_request, xml_form.read_request):
        with pytest.raises(MessageError):
            read(body)


@given(st.binary(max_size=300), st.sampled_from([kind.REPLY for kind in REQUESTS.values()]))
def test_readers_of_replies_never_fail_otherwise(body: bytes, kind: type[Reply]) -> None:
    """Nor do they take anything for a reply."""
    with pytest.raises(MessageError):
        bars.read_reply(body, kind)
    with pytest.raises(MessageError):
        bars.read_refusal(body.replace(b"|", b""))
    with pytest.raises(MessageError):
        xml_form.read_reply(body, kind, "0")


@given(st.sampled_from(EXCHANGES), st.data())
def test_a_changed_character_is_seen_or_changes_the_message(
    case: dict[str, str], data: st.DataObject
) -> None:
    body = bytearray(case["request"].encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    try:
        found = bars.read_request(bytes(body))
    except MessageError:
        return
    written = bars.write_request(found).reveal().decode()
    assert written == bytes(body).decode().upper().replace("|SM4|", "|03|")


def test_the_pin_is_a_secret() -> None:
    request = bars.read_request(PIN_REQUEST.encode())
    assert isinstance(request, MessageRequest)
    assert "123456" not in repr(request)
    assert request.plain == Secret(bytes.fromhex("123456"))
    assert "123456" not in repr(bars.write_request(request))
    assert replace(request, plain=Secret(b"")) != request
