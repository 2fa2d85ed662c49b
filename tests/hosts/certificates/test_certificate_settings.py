"""``[certificates]`` of the settings, and the one door to the authority that they choose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support.certificate_requests import request_for

from sscard_ic.base import InputError
from sscard_ic.base.clock import FixedClock
from sscard_ic.base.problems import DocumentError
from sscard_ic.base.resources import profiles_dir
from sscard_ic.base.settings import read_settings
from sscard_ic.crypto.certificates import (
    Certificate,
    DistinguishedName,
    Signer,
    build_certificate,
)
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.hosts.authority_opening import open_authority, trusted_certificates
from sscard_ic.hosts.authority_server import AuthorityServer
from sscard_ic.hosts.certificate_settings import (
    AnswerForm,
    CertificatesSettings,
    HttpAuthoritySettings,
    RequestForm,
)
from sscard_ic.hosts.http_authority import HttpAuthority
from sscard_ic.hosts.published_authority import published_certificates, published_root
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.profile.certificate import CertificateContents

PUBLISHED = profiles_dir() / "authorities" / "test"
ASSUMPTIONS = (Path(__file__).parents[3] / "docs" / "assumptions.md").read_text(encoding="utf-8")
HTTP = '[certificates.http]\nurl = "https://ca.example/register"\n'
WHOLE = f'[certificates]\nservice = "http"\n{HTTP}environment = "test"\nca_file = "tls.pem"\n'


def settings(folder: Path, text: str) -> CertificatesSettings:
    (folder / "sscard.toml").write_text(text, encoding="utf-8")
    return read_settings({}, folder).section("certificates", CertificatesSettings)


# ── What may be set ──────────────────────────────────────────────────────────────────────────


def test_the_test_authority_answers_where_nothing_is_set(tmp_path: Path) -> None:
    found = settings(tmp_path, "")
    assert found == CertificatesSettings()
    assert (found.service, found.trust, found.http) == ("test", (), None)


def test_everything(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        [certificates]
        service = "http"
        trust = ["ca/root.pem", "/etc/operating.der"]
        [certificates.http]
        url = "https://ca.example:8443/api/register"
        environment = "production"
        ca_file = "ca/tls.pem"
        client_certificate = "own.pem"
        client_key = "own.key"
        connect_timeout = 2.5
        read_timeout = 60.0
        retries = 0
        headers = { "X-Outlet" = "0042" }
        [certificates.http.request]
        body = "form"
        name = "aac003"
        public_key_coding = "base64"
        public_key_point = "04xy"
        algorithm_value = "03"
        reference = ""
        constants = { opType = "1" }
        [certificates.http.answer]
        status = "head.code"
        ok = "00"
        code = ""
        message = "head.text"
        envelope = "body"
        admin_pin = "AAZ046"
        control_key = "AAZ047"
        certificate_coding = "pem"
        control_key_coding = "ascii"
        """,
    )
    assert found.trust == (tmp_path / "ca" / "root.pem", Path("/etc/operating.der"))
    assert found.http is not None
    assert found.http.ca_file == tmp_path / "ca" / "tls.pem"
    assert found.http.client_key == tmp_path / "own.key"
    assert found.http.headers == {"X-Outlet": "0042"}
    assert found.http.request.constants == {"opType": "1"}
    assert found.http.request.card_number == "kh"
    assert found.http.answer.envelope == "body"
    assert found.http.answer.wrapped_key == "jmmy"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[certificates]\nservice = "htp"\n', 2, "must be one of 'test', 'http'"),
        ('[certificates]\nservice = "http"\n', 1, "needs the table [certificates.http]"),
        ('[certificates]\ntrusted = ["a"]\n', 2, "is trust meant?"),
        ('[certificates]\ntrust = "a.pem"\n', 2, "an array […] is expected"),
        ("[certificates]\ntrust = [1]\n", 2, "a path in quotes is expected"),
        ("[certificate]\n", 1, "is certificates meant?"),
        (HTTP, 1, "environment: this key is missing"),
        (HTTP + 'environment = "live"\n', 3, "must be one of 'test', 'production'"),
        (HTTP + 'environment = "test"\n', 1, "https needs ca_file"),
        (WHOLE.replace('"test"', '"production"'), 1, "production needs trust"),
        (WHOLE + 'client_key = "own.key"\n', 3, "are given together"),
        (WHOLE + 'client_certificate = "own.pem"\n', 3, "are given together"),
        (WHOLE + 'password = "x"\n', 7, "no secret belongs in the settings"),
        (WHOLE + "read_timeout = 0.0\n", 7, "greater than 0"),
        (WHOLE + "retries = 9\n", 7, "must not be more than 5"),
        (WHOLE + 'headers = { Authorization = "x" }\n', 7, "'Authorization' seems to be a secret"),
        (WHOLE + 'headers = { "X-Api-Key" = "x" }\n', 7, "'X-Api-Key' seems to be a secret"),
        (WHOLE + 'headers = { "X-Auth-Token" = "x" }\n', 7, "seems to be a secret"),
        (WHOLE + 'headers = { Host = "x" }\n', 7, "the header 'Host' cannot be set"),
        (WHOLE + 'headers = { "a b" = "x" }\n', 7, "the header 'a b' cannot be set"),
        (WHOLE + 'headers = { A = "a\\r\\nB: c" }\n', 7, "the value of A should be text"),
        (WHOLE + 'headers = { A = "中" }\n', 7, "the value of A should be ASCII"),
        (WHOLE + "headers = 1\n", 7, "a table is expected"),
        (
            WHOLE + '[certificates.http.request]\nconstants = { password = "x" }\n',
            8,
            "'password' seems to be a secret",
        ),
        (WHOLE + "[certificates.http.request]\nconstants = { a = 1 }\n", 8, "should be text"),
        (
            WHOLE + '[certificates.http.request]\nconstants = { xm = "x" }\n',
            7,
            "two fields are called 'xm'",
        ),
        (WHOLE + '[certificates.http.request]\nname = "kh"\n', 7, "two fields are called 'kh'"),
        (WHOLE + '[certificates.http.request]\nname = ""\n', 8, "does not match"),
        (WHOLE + '[certificates.http.request]\nbody = "xml"\n', 8, "must be one of"),
        (WHOLE + '[certificates.http.answer]\nadmin_pin = "qmzs"\n', 7, "are called 'qmzs'"),
        (WHOLE + '[certificates.http.answer]\nstatus = "a..b"\n', 8, "does not match"),
        (WHOLE + '[certificates.http.answer]\nadmin_pni = "a"\n', 8, "is admin_pin meant?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    text: str, line: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(DocumentError) as caught:
        settings(tmp_path, text)
    error = caught.value
    assert error.where == f"{tmp_path / 'sscard.toml'}:{line}"
    assert words in error.what.en
    assert error.what.zh != error.what.en
    assert error.hint is not None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://ca.example/", "an address with https:// is expected"),
        ("http://192.168.0.1/", "an address with https:// is expected"),
        ("http://127.0.0.1.example/", "an address with https:// is expected"),
        ("ftp://127.0.0.1/", "an address with https:// is expected"),
        ("https://", "no address that can be used"),
        ("https://a:99999/", "no address that can be used"),
        ("https://a b/", "no address that can be used"),
        ("https://人社/", "no address that can be used"),
        ("https://me:secret@ca.example/", "no user name"),
        ("https://ca.example/?a=b", "no ?"),
        ("https://ca.example/#a", "no #"),
    ],
)
def test_addresses_that_cannot_be_used(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        settings(tmp_path, WHOLE.replace("https://ca.example/register", url))
    assert words in caught.value.what.en
    assert caught.value.where.endswith(":4")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://[::1]/x", "http://localhost/x", "http://127.9.9.9/"]
)
def test_plain_http_within_this_machine(url: str) -> None:
    assert HttpAuthoritySettings(url=url, environment="test").ca_file is None


