"""Certificate authorities that refuse, break off or answer nonsense: one clear error for each.

No error, log or traceback has anything of the holder, or of the key and the PIN in an answer.
"""

from __future__ import annotations

import base64
import json
import logging
import pickle
import socket
import threading
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.certificate_requests import request_for
from tests.support.http_stub import Deed, HttpStub, answers, hangs_up, sends, stays_mute
from tests.support.secret_search import SecretSearch

from sscard_ic.base.clock import FixedClock
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.hosts.authority_answers import AnswerReader
from sscard_ic.hosts.authority_errors import HttpAuthorityError, RefusedRequestError
from sscard_ic.hosts.certificate_authority import AuthorityError, RequestError
from sscard_ic.hosts.certificate_settings import AnswerForm, HttpAuthoritySettings, RequestForm
from sscard_ic.hosts.http_authority import HttpAuthority
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.remote.posting import LONGEST_ANSWER

CARD: KeyPair = provider().generate()
NAME, CARD_NUMBER, NUMBER = "欧阳修远", "ET000077X", "111111198101011110"
REQUEST = request_for(CARD, name=NAME, card_number=CARD_NUMBER, social_security_number=NUMBER)
CA = TestAuthority(FixedClock(datetime(2026, 5, 17, tzinfo=UTC)))
GRANT = CA.register(REQUEST)
PIN = GRANT.admin_pin.reveal().hex()
FIELDS = {
    "errflag": "0",
    "glypin": PIN,
    "qmzs": base64.b64encode(GRANT.signature_certificate).decode(),
    "jmzs": base64.b64encode(GRANT.encryption_certificate).decode(),
    "jmmy": base64.b64encode(GRANT.wrapped_key).decode(),
    "zkmy": GRANT.control_key.reveal().hex(),
}
SEARCH = SecretSearch(
    keys={
        "control key": GRANT.control_key.reveal(),
        "wrapped key": GRANT.wrapped_key[372:],
        "encrypted private key": GRANT.wrapped_key[44:76],
        "signature certificate": GRANT.signature_certificate[-60:],
    },
    texts={
        "name": NAME,
        "card number": CARD_NUMBER,
        "number": NUMBER,
    },
    pins={"administrator PIN": PIN},
)


def document(**changes: Any) -> bytes:
    """A good answer but for these fields; ``...`` leaves one out."""
    body = {name: value for name, value in (FIELDS | changes).items() if value is not ...}
    return json.dumps(body, ensure_ascii=False).encode()


def refusal(code: Any, **more: Any) -> bytes:
    return json.dumps({"errflag": "-1", "errcode": code, **more}, ensure_ascii=False).encode()


def authority(url: str, **changes: Any) -> HttpAuthority:
    fields: dict[str, Any] = {"url": url, "environment": "test"}
    return HttpAuthority(HttpAuthoritySettings(**(fields | changes)))


def failure(
    *deeds: Deed, caplog: pytest.LogCaptureFixture | None = None, **changes: Any
) -> tuple[HttpAuthorityError, int]:
    """The error of a request, and how often it was sent."""
    with HttpStub(*deeds) as stub, pytest.raises(HttpAuthorityError) as caught:
        authority(stub.url, **changes).register(REQUEST)
    assert caught.value.where == stub.url
    require_clean(caught.value)
    return caught.value, len(stub.asked)


def require_clean(error: HttpAuthorityError) -> None:
    """In both languages, with a next step; nothing personal, nothing secret, nothing behind it."""
    assert error.what.zh != error.what.en
    assert error.hint is not None
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = [
        error.render("zh"),
        error.render("en"),
        repr(error),
        repr(error.__dict__),
        "".join(traceback.format_exception(error)),
    ]
    assert SEARCH.found("\n".join(shown).encode()) == set()
    assert SEARCH.found(pickle.dumps(error)) == set()


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────

AGAIN = {
    *("10002", "10003", "10004", "10005", "10012", "10013", "10021"),
    *map(str, range(10016, 10021)),
    *map(str, range(20001, 20009)),
    *map(str, range(30001, 30009)),
}
CODES = [*range(10001, 10037), *range(20001, 20009), *range(30001, 30009)]


