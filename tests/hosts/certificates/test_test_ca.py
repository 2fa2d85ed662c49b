"""The test CA: what it grants, by our own reading and by Debian's openssl."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.certificate_requests import CARD_NUMBER, NAME, NUMBER, request_for

from sscard_ic.base import InputError
from sscard_ic.base.clock import FixedClock
from sscard_ic.base.resources import profiles_dir
from sscard_ic.codec.digits import decode_cn
from sscard_ic.crypto import sm3
from sscard_ic.crypto.certificates import Certificate, chain
from sscard_ic.crypto.enveloped_key import EnvelopedKey
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.hosts import published_authority
from sscard_ic.hosts.certificate_authority import CertificateAuthority, RequestError
from sscard_ic.hosts.published_authority import (
    make_certificates,
    published_certificates,
    published_operating,
    published_root,
)
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.profile import CodeTable, Title
from sscard_ic.profile.certificate import CertificateContents

NOW = datetime(2026, 5, 17, 8, 30, 15, 250_000, tzinfo=UTC)
CARD: KeyPair = provider().generate()
FOLDER = profiles_dir() / "authorities" / "test"
OPENSSL_ID = ("-vfyopt", "distid:1234567812345678")


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority(FixedClock(NOW))


@pytest.fixture(scope="module")
def grant(authority: TestAuthority) -> CertificateGrant:
    return authority.register(request_for(CARD))


def _openssl(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ── The grant ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("purpose", "card_number", "digest", "usages"),
    [
        (
            "signature",
            "1.2.156.2316.1.1",
            "1.2.156.2316.1.2",
            {"digital_signature", "non_repudiation"},
        ),
        (
            "encryption",
            "1.2.156.2316.1",
            "1.2.156.2316.2",
            {"key_encipherment", "data_encipherment"},
        ),
    ],
)
def test_what_a_certificate_says(
    grant: CertificateGrant,
    authority: TestAuthority,
    purpose: str,
    card_number: str,
    digest: str,
    usages: set[str],
) -> None:
    """Ref 02 §8.9."""
    found = Certificate.parse(getattr(grant, f"{purpose}_certificate"))
    parts = (("C", "CN"), ("ST", "辽宁省"), ("L", "大连市"), ("CN", NAME))
    assert found.subject.parts == parts
    assert found.extension(card_number) == CARD_NUMBER.encode()
    assert found.extension(digest) == sm3.digest(NUMBER.encode())
    assert found.key_usage == usages
    assert not found.is_authority
    assert found.not_before == datetime(2026, 5, 17, 7, 30, 15, tzinfo=UTC)
    assert found.not_after == datetime(2036, 5, 17, 7, 30, 15, tzinfo=UTC)
    assert found.serial.bit_length() > 120
    trusted = [Certificate.parse(der) for der in authority.trusted]
    root, operating = trusted
    assert chain(found, trusted, NOW) == (found, operating, root)


def test_the_keys_belong_together(grant: CertificateGrant) -> None:
    signature = Certificate.parse(grant.signature_certificate)
    encryption = Certificate.parse(grant.encryption_certificate)
    wrapped = EnvelopedKey.parse(grant.wrapped_key)
    opened = wrapped.open(CARD.private)
    assert signature.public == CARD.public
    assert encryption.public == wrapped.public == opened.public
    assert provider().public_of(opened.private) == opened.public
    assert signature.serial != encryption.serial


def test_what_the_card_is_locked_with(grant: CertificateGrant) -> None:
    assert len(grant.control_key) == 16
    assert len(decode_cn(grant.admin_pin.reveal())) == 8
    assert grant.admin_pin.reveal().hex().isdecimal()


def test_everything_is_new_each_time(authority: TestAuthority) -> None:
    first, second = (authority.register(request_for(CARD)) for _ in range(2))
    for name in (
        "signature_certificate",
        "encryption_certificate",
        "wrapped_key",
        "control_key",
        "admin_pin",
    ):
        assert getattr(first, name) != getattr(second, name), name


def test_the_grant_names_nobody(grant: CertificateGrant) -> None:
    shown = repr(grant)
    for secret in (NAME, repr(NAME.encode())[2:-1], CARD_NUMBER, NUMBER):
        assert secret not in shown


def test_the_grant_survives_where_it_is_kept(grant: CertificateGrant) -> None:
    assert CertificateGrant.from_json(grant.to_json()) == grant


def test_a_leap_day() -> None:
    clock = FixedClock(datetime(2024, 2, 29, 12, tzinfo=UTC))
    grant = TestAuthority(clock).register(request_for(CARD))
    last = Certificate.parse(grant.signature_certificate).not_after
    assert last == datetime(2034, 2, 28, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("region", "place"),
    [
        ("650100", [("ST", "新疆维吾尔自治区"), ("L", "乌鲁木齐市")]),
        ("210000", [("ST", "辽宁省")]),
        ("110105", [("ST", "北京市")]),
        ("999999", []),
    ],
)
def test_places(authority: TestAuthority, region: str, place: list[tuple[str, str]]) -> None:
    grant = authority.register(request_for(CARD, region=region))
    subject = Certificate.parse(grant.signature_certificate).subject
    assert list(subject.parts) == [("C", "CN"), *place, ("CN", NAME)]


def test_another_table_of_places() -> None:
    names = {"210000": Title(zh="省", en="p"), "210200": Title(zh="市", en="c")}
    table = CodeTable(zh="", en="", digits=6, stored="an", entries=names)
    grant = TestAuthority(FixedClock(NOW), divisions=table).register(request_for(CARD))
    subject = Certificate.parse(grant.encryption_certificate).subject
    assert (subject.get("ST"), subject.get("L")) == ("省", "市")


def test_other_extensions() -> None:
    contents = CertificateContents(signature_card_number="1.2.3.4", encryption_holder_digest="1.9")
    grant = TestAuthority(FixedClock(NOW), contents).register(request_for(CARD))
    signature = Certificate.parse(grant.signature_certificate)
    encryption = Certificate.parse(grant.encryption_certificate)
    assert signature.extension("1.2.3.4") == CARD_NUMBER.encode()
    assert signature.extension("1.2.156.2316.1.1") is None
    assert encryption.extension("1.9") == sm3.digest(NUMBER.encode())


def test_requests_are_looked_at(authority: TestAuthority) -> None:
    with pytest.raises(RequestError, match="the division code"):
        authority.register(request_for(CARD, region="21"))


def test_many_at_once(authority: TestAuthority) -> None:
    pairs = [provider().generate() for _ in range(32)]
    with ThreadPoolExecutor(8) as pool:
        grants = list(pool.map(lambda pair: authority.register(request_for(pair)), pairs))
    for pair, grant in zip(pairs, grants, strict=True):
        assert Certificate.parse(grant.signature_certificate).public == pair.public
        encryption = Certificate.parse(grant.encryption_certificate)
        assert EnvelopedKey.parse(grant.wrapped_key).open(pair.private).public == encryption.public
    numbers = {Certificate.parse(grant.signature_certificate).number for grant in grants}
    assert len(numbers) == len(pairs)


# ── By openssl ───────────────────────────────────────────────────────────────────────────────


def test_openssl_reads_and_verifies(grant: CertificateGrant, tmp_path: Path) -> None:
    for purpose, usage, oid in (
        ("signature", "Digital Signature, Non Repudiation", "1.2.156.2316.1.1"),
        ("encryption", "Key Encipherment, Data Encipherment", "1.2.156.2316.1"),
    ):
        der = getattr(grant, f"{purpose}_certificate")
        file = tmp_path / f"{purpose}.pem"
        file.write_text(Certificate.parse(der).pem())
        shown = _openssl("x509", "-in", file, "-noout", "-text", "-nameopt", "utf8,sep_comma_plus")
        assert "Signature Algorithm: SM2-with-SM3" in shown
        assert f"Subject: C=CN,ST=辽宁省,L=大连市,CN={NAME}\n" in shown
        assert usage in shown
        assert f"{oid}: \n                {CARD_NUMBER}\n" in shown
        assert "Not After : May 17 07:30:15 2036 GMT" in shown
        verified = _openssl(
            "verify",
            *OPENSSL_ID,
            *("-attime", str(int(NOW.timestamp()))),
            # It takes the identifier for the last one alone: the one above has a test of its own.
            "-partial_chain",
            *("-trusted", FOLDER / "operating.pem"),
            file,
        )
        assert verified == f"{file}: OK\n"


# ── The published keys ───────────────────────────────────────────────────────────────────────


def test_the_private_keys_are_published() -> None:
    """Whoever has this program, or these two lines, has them."""
    names = "certificate root CA", "certificate operating CA"
    authorities = published_root(), published_operating()
    for name, known, certificate in zip(names, authorities, published_certificates(), strict=True):
        assert known.pair.private.reveal() == published_test_key(name, 1, 32)
        assert certificate.public == known.pair.public
        assert provider().public_of(known.pair.private) == known.pair.public


def test_their_certificates_are_the_shipped_files(authority: TestAuthority) -> None:
    root, operating = published_certificates()
    assert root == Certificate.parse((FOLDER / "root.pem").read_bytes())
    assert operating == Certificate.parse((FOLDER / "operating.pem").read_bytes())
    assert authority.trusted == TestAuthority().trusted == (root.der, operating.der)
    assert root.is_signed_by(published_root().pair.public)
    assert operating.is_signed_by(published_root().pair.public)
    for certificate in (root, operating):
        assert certificate.is_authority
        assert certificate.key_usage == {"key_cert_sign", "crl_sign"}
        words = str(certificate.subject)
        assert "测试" in words
        assert "published keys, worthless" in words
        assert "TEST" in words


def test_the_tool_would_make_the_same_but_for_the_signatures() -> None:
    """Else ``tools/published_authority.py`` is to be run again."""
    made = make_certificates()
    for name, shipped in zip(("root.pem", "operating.pem"), published_certificates(), strict=True):
        anew = Certificate.parse(made[name].encode())
        assert anew.signed == shipped.signed
        assert anew.signature != shipped.signature
        assert (FOLDER / name).read_text() == shipped.pem()


def test_openssl_verifies_them() -> None:
    operating = FOLDER / "operating.pem"
    for file in (FOLDER / "root.pem", operating):
        shown = _openssl("verify", *OPENSSL_ID, "-CAfile", FOLDER / "root.pem", file)
        assert shown == f"{file}: OK\n"


def test_it_says_what_it_is(authority: TestAuthority) -> None:
    known: CertificateAuthority = authority
    assert known.environment == "test"
    assert "test CA" in known.name
    assert "published" in repr(known)


def test_a_damaged_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_authority, "profiles_dir", lambda: tmp_path)
    published_certificates.cache_clear()
    try:
        with pytest.raises(InputError, match="no certificate of the test CA") as caught:
            TestAuthority()
        assert caught.value.where.endswith("root.pem")
    finally:
        published_certificates.cache_clear()
