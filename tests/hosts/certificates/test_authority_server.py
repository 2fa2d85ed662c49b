"""The reference server of a certificate authority from outside."""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.support.certificate_requests import CARD_NUMBER, NAME, NUMBER, REGION, request_for

from sscard_ic.base import InputError, SscardError
from sscard_ic.base.errors import Text
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.hosts.authority_errors import RefusedRequestError
from sscard_ic.hosts.authority_server import AuthorityServer, AuthorityService
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.certificate_settings import AnswerForm, HttpAuthoritySettings, RequestForm
from sscard_ic.hosts.http_authority import HttpAuthority
from sscard_ic.hosts.serving import LONGEST_REQUEST
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant

CARD: KeyPair = provider().generate()
FIELDS = {
    "xm": NAME,
    "kh": CARD_NUMBER,
    "shbzhm": NUMBER,
    "xzqhdm": REGION,
    "qmgy": CARD.public.hex(),
    "sf": "SM2",
    "busiFlowNo": "7",
}


@pytest.fixture(scope="module")
def server() -> Iterator[AuthorityServer]:
    with AuthorityServer(TestAuthority()) as server:
        server.start()
        yield server


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


def test_a_grant(server: AuthorityServer, http: httpx.Client) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}/certificates"
    answer = http.post(server.url, json=FIELDS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert "server" not in answer.headers
    found = answer.json()
    assert set(found) == {"errflag", "glypin", "qmzs", "jmzs", "jmmy", "zkmy"}
    assert found["errflag"] == "0"
    assert found["glypin"].isdecimal()


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"xm": ""}, "10022", "姓名为空"),
        ({"kh": ""}, "10023", "社保卡号为空"),
        ({"shbzhm": ""}, "10024", "社会保障号码为空"),
        ({"qmgy": ""}, "10025", "公钥为空"),
        ({"qmgy": "zz"}, "10025", "公钥为空"),
        ({"xzqhdm": ""}, "10026", "行政区划代码为空"),
        ({"busiFlowNo": ""}, "10027", "业务流水号为空"),
        ({"xm": "张" * 60}, "10001", "数据校验未通过"),
        ({"kh": "D2143569"}, "10031", "社保卡号不正确"),
        ({"shbzhm": "1"}, "10032", "社会保障号码不正确"),
        ({"qmgy": "00" * 64}, "10033", "公钥不正确"),
        ({"qmgy": "04" + CARD.public.hex()}, "10033", "公钥不正确"),
        ({"xzqhdm": "21"}, "10034", "行政区划代码不正确"),
        ({"busiFlowNo": "a b"}, "10001", "数据校验未通过"),
        ({"sf": "RSA"}, "10001", "数据校验未通过"),
        ({"xm": 7}, "10001", "数据校验未通过"),
    ],
)
def test_refusals(changes: dict[str, Any], code: str, words: str) -> None:
    service = AuthorityService(TestAuthority(), answer_form=AnswerForm(message="errtext"))
    answer = service.answer(json.dumps(FIELDS | changes).encode())
    assert json.loads(answer.body) == {"errflag": "-1", "errcode": code, "errtext": words}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_that_are_missing(name: str) -> None:
    rest = {other: value for other, value in FIELDS.items() if other != name}
    answer = json.loads(AuthorityService(TestAuthority()).answer(json.dumps(rest).encode()).body)
    assert answer["errflag"] == "-1"
    assert answer["errcode"].startswith("100")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"xm=a", b"[" * 10_000])
def test_requests_that_are_none(body: bytes) -> None:
    answer = AuthorityService(TestAuthority()).answer(body)
    assert json.loads(answer.body)["errcode"] == "10001"


@pytest.mark.parametrize("body", [b"xm", b"xm=%ff", b"xm=a&xm=b", b"&".join([b"a=b"] * 99)])
def test_html_forms_that_are_none(body: bytes) -> None:
    service = AuthorityService(TestAuthority(), RequestForm(body="form"))
    assert json.loads(service.answer(body).body)["errcode"] == "10001"


def test_the_client_understands_its_refusals(server: AuthorityServer) -> None:
    settings = HttpAuthoritySettings(
        url=server.url, environment="test", request=RequestForm(reference="serial")
    )
    with pytest.raises(RefusedRequestError, match="the reference is empty") as caught:
        HttpAuthority(settings).register(request_for(CARD))
    assert caught.value.code == "10027"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/certificates", 405), ("POST", "/", 404), ("POST", "/docs", 404)],
)
def test_there_is_one_place(
    server: AuthorityServer, http: httpx.Client, method: str, path: str, status: int
) -> None:
    url = server.url.removesuffix("/certificates") + path
    assert http.request(method, url, json=FIELDS).status_code == status


def test_requests_that_are_too_long(server: AuthorityServer, http: httpx.Client) -> None:
    assert http.post(server.url, content=b"0" * (LONGEST_REQUEST + 1)).status_code == 413
    assert http.post(server.url, json=FIELDS).status_code == 200


@dataclass
class Broken:
    """Breaks down with the name of the holder in its words."""

    error: type[Exception]
    name: str = "broken"
    environment: Any = "test"
    trusted: tuple[bytes, ...] = ()

    def register(self, request: CertificateRequest) -> CertificateGrant:
        if self.error is SscardError:
            raise SscardError(Text(request.name, request.name))
        raise self.error(request.name, request.social_security_number)


@pytest.mark.parametrize("error", [SscardError, RuntimeError])
def test_of_a_breakdown_only_its_class_is_told(
    error: type[Exception],
    http: httpx.Client,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    told: list[Text] = []
    with (
        caplog.at_level(logging.WARNING),
        AuthorityServer(Broken(error), tell=told.append) as server,
    ):
        server.start()
        answer = http.post(server.url, json=FIELDS)
    kind = error.__name__
    assert told == [Text(f"内部错误：{kind}", f"an error within: {kind}")]
    assert answer.json() == {"errflag": "-1", "errcode": "10012"}
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "ca.example", ""])
def test_it_listens_on_this_machine_alone(host: str) -> None:
    with pytest.raises(InputError, match="on this machine only"):
        AuthorityServer(TestAuthority(), host)


def test_it_answers_for_test_authorities_alone() -> None:
    with pytest.raises(InputError, match="for test authorities"):
        AuthorityServer(Broken(RuntimeError, environment="production"))


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="cannot listen there"):
            AuthorityServer(TestAuthority(), port=port)


@pytest.mark.parametrize("part", ["starlette.applications", "uvicorn"])
def test_without_its_parts(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(SscardError, match=r"sscard-ic\[serve\]"):
        AuthorityServer(TestAuthority())


def test_it_ends(http: httpx.Client) -> None:
    with AuthorityServer(TestAuthority()) as server:
        server.start()
        grant = http.post(server.url, json=FIELDS).json()
        assert server.runs
    assert not server.runs
    assert grant["errflag"] == "0"
