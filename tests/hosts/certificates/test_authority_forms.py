"""Requests and answers on the wire: as pinned bytes, and in every form by the reference server."""

from __future__ import annotations

import base64
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.support.certificate_requests import CARD_NUMBER, NAME, NUMBER, REGION, request_for
from tests.support.http_stub import HttpStub, answers

from sscard_ic.base import Secret
from sscard_ic.base.clock import FixedClock
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.crypto.enveloped_key import EnvelopedKey
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.hosts.authority_server import AuthorityServer
from sscard_ic.hosts.certificate_authority import CertificateAuthority, CertificateRequest
from sscard_ic.hosts.certificate_settings import AnswerForm, HttpAuthoritySettings, RequestForm
from sscard_ic.hosts.http_authority import HttpAuthority
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant

NOW = datetime(2026, 5, 17, 8, 30, tzinfo=UTC)
CARD: KeyPair = provider().generate()
REQUEST = request_for(CARD)
CA = TestAuthority(FixedClock(NOW))
GRANT = CA.register(REQUEST)
DIGITS = Secret(b"1163955356629924")
"""A control key as one CA has it (ref 05 §4.4)."""


def http(url: str, **changes: Any) -> HttpAuthority:
    fields: dict[str, Any] = {"url": url, "environment": "test"}
    return HttpAuthority(HttpAuthoritySettings(**(fields | changes)), CA.trusted)


def grant_fields(grant: CertificateGrant = GRANT) -> dict[str, str]:
    """The fields of an answer in the default form, written out by hand."""

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return {
        "glypin": grant.admin_pin.reveal().hex(),
        "qmzs": text(grant.signature_certificate),
        "jmzs": text(grant.encryption_certificate),
        "jmmy": text(grant.wrapped_key),
        "zkmy": grant.control_key.reveal().hex(),
    }


def document(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


GOOD = document({"errflag": "0", **grant_fields()})


# ── As bytes ─────────────────────────────────────────────────────────────────────────────────


def test_the_default_form() -> None:
    """The names of ref 03 §4.3."""
    with HttpStub(answers(GOOD)) as stub:
        assert http(stub.url).register(REQUEST) == GRANT
    (asked,) = stub.asked
    assert asked.head.startswith("POST /ca/register HTTP/1.1\r\n")
    assert asked.fields["content-type"] == "application/json; charset=utf-8"
    assert json.loads(asked.body.decode("utf-8")) == {
        "xm": "张三",
        "kh": "D2143569X",
        "shbzhm": "11010519491231002X",
        "xzqhdm": "210203",
        "qmgy": CARD.public.hex().upper(),
        "sf": "SM2",
        "busiFlowNo": "2024-000001",
    }
    assert "张三".encode() in asked.body


def test_a_html_form_with_names_of_its_own() -> None:
    form = RequestForm(
        body="form",
        name="aac003",
        card_number="aaz500",
        social_security_number="aac002",
        region="aab301",
        public_key="gy",
        algorithm="alg",
        reference="serial",
        public_key_coding="base64",
        public_key_point="04xy",
        algorithm_value="03",
        constants={"opType": "1", "系统": "发卡"},
    )
    with HttpStub(answers(GOOD)) as stub:
        settings = {"request": form, "headers": {"X-Outlet": "0042"}}
        assert http(stub.url, **settings).register(REQUEST) == GRANT
    (asked,) = stub.asked
    assert asked.fields["content-type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert asked.fields["x-outlet"] == "0042"
    assert asked.body.isascii()
    assert parse_qs(asked.body.decode(), strict_parsing=True) == {
        "aac003": [NAME],
        "aaz500": [CARD_NUMBER],
        "aac002": [NUMBER],
        "aab301": [REGION],
        "gy": [base64.b64encode(b"\x04" + CARD.public).decode()],
        "alg": ["03"],
        "serial": ["2024-000001"],
        "opType": ["1"],
        "系统": ["发卡"],
    }


def test_fields_that_are_not_sent() -> None:
    with HttpStub(answers(GOOD)) as stub:
        http(stub.url, request=RequestForm(algorithm="", reference="")).register(REQUEST)
    fields = json.loads(stub.asked[0].body)
    assert set(fields) == {"xm", "kh", "shbzhm", "xzqhdm", "qmgy"}


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({}, {"errflag": 0, **grant_fields()}),
        ({"status": ""}, grant_fields()),
        ({"status": "code", "ok": "200"}, {"code": 200, **grant_fields()}),
        ({"envelope": "ds"}, {"errflag": "0", "ds": grant_fields()}),
        (
            {"envelope": "body.result", "status": "head.code", "ok": "00"},
            {"head": {"code": "00"}, "body": {"result": grant_fields()}},
        ),
        (
            {"admin_pin": "AAZ046", "control_key": "AAZ047"},
            {
                "errflag": "0",
                **grant_fields(),
                "AAZ046": grant_fields()["glypin"],
                "AAZ047": grant_fields()["zkmy"].upper(),
            },
        ),
        ({}, {"errflag": "0", **grant_fields(), "qmzs": "\n".join(grant_fields()["qmzs"]) + " "}),
        (
            {"certificate_coding": "pem"},
            {
                "errflag": "0",
                **grant_fields(),
                "qmzs": Certificate.parse(GRANT.signature_certificate).pem(),
                "jmzs": Certificate.parse(GRANT.encryption_certificate).pem(),
            },
        ),
    ],
)
def test_forms_of_answers(form: dict[str, str], body: dict[str, Any]) -> None:
    with HttpStub(answers(document(body))) as stub:
        assert http(stub.url, answer=AnswerForm(**form)).register(REQUEST) == GRANT