@pytest.mark.parametrize("model", [RequestForm, AnswerForm], ids=lambda model: model.__name__)
def test_the_defaults_are_in_the_table_of_assumptions(model: type[BaseModel]) -> None:
    rows = re.findall(r"(?m)^\| `([^|]+)` \| ([^|]+) \|", ASSUMPTIONS)
    shown = {name: default.strip() for name, default in rows}
    section = "request" if model is RequestForm else "answer"
    for name, value in model().model_dump().items():
        expected = str(value) if value not in ("", {}) else "none"
        assert shown[f"{section}.{name}"] == expected, name


# ── The door ─────────────────────────────────────────────────────────────────────────────────


def _root(key: KeyPair | None = None, *, authority: bool = True) -> bytes:
    pair = key or provider().generate()
    name = DistinguishedName.of(("C", "CN"), ("CN", "somebody"))
    return build_certificate(
        name,
        pair.public,
        Signer(name, pair.public, lambda digest: provider().sign(pair.private, digest)),
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_after=datetime(2040, 1, 1, tzinfo=UTC),
        authority=authority,
    )


def _http(*trust: Path, environment: Any = "test") -> CertificatesSettings:
    http = HttpAuthoritySettings(url="http://127.0.0.1:1/x", environment=environment)
    return CertificatesSettings(service="http", trust=trust, http=http)


