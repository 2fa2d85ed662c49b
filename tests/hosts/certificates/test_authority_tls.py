"""The way to a certificate authority beyond this machine: who is trusted, and who we are."""

from __future__ import annotations

import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.certificate_requests import request_for
from tests.support.tls_stub import Deed, TlsStub, answers, shakes_hands, speaks_http

from sscard_ic.base import SscardError
from sscard_ic.hosts import authority_transport
from sscard_ic.hosts.authority_answers import grant_answer
from sscard_ic.hosts.authority_errors import HttpAuthorityError
from sscard_ic.hosts.certificate_settings import AnswerForm, HttpAuthoritySettings
from sscard_ic.hosts.http_authority import HttpAuthority
from sscard_ic.hosts.server import ServerCertificates
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.hosts.throwaway import ThrowawayAuthority, ThrowawayFiles, throwaway_files

NOW = datetime.now(UTC)
REQUEST = request_for()
GRANT = TestAuthority().register(REQUEST)
WHOLE = grant_answer(GRANT, AnswerForm()).reveal()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayFiles:
    """Certificates of both sides, by one authority."""
    return throwaway_files(tmp_path_factory.mktemp("certificates"), NOW)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayFiles:
    """The same of another authority."""
    return throwaway_files(tmp_path_factory.mktemp("others"), NOW)


def authority(url: str, files: ThrowawayFiles, **changes: Any) -> HttpAuthority:
    fields: dict[str, Any] = {
        "url": url,
        "environment": "test",
        "ca_file": files.ca,
        "client_certificate": files.client_certificate,
        "client_key": files.client_key,
    }
    return HttpAuthority(HttpAuthoritySettings(**(fields | changes)))


def failure(
    certificates: ServerCertificates, files: ThrowawayFiles, deed: Deed, **changes: Any
) -> tuple[str, int]:
    """How a request failed, and over how many connections."""
    with (
        TlsStub(certificates, *9 * [deed]) as stub,
        pytest.raises(HttpAuthorityError) as caught,
    ):
        authority(stub.url, files, **changes).register(REQUEST)
    assert caught.value.__context__ is None
    assert caught.value.hint is not None
    return caught.value.kind, stub.connections


def test_with_a_client_certificate(files: ThrowawayFiles) -> None:
    with TlsStub(files.server, answers(WHOLE)) as stub:
        assert authority(stub.url, files).register(REQUEST) == GRANT
    assert stub.connections == 1


def test_a_server_that_asks_for_none(files: ThrowawayFiles) -> None:
    stub = TlsStub(files.server, answers(WHOLE))
    stub.context.verify_mode = ssl.CERT_NONE
    with stub:
        asked = authority(stub.url, files, client_certificate=None, client_key=None)
        assert asked.register(REQUEST) == GRANT


def test_without_the_certificate_that_the_server_asks_for(files: ThrowawayFiles) -> None:
    none = {"client_certificate": None, "client_key": None}
    assert failure(files.server, files, shakes_hands, **none) == ("own_certificate", 1)


def test_our_certificate_is_of_another_authority(
    files: ThrowawayFiles, other: ThrowawayFiles
) -> None:
    own = {"client_certificate": other.client_certificate, "client_key": other.client_key}
    assert failure(files.server, files, shakes_hands, **own) == ("own_certificate", 1)


def test_a_server_that_another_authority_vouches_for(
    files: ThrowawayFiles, other: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the file of the settings counts, whatever the system trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(files.ca))
    found = failure(files.server, files, shakes_hands, ca_file=other.ca)
    assert found == ("untrusted", 1)


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"names": ["ca.example"]}, "wrong_host"),
        ({"last": NOW - timedelta(days=1)}, "service_expired"),
    ],
)
def test_the_certificate_of_the_server(
    files: ThrowawayFiles, tmp_path: Path, how: dict[str, Any], kind: str
) -> None:
    issuer = ThrowawayAuthority(NOW)
    (tmp_path / "ca.pem").write_bytes(issuer.certificate)
    certificate, key = issuer.issue("server", **how)
    (tmp_path / "server.pem").write_bytes(certificate)
    (tmp_path / "server.key").write_bytes(key)
    server = ServerCertificates(tmp_path / "server.pem", tmp_path / "server.key", files.ca)
    found = failure(server, files, shakes_hands, ca_file=tmp_path / "ca.pem")
    assert found == (kind, 1)


def test_a_server_without_tls(files: ThrowawayFiles) -> None:
    assert failure(files.server, files, speaks_http) == ("not_tls", 1)


@pytest.mark.parametrize("field", ["ca_file", "client_certificate", "client_key"])
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"nothing", "PEM"), (b"", "PEM"), (b"\xff\xfe", "PEM")],
)
def test_files_that_cannot_be_used(
    files: ThrowawayFiles, tmp_path: Path, field: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HttpAuthorityError, match=words) as caught:
        authority("https://127.0.0.1:1/", files, **{field: path})
    assert caught.value.kind == "settings"
    named = files.client_key if field == "client_certificate" and content is not None else path
    assert caught.value.where == str(named)
    assert caught.value.hint is not None
    assert "[certificates.http]" in caught.value.hint.en


def test_a_key_that_is_not_of_the_certificate(files: ThrowawayFiles, other: ThrowawayFiles) -> None:
    with pytest.raises(HttpAuthorityError, match="do not belong together"):
        authority("https://127.0.0.1:1/", files, client_key=other.client_key)


def test_tls_before_1_2_is_refused(files: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's OpenSSL allows by itself."""

    def lax(protocol: int) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        return context

    names = vars(ssl) | {"SSLContext": lax}
    monkeypatch.setattr(authority_transport, "ssl", SimpleNamespace(**names))
    settings = HttpAuthoritySettings(
        url="https://127.0.0.1:1/", environment="test", ca_file=files.ca
    )
    assert authority_transport.tls_context(settings).minimum_version == ssl.TLSVersion.TLSv1_2


def test_without_httpx(files: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(SscardError, match=r"sscard-ic\[remote\]"):
        authority("https://127.0.0.1:1/", files)