@pytest.mark.parametrize("code", CODES)
def test_every_code(code: int) -> None:
    """Ref 03 §4.3."""
    error, sent = failure(answers(refusal(str(code))))
    assert isinstance(error, RefusedRequestError)
    assert (error.kind, error.code, sent) == ("refused", str(code), 1)
    assert str(code) in error.what.zh
    assert str(code) in error.what.en
    assert "reason unknown" not in error.what.en
    assert error.again is (str(code) in AGAIN)
    assert error.hint is not None
    assert ("try again later" in error.hint.en) is error.again


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (10001, "the check of the data failed"),
        (10018, "it is in progress"),
        (10022, "the name is empty"),
        (10031, "the card number is wrong"),
        (20001, "an error of its issuing system"),
        (30008, "an error of its key management"),
    ],
)
def test_what_codes_mean(code: int, words: str) -> None:
    error, _ = failure(answers(refusal(code)))
    assert words in error.what.en


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("EH2601101", "EH2601101"),
        ("-7", "-7"),
        ("99999", "99999"),
        (None, "-1"),
        ("", "-1"),
        ({"a": 1}, "-1"),
        (True, "-1"),
        ("\x1b[31m", ""),
        ("somebody's name", ""),
        (PIN, ""),
        (CARD_NUMBER, ""),
        (NUMBER, ""),
        (NAME, ""),
    ],
    ids=count(),  # the values are others in each process
)
def test_codes_that_nobody_has_described(code: Any, shown: str) -> None:
    """What may be something else than a code is not repeated."""
    error, _ = failure(answers(refusal(code)))
    assert isinstance(error, RefusedRequestError)
    assert error.code == shown
    assert "reason unknown" in error.what.en
    assert not error.again


def test_the_status_is_the_code() -> None:
    form = AnswerForm(status="code", code="")
    error, _ = failure(answers(b'{"code": 10023}'), answer=form)
    assert isinstance(error, RefusedRequestError)
    assert error.code == "10023"


@pytest.mark.parametrize("status", ["400 Bad Request", "409 Conflict", "500 Internal Server Error"])
def test_a_refusal_with_a_status_of_http(status: str) -> None:
    error, sent = failure(answers(refusal("10010"), status))
    assert isinstance(error, RefusedRequestError)
    assert (error.code, sent) == ("10010", 1)


def test_words_are_not_shown_by_default() -> None:
    error, _ = failure(answers(refusal("10032", errtext=f"{NAME} 的号码 {NUMBER} 不对")))
    assert "不对" not in error.what.zh


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("系统维护中", "“系统维护中”"),
        (f"{NAME} 的号码 {NUMBER} 不对", "“‹…› 的号码 ‹…› 不对”"),
        (f"卡号{CARD_NUMBER.lower()}已用", "“卡号‹…›已用”"),
        (f"PIN {PIN}, key {FIELDS['zkmy']}", "“‹…›”"),
        ("身份证110 105 194 912 310 02X有误", "“身份证‹…›有误”"),
        ("身份证 1-1-0-1.0/5\u200b19, 有误", "“身份证 ‹…›, 有误”"),
        ("号码１１０　１０５有误", "“号码‹…›有误”"),
        ("号码١١٠ ١٠٥有误", "“号码‹…›有误”"),
        ("AB 12 c 34 - E5:6", "“‹…›”"),
        ("第3步，错误 10 2 8，请重试", "“第3步,错误 10 2 8,请重试”"),
        ("阿依古丽·买买提 不符", "“‹…›·‹…› 不符”"),
        ("买买提 不符, 阿依古丽已注销", "“‹…› 不符, ‹…›已注销”"),
        (FIELDS["qmzs"], "“‹…›”"),
        ("\x1b[31m红\r\n色", "“ [31m红 色”".replace(" [", "[")),
        ("维护" * 150, "护…”"),
        (["a"], "10032 社会保障号码不正确"),
    ],
    ids=count(),
)
def test_words_that_are_shown(words: Any, shown: str) -> None:
    form = AnswerForm(message="errtext")
    request = request_for(CARD, name=f"{NAME}·阿依古丽.买买提")
    refused = AnswerReader(form, request, "here").refusal(refusal("10032", errtext=words))
    assert refused is not None
    assert shown in refused.what.zh


# ── Answers that are none ────────────────────────────────────────────────────────────────────

