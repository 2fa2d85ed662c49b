"""What can go wrong between a client and an HSM service: one clear error each, retries exact."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.hsm_vectors import REGION, VECTORS
from tests.support.remote_hsm import client_settings
from tests.support.tls_stub import (
    Deed,
    TlsStub,
    answers,
    goes_after,
    goes_before,
    never_shakes_hands,
    sends,
    shakes_hands,
    speaks_http,
    stays_mute,
)

from sscard_ic.apdu.medical import Amounts
from sscard_ic.base import FixedClock, Secret, SscardError
from sscard_ic.hosts.server import ServerCertificates
from sscard_ic.hosts.throwaway import ThrowawayAuthority, ThrowawayFiles, throwaway_files
from sscard_ic.keys import CardKey
from sscard_ic.keys.medical import Purchase
from sscard_ic.keys.remote import bounded
from sscard_ic.keys.remote.client import RemoteHsm
from sscard_ic.keys.remote.errors import RefusedError, RemoteError
from sscard_ic.keys.remote.posting import LONGEST_ANSWER
from sscard_ic.profile import load

EXCHANGES: dict[str, dict[str, str]] = {case["name"]: case for case in VECTORS["exchange"]}
KEYS = load(REGION).keys
NOW = datetime.now(UTC)

FACTOR = bytes.fromhex("866033110000048A")
R, T = bytes.fromhex("0102030405060708"), bytes.fromhex("1122334455667788")
PIN = Secret(bytes.fromhex("123456"))
PURCHASE = Purchase(
    CardKey("DPK", 1, "320800", bytes.fromhex("990100000000002A")),
    bytes.fromhex("11223344"),
    7,
    Amounts(0, 15000, 11000),
    bytes.fromhex("990100000001"),
    bytes.fromhex("20260315101530"),
    1,
    0,
)


def _key(name: str) -> CardKey:
    return CardKey(name, 1, "320800", FACTOR)


def basic(hsm: RemoteHsm) -> Any:
    """Type 01."""
    return hsm.cryptogram(_key("IRK"), R, T)


def authentication(hsm: RemoteHsm) -> Any:
    """Type 02."""
    return hsm.cryptogram(_key("UKSSSE"), R, T)


def message(hsm: RemoteHsm) -> Any:
    """Type 03."""
    head = bytes.fromhex("84240001")
    return hsm.protect_command(_key("STK"), head, PIN, R, "card_key", enciphered=True)


def debit(hsm: RemoteHsm) -> Any:
    """Type 04."""
    return hsm.purchase_macs(PURCHASE, 5)


REPLIES: dict[Callable[[RemoteHsm], Any], bytes] = {
    basic: EXCHANGES["01 without an external part"]["reply"].encode(),
    authentication: EXCHANGES["02 by UKSSSE, 3DES"]["reply"].encode(),
    message: EXCHANGES["03 PIN reset"]["reply"].encode(),
    debit: EXCHANGES["04 E1"]["reply"].encode(),
}
REQUESTS: dict[Callable[[RemoteHsm], Any], bytes] = {
    basic: EXCHANGES["01 without an external part"]["request"]
    .replace("320800D1560000050000000000000000", "320800" + "00" * 13)
    .encode(),
    authentication: EXCHANGES["02 by UKSSSE, 3DES"]["request"].encode(),
    message: EXCHANGES["03 PIN reset"]["request"].encode(),
    debit: EXCHANGES["04 E1"]["request"].encode(),
}
ASKING = pytest.mark.parametrize("ask", REPLIES, ids=lambda ask: ask.__name__)
GOOD = answers(REPLIES[authentication])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayFiles:
    """Certificates of both sides, by one authority."""
    return throwaway_files(tmp_path_factory.mktemp("certificates"), NOW)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayFiles:
    """The same of another authority."""
    return throwaway_files(tmp_path_factory.mktemp("others"), NOW)


@contextmanager
def client_of(url: str, files: ThrowawayFiles, **changes: Any) -> Iterator[RemoteHsm]:
    with closing(RemoteHsm(client_settings(url, files, **changes), KEYS)) as hsm:
        yield hsm


def _failure(
    files: ThrowawayFiles, *deeds: Deed, ask: Callable[[RemoteHsm], Any], **changes: Any
) -> tuple[RemoteError, TlsStub]:
    """The error of a question, and the server that was asked."""
    with (
        TlsStub(files.server, *deeds) as stub,
        client_of(stub.url, files, **changes) as hsm,
        pytest.raises(RemoteError) as caught,
    ):
        ask(hsm)
    _assert_clean(caught.value)
    return caught.value, stub


def _assert_clean(error: RemoteError) -> None:
    """In both languages, with a next step, without the request that it came from."""
    assert error.what.zh != error.what.en
    assert error.hint is not None
    assert error.__cause__ is None
    assert error.kind == "settings" or error.__context__ is None
    assert "123456" not in str(error) + repr(error.__dict__)


# ── What is asked ────────────────────────────────────────────────────────────────────────────


@ASKING
def test_what_goes_over_the_wire(files: ThrowawayFiles, ask: Callable[[RemoteHsm], Any]) -> None:
    with TlsStub(files.server, answers(REPLIES[ask])) as stub, client_of(stub.url, files) as hsm:
        found = ask(hsm)
    assert stub.requests == [REQUESTS[ask]]
    wanted: dict[Callable[[RemoteHsm], Any], object] = {
        basic: bytes.fromhex("1E008343409B5CEB"),
        authentication: bytes.fromhex("1E008343409B5CEB"),
        message: bytes.fromhex("827A76F626547728D808FCD7"),
        debit: (bytes.fromhex("7719C2E8"), bytes.fromhex("B134A332")),
    }
    assert found == wanted[ask]


def test_connections_last_but_for_settlements(files: ThrowawayFiles) -> None:
    """A rested connection may be dead, and a settlement is sent once only."""
    lasting = answers(REPLIES[authentication], REPLIES[authentication], REPLIES[basic])
    with (
        TlsStub(files.server, lasting, answers(REPLIES[debit])) as stub,
        client_of(stub.url, files) as hsm,
    ):
        authentication(hsm)
        authentication(hsm)
        basic(hsm)
        assert stub.connections == 1
    with (
        TlsStub(files.server, answers(REPLIES[debit]), answers(REPLIES[debit])) as stub,
        client_of(stub.url, files) as hsm,
    ):
        hsm.purchase_macs(PURCHASE, 5)
        with pytest.raises(RemoteError, match="for another request"):
            hsm.purchase_macs(PURCHASE, 6)
    assert stub.connections == 2


# ── Retries ──────────────────────────────────────────────────────────────────────────────────


@ASKING
@pytest.mark.parametrize("retries", [0, 2])
def test_a_service_that_hangs_up_before_the_request(
    files: ThrowawayFiles, ask: Callable[[RemoteHsm], Any], retries: int
) -> None:
    """The request cannot have arrived: every type is sent again."""
    error, stub = _failure(files, *9 * [goes_before], ask=ask, retries=retries)
    assert (error.kind, stub.connections) == ("unreachable", 1 + retries)


@ASKING
@pytest.mark.parametrize("retries", [0, 2])
def test_a_service_that_hangs_up_after_the_request(
    files: ThrowawayFiles, ask: Callable[[RemoteHsm], Any], retries: int
) -> None:
    """Types 01 to 03 are functions of the request; a settlement may have been made."""
    error, stub = _failure(files, *9 * [goes_after], ask=ask, retries=retries)
    attempts = 1 if ask is debit else 1 + retries
    assert (error.kind, stub.connections) == ("closed", attempts)
    assert len(stub.requests) == attempts


@ASKING
def test_a_service_that_comes_back(files: ThrowawayFiles, ask: Callable[[RemoteHsm], Any]) -> None:
    lost = [goes_before] if ask is debit else [goes_before, goes_after]
    with (
        TlsStub(files.server, *lost, answers(REPLIES[ask])) as stub,
        client_of(stub.url, files) as hsm,
    ):
        ask(hsm)
    assert stub.connections == len(lost) + 1


@ASKING
def test_a_service_that_never_answers(
    files: ThrowawayFiles, ask: Callable[[RemoteHsm], Any]
) -> None:
    error, stub = _failure(files, *9 * [stays_mute], ask=ask, read_timeout=0.1)
    assert (error.kind, stub.connections) == ("timeout", 1)


@pytest.mark.parametrize("ask", [authentication, debit])
def test_a_reply_in_drops(files: ThrowawayFiles, ask: Callable[[RemoteHsm], Any]) -> None:
    """Every drop comes in time, the reply does not."""
    left = threading.Event()

    def drips(stub: TlsStub, connection: socket.socket) -> None:
        with stub.context.wrap_socket(connection, server_side=True) as secure:
            stub.read_request(secure)
            secure.sendall(b"HTTP/1.1 200 OK\r\n")
            secure.settimeout(0.02)
            for _ in range(250):
                secure.sendall(b"X-A: b\r\n")
                with suppress(TimeoutError):
                    secure.recv(1)  # ends when the other side leaves
                    left.set()
                    return

    error, stub = _failure(files, drips, drips, ask=ask, read_timeout=0.2)
    assert (error.kind, stub.connections) == ("timeout", 1)
    assert left.is_set()


def test_each_request_has_its_own_time(
    files: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not that of the connection, which rests between two of them."""
    rested = 0.0
    now = SimpleNamespace(monotonic=lambda: time.monotonic() + rested)
    monkeypatch.setattr(bounded, "time", now)
    lasting = answers(REPLIES[authentication], REPLIES[authentication])
    with TlsStub(files.server, lasting) as stub, client_of(stub.url, files) as hsm:
        first = authentication(hsm)
        rested = 10_000.0
        assert authentication(hsm) == first
    assert stub.connections == 1