@pytest.fixture
def roots(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A file with two certificates in PEM, and one with one of them in DER."""
    first, second = Certificate.parse(_root()), Certificate.parse(_root())
    pem, der = tmp_path / "roots.pem", tmp_path / "root.der"
    pem.write_text(f"# two\n{first.pem()}\n{second.pem()}")
    der.write_bytes(first.der)
    yield pem, der


def test_the_test_authority() -> None:
    contents = CertificateContents(signature_card_number="1.2.3")
    clock = FixedClock(datetime(2030, 1, 1, tzinfo=UTC))
    authority = open_authority(CertificatesSettings(), "test", clock=clock, contents=contents)
    assert isinstance(authority, TestAuthority)
    grant = authority.register(request_for())
    found = Certificate.parse(grant.signature_certificate)
    assert found.not_after.year == 2039
    assert found.extension("1.2.3") is not None


def test_the_test_authority_is_not_for_production() -> None:
    with pytest.raises(InputError, match="it is not for production") as caught:
        open_authority(CertificatesSettings(), "production")
    assert caught.value.hint is not None
    assert "[certificates.http]" in caught.value.hint.en


def test_an_authority_by_http(roots: tuple[Path, Path]) -> None:
    authority = open_authority(_http(*roots, environment="production"), "production")
    assert isinstance(authority, HttpAuthority)
    assert authority.environment == "production"
    assert len(authority.trusted) == 2
    assert roots[1].read_bytes() in authority.trusted


def test_one_by_http_for_tests_trusts_the_published_ca_by_itself() -> None:
    authority = open_authority(_http(), "test")
    assert authority.trusted == TestAuthority().trusted


def test_the_whole_way() -> None:
    with AuthorityServer(TestAuthority()) as server:
        server.start()
        http = HttpAuthoritySettings(url=server.url, environment="test")
        authority = open_authority(CertificatesSettings(service="http", http=http), "test")
        request = request_for()
        found = Certificate.parse(authority.register(request).signature_certificate)
    assert found.public == request.public_key


@pytest.mark.parametrize(("its", "profile"), [("test", "production"), ("production", "test")])
def test_the_environments_do_not_mix(its: Any, profile: Any, roots: tuple[Path, Path]) -> None:
    words = f"is for {its}, the profile for {profile}"
    with pytest.raises(InputError, match=words) as caught:
        open_authority(_http(*roots, environment=its), profile)
    assert caught.value.where == "http://127.0.0.1:1/x"


@pytest.mark.parametrize("name", ["root.pem", "operating.pem"])
def test_production_does_not_trust_the_published_ca(roots: tuple[Path, Path], name: str) -> None:
    with pytest.raises(InputError, match="whose keys are published"):
        open_authority(_http(*roots, PUBLISHED / name, environment="production"), "production")


def test_production_does_not_trust_another_certificate_of_a_published_key(
    roots: tuple[Path, Path], tmp_path: Path
) -> None:
    disguised = tmp_path / "disguised.der"
    disguised.write_bytes(_root(published_root().pair))
    with pytest.raises(InputError, match="whose keys are published"):
        open_authority(_http(*roots, disguised, environment="production"), "production")


def test_whom_settings_trust(roots: tuple[Path, Path]) -> None:
    """The test CA is trusted for test cards alone, and only where nobody else is named."""
    named = trusted_certificates(_http(*roots), "production")
    assert len(named) == 2
    assert trusted_certificates(_http(*roots), "test") == named
    assert trusted_certificates(CertificatesSettings(), "test") == published_certificates()
    assert trusted_certificates(CertificatesSettings(), "production") == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "there is nothing"),
        (b"nothing", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
        (_root()[:-5], "cut"),
        (_root(authority=False), "not that of an authority"),
    ],
)
def test_files_that_nobody_can_trust(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "root.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        trusted_certificates(_http(file), "test")
    assert caught.value.where == str(file)
    assert caught.value.hint is not None
    assert "trust takes" in caught.value.hint.en