WHOLE = document()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON object"),
        (WHOLE[:-1], "no JSON object"),
        (WHOLE[: len(WHOLE) // 2], "no JSON object"),
        (WHOLE + b"x", "no JSON object"),
        (b"[" + WHOLE + b"]", "no JSON object"),
        (b"[" * 60_000, "no JSON object"),
        (b'"0"', "no JSON object"),
        (b"<html>hello</html>", "no JSON object"),
        (WHOLE.decode().encode("utf-16"), "no JSON object"),
        (b'{"errflag": ' + b"9" * 5000 + b"}", "no JSON object"),
        (document(errflag=...), "lacks the field errflag"),
        (document(errflag=None), "lacks the field errflag"),
        (document(errflag=False), "lacks the field errflag"),
        (document(errflag=[0]), "lacks the field errflag"),
        *((document(**{name: ...}), f"lacks the field {name}") for name in FIELDS),
        *((document(**{name: ""}), f"the field {name}") for name in list(FIELDS)[1:]),
        *((document(**{name: {"a": 1}}), f"its field {name}") for name in list(FIELDS)[1:]),
        *((document(**{name: 12345678}), f"its field {name}") for name in list(FIELDS)[1:]),
        *((document(**{name: "不"}), f"its field {name}") for name in list(FIELDS)[1:]),
        (document(glypin=PIN[:-1]), "its field glypin"),
        (document(glypin=PIN + "0"), "its field glypin"),
        (document(glypin="1234567a"), "its field glypin"),
        (document(glypin="１２３４５６７８"), "its field glypin"),
        (document(zkmy=FIELDS["zkmy"][:-2]), "its field zkmy"),
        (document(zkmy=FIELDS["zkmy"][:-1] + "g"), "its field zkmy"),
        (document(zkmy="1163955356629924"), "its field zkmy"),
        (document(qmzs=FIELDS["qmzs"][:400]), "its field qmzs"),
        (document(qmzs=FIELDS["qmzs"][:-3]), "its field qmzs"),
        (document(jmzs=FIELDS["jmmy"]), "its field jmzs"),
        (document(jmzs="AAAA"), "its field jmzs"),
        (document(jmmy=FIELDS["jmzs"]), "its field jmmy"),
        (document(jmmy=base64.b64encode(GRANT.wrapped_key[:-1]).decode()), "its field jmmy"),
        (document(jmmy=base64.b64encode(bytes(388)).decode()), "its field jmmy"),
    ],
)
def test_answers_that_are_none(body: bytes, words: str) -> None:
    """Whatever came has been answered: it is not asked for again."""
    error, sent = failure(answers(body), answers(body))
    assert (error.kind, sent) == ("answer", 1)
    assert words in error.what.en
    assert error.hint is not None
    assert "[certificates.http.answer]" in error.hint.en
    assert not error.again


@pytest.mark.parametrize(
    ("form", "body", "words"),
    [
        ({"envelope": "data"}, document(), "lacks the field data"),
        ({"envelope": "data"}, document(data="x"), "lacks the field data"),
        ({"envelope": "a.b"}, document(a={"b": []}), "lacks the field a.b"),
        ({"status": "head.code"}, document(), "lacks the field head.code"),
        ({"certificate_coding": "pem"}, document(), "its field qmzs"),
        (
            {"certificate_coding": "pem"},
            document().replace(FIELDS["qmzs"].encode(), rb"-----BEGIN \ud800"),
            "its field qmzs",
        ),
        ({"control_key_coding": "ascii"}, document(), "its field zkmy"),
        ({"control_key_coding": "ascii"}, document(zkmy="不" * 16), "its field zkmy"),
    ],
)
def test_answers_of_another_form(form: dict[str, str], body: bytes, words: str) -> None:
    error, _ = failure(answers(body), answer=AnswerForm(**form))
    assert words in error.what.en


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*FIELDS, "x"]), inner),
    max_leaves=8,
)


@given(
    changed=st.dictionaries(st.sampled_from([*FIELDS, "errcode"]), JSON, max_size=3),
    cut=st.none() | st.integers(0, 200),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_answer(changed: dict[str, Any], cut: int | None) -> None:
    """A grant, or an error of ours."""
    body = document(**changed)
    reader = AnswerReader(AnswerForm(), REQUEST, "here")
    try:
        grant = reader.grant(body if cut is None else body[:cut])
    except HttpAuthorityError as error:
        require_clean(error)
    else:
        assert grant.control_key == GRANT.control_key
        assert grant.wrapped_key == GRANT.wrapped_key


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("deed", "status", "again"),
    [
        (answers(b"", "302 Found", "Location: http://127.0.0.1:9/\r\n"), 302, False),
        (answers(b"", "307 Temporary Redirect", "Location: /elsewhere\r\n"), 307, False),
        (answers(b"", "401 Unauthorized"), 401, False),
        (answers(b"<html>", "404 Not Found"), 404, False),
        (answers(WHOLE, "404 Not Found"), 404, False),
        (answers(b"", "429 Too Many Requests"), 429, True),
        (answers(b"", "503 Service Unavailable"), 503, True),
    ],
)
def test_other_statuses(deed: Deed, status: int, again: bool) -> None:
    error, sent = failure(deed, deed)
    assert (error.kind, error.again, sent) == ("status", again, 1)
    assert f"status {status}" in error.what.en