def test_cookies_are_not_kept(files: ThrowawayFiles) -> None:
    reply = REPLIES[authentication]
    both = answers(reply, reply, more=b"Set-Cookie: who=somebody; Path=/\r\n")
    with TlsStub(files.server, both) as stub, client_of(stub.url, files) as hsm:
        authentication(hsm)
        authentication(hsm)
    assert [b"cookie" in head for head in stub.heads] == [False, False]


def test_a_service_that_never_shakes_hands(files: ThrowawayFiles) -> None:
    error, stub = _failure(
        files, *9 * [never_shakes_hands], ask=authentication, connect_timeout=0.1
    )
    assert (error.kind, stub.connections) == ("timeout", 1)


def test_nobody_there(files: ThrowawayFiles) -> None:
    with TlsStub(files.server) as stub:
        url = stub.url
    with client_of(url, files) as hsm, pytest.raises(RemoteError) as caught:
        authentication(hsm)
    assert (caught.value.kind, caught.value.where) == ("unreachable", url)
    _assert_clean(caught.value)


# ── Certificates ─────────────────────────────────────────────────────────────────────────────


def test_a_service_that_another_authority_vouches_for(
    files: ThrowawayFiles, other: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the CA of the settings counts, whatever the system trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(files.ca))
    error, stub = _failure(files, *9 * [shakes_hands], ask=debit, ca_file=other.ca)
    assert (error.kind, stub.connections) == ("untrusted", 1)


