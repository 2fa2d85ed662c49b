"""The server of an HSM service from outside: TLS, HTTP, limits, and that it tells nothing."""

from __future__ import annotations

import logging
import socket
import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.support.hsm_vectors import REGION, VECTORS, VectorKeys, vector_keys
from tests.support.remote_hsm import certificates, served

from sscard_ic.base import InputError, SscardError
from sscard_ic.hosts.hsm_service import HsmService
from sscard_ic.hosts.server import HsmServer, ServerCertificates
from sscard_ic.hosts.serving import LONGEST_REQUEST
from sscard_ic.hosts.throwaway import ThrowawayAuthority, ThrowawayFiles
from sscard_ic.keys import CardKey
from sscard_ic.profile import load

EXCHANGES: dict[str, dict[str, str]] = {case["name"]: case for case in VECTORS["exchange"]}
RESET = EXCHANGES["03 PIN reset"]
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayFiles:
    return certificates(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def server(files: ThrowawayFiles) -> Iterator[HsmServer]:
    with served(vector_keys(), REGION, files.folder.parent) as found:
        yield found


def _context(files: ThrowawayFiles, *, certificate: bool = True) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files.ca))
    if certificate:
        context.load_cert_chain(files.client_certificate, files.client_key)
    return context


@pytest.fixture
def http(files: ThrowawayFiles) -> Iterator[httpx.Client]:
    with httpx.Client(verify=_context(files), trust_env=False) as client:
        yield client


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────


def test_a_reply(server: HsmServer, http: httpx.Client) -> None:
    answer = http.post(server.url, content=RESET["request"])
    assert (answer.status_code, answer.text) == (200, RESET["reply"])
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "server" not in answer.headers


def test_a_refusal(server: HsmServer, http: httpx.Client) -> None:
    answer = http.post(server.url, content="02|")
    assert answer.status_code == 422
    assert answer.text.startswith("10|")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/hsm", 405),
        ("PUT", "/hsm", 405),
        ("POST", "/", 404),
        ("GET", "/docs", 404),
        ("POST", "/hsm/../keys", 404),
    ],
)
def test_there_is_one_place(
    server: HsmServer, http: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = http.request(method, server.url.removesuffix("/hsm") + path, content="x")
    assert answer.status_code == status


def test_requests_that_are_too_long(server: HsmServer, http: httpx.Client) -> None:
    assert http.post(server.url, content=b"0" * LONGEST_REQUEST).status_code == 422
    assert http.post(server.url, content=b"0" * (LONGEST_REQUEST + 1)).status_code == 413
    pieces = iter([b"0" * LONGEST_REQUEST, b"0"])
    assert http.post(server.url, content=pieces).status_code == 413
    assert http.post(server.url, content=RESET["request"]).status_code == 200


def test_many_at_once(server: HsmServer, http: httpx.Client) -> None:
    bodies = [case["request"] for case in EXCHANGES.values()] * 8
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: http.post(server.url, content=body).text, bodies))
    assert answers == [case["reply"] for case in EXCHANGES.values()] * 8