def test_an_answer_with_a_byte_order_mark() -> None:
    with HttpStub(answers(b"\xef\xbb\xbf" + GOOD)) as stub:
        assert http(stub.url).register(REQUEST) == GRANT


def test_a_certificate_with_filling_is_cut() -> None:
    padded = base64.b64encode(GRANT.signature_certificate.ljust(1020, b"\x00")).decode()
    body = document({"errflag": "0", **grant_fields(), "qmzs": padded})
    with HttpStub(answers(body)) as stub:
        assert http(stub.url).register(REQUEST) == GRANT


def test_a_control_key_of_sixteen_characters() -> None:
    body = document({"errflag": "0", **grant_fields(), "zkmy": "1163955356629924"})
    with HttpStub(answers(body)) as stub:
        found = http(stub.url, answer=AnswerForm(control_key_coding="ascii")).register(REQUEST)
    assert found == replace(GRANT, control_key=DIGITS)


# ── By the reference server ──────────────────────────────────────────────────────────────────


@dataclass
class Noting:
    """The test CA with a control key of digits; notes what it was asked."""

    asked: list[CertificateRequest]
    name: str = "noting"
    environment: Any = "test"
    trusted: tuple[bytes, ...] = CA.trusted

    def register(self, request: CertificateRequest) -> CertificateGrant:
        self.asked.append(request)
        return replace(CA.register(request), control_key=DIGITS)


REQUEST_FORMS = [
    RequestForm(body=body, public_key_coding=coding, public_key_point=point)
    for body, coding, point in itertools.product(
        ("json", "form"), ("hex", "base64"), ("xy", "04xy")
    )
]
ANSWER_FORMS = [
    AnswerForm(certificate_coding=coding, control_key_coding=key, envelope=envelope, status=status)
    for coding, key, envelope, status in itertools.product(
        ("base64", "pem"), ("hex", "ascii"), ("", "data.result"), ("errflag", "")
    )
]


@pytest.mark.parametrize("asked", REQUEST_FORMS, ids=lambda form: "-".join(_choices(form)))
def test_every_form_of_requests(asked: RequestForm) -> None:
    authority = Noting([])
    with AuthorityServer(authority, request_form=asked) as server:
        server.start()
        grant = http(server.url, request=asked).register(REQUEST)
    assert authority.asked == [REQUEST]
    _require_for(CARD, grant)


@pytest.mark.parametrize("answered", ANSWER_FORMS, ids=lambda form: "-".join(_choices(form)))
def test_every_form_of_answers(answered: AnswerForm) -> None:
    authority: CertificateAuthority = Noting([])
    with AuthorityServer(authority, answer_form=answered) as server:
        server.start()
        grant = http(server.url, answer=answered).register(REQUEST)
    assert grant.control_key == DIGITS
    _require_for(CARD, grant)


def test_eight_stations_at_once() -> None:
    pairs = [provider().generate() for _ in range(24)]
    with AuthorityServer(CA) as server:
        server.start()
        authority = http(server.url)
        with ThreadPoolExecutor(8) as pool:
            grants = pool.map(lambda pair: authority.register(request_for(pair)), pairs)
            for pair, grant in zip(pairs, grants, strict=True):
                _require_for(pair, grant)


def test_what_it_says_of_itself() -> None:
    authority: CertificateAuthority = http("http://127.0.0.1:1/x")
    assert authority.name == "http://127.0.0.1:1/x"
    assert authority.environment == "test"
    assert authority.trusted == CA.trusted
    assert repr(authority) == "<HttpAuthority http://127.0.0.1:1/x>"


def _require_for(pair: KeyPair, grant: CertificateGrant) -> None:
    assert Certificate.parse(grant.signature_certificate).public == pair.public
    opened = EnvelopedKey.parse(grant.wrapped_key).open(pair.private)
    assert Certificate.parse(grant.encryption_certificate).public == opened.public
    assert grant.admin_pin.reveal().hex().isdecimal()


def _choices(form: RequestForm | AnswerForm) -> list[str]:
    default = type(form)()
    changed = [v for k, v in form.model_dump().items() if v != getattr(default, k)]
    return [value or "none" for value in changed] or ["default"]