def _served_by(folder: Path, authority: ThrowawayAuthority, **how: Any) -> ServerCertificates:
    """Certificates of a server, of an authority whose own lies in ca.pem."""
    (folder / "ca.pem").write_bytes(authority.certificate)
    certificate, key = authority.issue("server", **how)
    (folder / "server.pem").write_bytes(certificate)
    (folder / "server.key").write_bytes(key)
    return ServerCertificates(folder / "server.pem", folder / "server.key", folder / "ca.pem")


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"names": ["hsm.example"]}, "wrong_host"),
        ({"names": ["127.0.0.2"]}, "wrong_host"),
        ({"last": NOW - timedelta(days=1)}, "service_expired"),
    ],
)
def test_the_certificate_of_the_service(
    files: ThrowawayFiles, tmp_path: Path, how: dict[str, Any], kind: str
) -> None:
    certificates = _served_by(tmp_path, ThrowawayAuthority(NOW), **how)
    with (
        TlsStub(certificates, *9 * [shakes_hands]) as stub,
        client_of(stub.url, files, ca_file=tmp_path / "ca.pem") as hsm,
        pytest.raises(RemoteError) as caught,
    ):
        authentication(hsm)
    assert (caught.value.kind, stub.connections) == (kind, 1)
    _assert_clean(caught.value)


def test_our_certificate_is_of_another_authority(
    files: ThrowawayFiles, other: ThrowawayFiles
) -> None:
    error, stub = _failure(
        files,
        *9 * [shakes_hands],
        ask=authentication,
        certificate=other.client_certificate,
        private_key=other.client_key,
    )
    assert (error.kind, stub.connections) == ("own_certificate", 1)
    assert "refused our client certificate" in error.what.en


@pytest.mark.parametrize(
    ("days", "words"), [(366, "our own client certificate expired on"), (-2, "not valid before")]
)
def test_our_certificate_is_out_of_date(files: ThrowawayFiles, days: int, words: str) -> None:
    """It is told before anybody is asked."""
    clock = FixedClock(NOW + timedelta(days=days))
    with TlsStub(files.server, GOOD) as stub:
        settings = client_settings(stub.url, files)
        with (
            closing(RemoteHsm(settings, KEYS, clock)) as hsm,
            pytest.raises(RemoteError, match=words) as caught,
        ):
            authentication(hsm)
    assert (caught.value.kind, stub.connections) == ("own_certificate", 0)
    assert caught.value.where == str(files.client_certificate)


def test_a_server_without_tls(files: ThrowawayFiles) -> None:
    error, stub = _failure(files, *9 * [speaks_http], ask=debit)
    assert (error.kind, stub.connections) == ("not_tls", 1)


@pytest.mark.parametrize("field", ["ca_file", "certificate", "private_key"])
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"nothing", "PEM"), (b"", "PEM")],
)
def test_files_that_cannot_be_used(
    files: ThrowawayFiles, tmp_path: Path, field: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RemoteError, match=words) as caught:
        RemoteHsm(client_settings("https://127.0.0.1:1/hsm", files, **{field: path}), KEYS)
    assert (caught.value.kind, caught.value.where) == ("settings", str(path))
    _assert_clean(caught.value)