def test_a_request_that_does_not_come(
    server: HsmServer, files: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sscard_ic.hosts.serving._SECONDS", 0.1)
    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        _context(files).wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(b"POST /hsm HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n02|")
        assert secure.recv(1000).startswith(b"HTTP/1.1 408")


class Noisy(VectorKeys):
    """Breaks down with a key in its words."""

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        raise RuntimeError(self._derive(key).hex())


def test_nothing_is_logged(
    files: ThrowawayFiles,
    http: httpx.Client,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Requests have PINs in them; a breakdown has whatever it has."""
    with (
        caplog.at_level(logging.WARNING),
        served(Noisy(load(REGION)), REGION, files.folder.parent) as noisy,
    ):
        assert http.post(noisy.url, content=RESET["request"]).status_code == 200
        broken = EXCHANGES["02 by UKSSSE, 3DES"]["request"]
        assert http.post(noisy.url, content=broken).text.startswith("90|")
        with socket.create_connection(("127.0.0.1", noisy.port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert plain.recv(1000)[:5] != b"HTTP/"
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────


def _first_answer(server: HsmServer, context: ssl.SSLContext) -> bytes:
    """What comes back for a request over a connection of one's own."""
    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(b"POST /hsm HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n|")
        return secure.recv(1000)


def test_a_client_with_a_certificate(server: HsmServer, files: ThrowawayFiles) -> None:
    assert _first_answer(server, _context(files)).startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_one(
    server: HsmServer, files: ThrowawayFiles, version: ssl.TLSVersion
) -> None:
    context = _context(files, certificate=False)
    context.maximum_version = context.minimum_version = version
    with pytest.raises(ssl.SSLError, match="ALERT"):
        _first_answer(server, context)


@pytest.mark.parametrize("why", ["foreign", "expired", "server"])
def test_clients_with_other_certificates(
    server: HsmServer, files: ThrowawayFiles, tmp_path: Path, why: str
) -> None:
    """Of another authority, out of date, or one that is meant for servers."""
    context = _context(files, certificate=False)
    if why == "server":
        context.load_cert_chain(files.server.certificate, files.server.private_key)
        with pytest.raises(ssl.SSLError, match="ALERT"):
            _first_answer(server, context)
        return
    authority = ThrowawayAuthority(NOW)
    last = NOW - timedelta(hours=1) if why == "expired" else None
    certificate, key = authority.issue("client", last=last)
    (tmp_path / "client.pem").write_bytes(certificate + key)
    context.load_cert_chain(tmp_path / "client.pem")
    if why == "foreign":
        with pytest.raises(ssl.SSLError, match="ALERT"):
            _first_answer(server, context)
        return
    # A server that knows this authority.
    for name, content in zip(
        ("ca.pem", "server.pem", "server.key"),
        (authority.certificate, *authority.issue("server")),
        strict=True,
    ):
        (tmp_path / name).write_bytes(content)
    own = ServerCertificates(tmp_path / "server.pem", tmp_path / "server.key", tmp_path / "ca.pem")
    context.load_verify_locations(tmp_path / "ca.pem")
    with HsmServer(HsmService(vector_keys(), load(REGION)), own) as other:
        other.start()
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_EXPIRED"):
            _first_answer(other, context)


def test_a_client_of_old_tls(server: HsmServer, files: ThrowawayFiles) -> None:
    context = _context(files)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        _first_answer(server, context)


# ── Beginning and end ────────────────────────────────────────────────────────────────────────


def test_it_listens_on_this_machine_alone(server: HsmServer) -> None:
    assert server.url == f"https://127.0.0.1:{server.port}/hsm"
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", server.port), 1):
        pass


def test_a_server_that_was_never_started(files: ThrowawayFiles) -> None:
    service = HsmService(vector_keys(), load(REGION))
    with HsmServer(service, files.server) as server:
        assert not server.runs
        port = server.port
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_port_that_is_taken(server: HsmServer, files: ThrowawayFiles) -> None:
    service = HsmService(vector_keys(), load(REGION))
    with pytest.raises(InputError, match="cannot listen there") as caught:
        HsmServer(service, files.server, port=server.port)
    assert caught.value.where == f"127.0.0.1:{server.port}"


def test_it_ends_while_clients_are_connected(files: ThrowawayFiles, http: httpx.Client) -> None:
    with served(vector_keys(), REGION, files.folder.parent) as server:
        assert http.post(server.url, content=RESET["request"]).status_code == 200
    assert not server.runs
    with pytest.raises(httpx.TransportError):
        http.post(server.url, content=RESET["request"])


@pytest.mark.parametrize("missing", ["certificate", "private_key", "client_ca"])
@pytest.mark.parametrize("content", [None, b"nothing"])
def test_certificates_that_cannot_be_used(
    files: ThrowawayFiles, tmp_path: Path, missing: str, content: bytes | None
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_bytes(content)
    own = files.server
    paths = {name: getattr(own, name) for name in ("certificate", "private_key", "client_ca")}
    with pytest.raises(InputError, match="cannot be"):
        HsmServer(
            HsmService(vector_keys(), load(REGION)),
            ServerCertificates(**(paths | {missing: path})),
        )


@pytest.mark.parametrize("part", ["starlette.applications", "uvicorn"])
def test_without_its_parts(
    files: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(SscardError, match=r"sscard-ic\[serve\]"):
        HsmServer(HsmService(vector_keys(), load(REGION)), files.server)