@pytest.mark.parametrize(
    "deed",
    [
        answers(b"A" * (LONGEST_ANSWER + 1)),
        answers(document(more="A" * LONGEST_ANSWER)),
        sends(b"SSH-2.0-OpenSSH\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ],
)
def test_too_long_or_no_http(deed: Deed) -> None:
    error, sent = failure(deed, deed)
    assert (error.kind, sent) == ("reply", 1)


def test_an_answer_without_end() -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b" " * 65536)

    error, sent = failure(flood, flood)
    assert (error.kind, sent) == ("reply", 1)


HALF = sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + WHOLE[:400])


@pytest.mark.parametrize("deed", [hangs_up, HALF])
@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, 3),
        ({"retries": 0}, 1),
        ({"retries": 5}, 6),
        ({"request": RequestForm(reference="")}, 1),
    ],
)
def test_a_connection_that_ends(deed: Deed, changes: dict[str, Any], sent: int) -> None:
    """Asked again with the same reference; without one it may count twice, and is not."""
    error, times = failure(*9 * [deed], **changes)
    assert (error.kind, error.again, times) == ("closed", True, sent)


def test_the_same_request_is_sent_again() -> None:
    with HttpStub(hangs_up, HALF, answers(WHOLE)) as stub:
        assert authority(stub.url).register(REQUEST) == GRANT
    bodies = [asked.body for asked in stub.asked]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


def test_no_answer_in_time() -> None:
    error, sent = failure(stays_mute, stays_mute, read_timeout=0.1)
    assert (error.kind, error.again, sent) == ("timeout", True, 1)


def test_half_an_answer_in_time() -> None:
    def starts(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{")
        connection.recv(1)

    error, sent = failure(starts, starts, read_timeout=0.1)
    assert (error.kind, sent) == ("timeout", 1)


@pytest.mark.parametrize(
    "began", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b""]
)
def test_an_answer_in_drops(began: bytes) -> None:
    """Every drop comes in time, the answer does not."""
    left = threading.Event()

    def drips(connection: socket.socket) -> None:
        connection.sendall(began)
        connection.settimeout(0.02)
        for _ in range(250):
            connection.sendall(b"X-A: b\r\n")
            with suppress(TimeoutError):
                connection.recv(1)  # ends when the other side leaves
                left.set()
                return

    error, sent = failure(drips, drips, read_timeout=0.2)
    assert (error.kind, error.again, sent) == ("timeout", True, 1)
    assert left.is_set()


def test_cookies_are_not_kept() -> None:
    """What one holder's answer sets is not sent with the next one's request."""
    cookie = "Set-Cookie: who=somebody; Path=/\r\n"
    with HttpStub(answers(WHOLE, more=cookie), answers(WHOLE)) as stub:
        asked = authority(stub.url)
        asked.register(REQUEST)
        asked.register(REQUEST)
    assert [request.fields.get("cookie") for request in stub.asked] == [None, None]


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HttpAuthorityError) as caught:
        authority(f"http://127.0.0.1:{port}/").register(REQUEST)
    assert (caught.value.kind, caught.value.again) == ("unreachable", True)
    require_clean(caught.value)


def test_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with HttpStub(answers(WHOLE)) as stub:
        assert authority(stub.url).register(REQUEST) == GRANT


def test_a_request_that_is_wrong_is_not_sent() -> None:
    with HttpStub(answers(WHOLE)) as stub, pytest.raises(RequestError):
        authority(stub.url).register(request_for(CARD, region=""))
    assert stub.asked == []


# ── What is told ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "deed",
    [
        answers(WHOLE),
        answers(document(zkmy="x")),
        answers(document(qmzs=FIELDS["qmzs"][:400])),
        answers(refusal(NUMBER, errtext=NAME)),
        answers(WHOLE, "500 Internal Server Error"),
        HALF,
        stays_mute,
    ],
)
def test_nothing_is_logged(
    deed: Deed, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), HttpStub(deed) as stub:
        asked = authority(stub.url, read_timeout=0.1, retries=0)
        try:
            shown = repr(asked.register(REQUEST))
        except AuthorityError as error:
            shown = str(error)
    logged = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert SEARCH.found((logged + shown + repr(asked) + str(capfd.readouterr())).encode()) == set()


def test_the_search_would_find_it() -> None:
    """It is not blind: each of these is found."""
    told = NAME, NUMBER, CARD_NUMBER, f"PIN {PIN}", *(FIELDS[name] for name in ("zkmy", "qmzs"))
    assert all(SEARCH.found(words.encode()) for words in told)
    assert SEARCH.found(FIELDS["jmmy"].encode()) == {
        "encrypted private key as Base64",
        "wrapped key as Base64",
    }