def test_a_key_that_is_not_of_the_certificate(files: ThrowawayFiles, other: ThrowawayFiles) -> None:
    settings = client_settings("https://127.0.0.1:1/hsm", files, private_key=other.client_key)
    with pytest.raises(RemoteError, match="do not belong together"):
        RemoteHsm(settings, KEYS)


def test_the_environment_says_nothing(
    files: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy, no netrc, no authority of the environment."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with TlsStub(files.server, GOOD) as stub, client_of(stub.url, files) as hsm:
        assert authentication(hsm).hex().upper() == "1E008343409B5CEB"


def test_without_httpx(files: ThrowawayFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(SscardError, match=r"sscard-ic\[remote\]"):
        RemoteHsm(client_settings("https://127.0.0.1:1/hsm", files), KEYS)


# ── Replies ──────────────────────────────────────────────────────────────────────────────────

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1E00"


@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        (answers(b""), "reply"),
        (answers(b"<html>hello</html>"), "reply"),
        (answers(b"\xff\xff|"), "reply"),
        (answers(REPLIES[debit]), "reply"),
        (answers(REPLIES[authentication] * 2), "reply"),
        (answers(b"A" * (LONGEST_ANSWER + 1)), "reply"),
        (sends(b"SSH-2.0-OpenSSH\r\n\r\n"), "reply"),
        (answers(b"1E008343409B5CEB1122334455667789|"), "other_reply"),
        (answers(b"", status=b"302 Found", more=b"Location: https://127.0.0.1:9/\r\n"), "status"),
        (answers(b"", status=b"500 Internal Server Error"), "status"),
        (answers(b"", status=b"404 Not Found"), "status"),
        (answers(b"no bars", status=b"422 Unprocessable"), "reply"),
    ],
)
def test_replies_that_are_none(files: ThrowawayFiles, deed: Deed, kind: str) -> None:
    """Whatever came has an answer: it is not asked for again."""
    error, stub = _failure(files, deed, deed, deed, ask=authentication)
    assert (error.kind, stub.connections) == (kind, 1)


@ASKING
def test_half_a_reply(files: ThrowawayFiles, ask: Callable[[RemoteHsm], Any]) -> None:
    error, stub = _failure(files, *9 * [sends(HALF)], ask=ask)
    assert (error.kind, stub.connections) == ("closed", 1 if ask is debit else 3)


@pytest.mark.parametrize(
    ("ask", "reply"),
    [
        (basic, b"1E008343409B5CEB0000000000000000||"),
        (message, b"842400020C827A76F626547728D808FCD7|"),
        (message, b"842400010C827A76F626547728D808FC|"),
        (message, b"|"),
        (debit, b"00000006|20260315101530|7719C2E8|B134A332|92AF822F|"),
        (debit, b"00000005|20260315101531|7719C2E8|B134A332|92AF822F|"),
    ],
)
def test_replies_to_other_requests(
    files: ThrowawayFiles, ask: Callable[[RemoteHsm], Any], reply: bytes
) -> None:
    error, _ = _failure(files, answers(reply), ask=ask)
    assert error.kind == "other_reply"


def test_a_refusal(files: ThrowawayFiles) -> None:
    words = "22|没有这个密钥地址 \x1b[31m / no key\u202e|".encode()
    error, _ = _failure(files, answers(words, status=b"422 No"), ask=authentication)
    assert isinstance(error, RefusedError)
    assert error.code == "22"
    assert "没有这个密钥地址" in error.what.zh
    assert "\x1b" not in error.what.en
    assert "\u202e" not in error.what.en


def test_a_refusal_as_xml(files: ThrowawayFiles) -> None:
    words = f"<ROOT><RETCODE>-1</RETCODE><RETTEXT>{'长' * 300}</RETTEXT></ROOT>".encode()
    error, stub = _failure(files, answers(words), ask=authentication, form="xml")
    assert isinstance(error, RefusedError)
    assert error.code == "-1"
    assert "长" * 200 + "…" in error.what.zh
    assert stub.requests[0].startswith(b"<ROOT><AAB301>320800</AAB301>")


def test_xml_with_another_code_of_success(files: ThrowawayFiles) -> None:
    body = VECTORS["xml"][1]["reply"].replace("<RETCODE>0<", "<RETCODE>0000<").encode()
    with (
        TlsStub(files.server, answers(body)) as stub,
        client_of(stub.url, files, form="xml", success_code="0000") as hsm,
    ):
        assert authentication(hsm).hex().upper() == "1E008343409B5CEB"
